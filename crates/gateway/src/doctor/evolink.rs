//! EvoLink: does it answer and take the key, does it have the models of the catalogue, and what time is it there?

use std::collections::HashSet;
use std::sync::Arc;

use evogate_models::Millis;
use evogate_models::task::CLOCK_SKEW;
use evogate_store::SystemClock;

use super::Finding;
use crate::config::Config;
use crate::evolink::{Account, EvoLink, Failure};

const EVOLINK: &str = "evolink";
const CATALOGUE: &str = "catalogue";
const CLOCK: &str = "clock";

/// How far the clocks may be apart before it is worth a word, in milliseconds.
const SKEW: Millis = 3_000;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let evolink = match EvoLink::new(&config.evolink, Arc::new(SystemClock)) {
        Ok(evolink) => evolink,
        Err(error) => {
            return vec![Finding::bad(
                EVOLINK,
                error.to_string(),
                "correct that setting",
            )];
        }
    };
    let (seen, models) = tokio::join!(evolink.examine(), evolink.models());
    let mut found = vec![reach(&seen.account)];
    let names = config
        .catalogue
        .models()
        .map(|model| model.name().to_owned());
    found.push(catalogue(&names.collect::<Vec<_>>(), models));
    if let Some(ahead) = seen.ahead {
        found.push(clock(ahead));
    }
    found
}

fn reach(account: &Result<Option<Account>, Failure>) -> Finding {
    match account {
        Ok(Some(account)) => {
            let left = account.user.remaining.or(account.token.remaining);
            match left {
                Some(left) if left.micro() <= 0 && !account.unlimited => Finding::warning(
                    EVOLINK,
                    "EvoLink answers and takes the key; the account has no credits left",
                    "top up the account at EvoLink: until then it refuses every submit",
                ),
                Some(left) => Finding::ok(
                    EVOLINK,
                    format!("EvoLink answers and takes the key; the account has {left} credits"),
                ),
                None => Finding::ok(EVOLINK, "EvoLink answers and takes the key"),
            }
        }
        Ok(None) => Finding::ok(EVOLINK, "EvoLink answers and takes the key"),
        Err(Failure { status, why, .. }) => {
            let to_do = match status {
                Some(401 | 403) => {
                    "put the key of the company's EvoLink account into evolink.api_key"
                }
                Some(402) => "top up the account at EvoLink",
                Some(429) => "wait a little: EvoLink limits this account's calls",
                Some(404) => {
                    "see whether evolink.base_url ends with the API's version, as in https://api.evolink.ai/v1"
                }
                Some(_) => "see EvoLink's status page; nothing here can help",
                None => {
                    "see whether evolink.base_url is right, and whether this machine may call it: a firewall, \
                         evolink.proxy, CA certificates"
                }
            };
            let found = format!("EvoLink does not help: {why}");
            if *status == Some(429) {
                Finding::warning(EVOLINK, found, to_do)
            } else {
                Finding::bad(EVOLINK, found, to_do)
            }
        }
    }
}

fn catalogue(ours: &[String], theirs: Result<Vec<String>, Failure>) -> Finding {
    let theirs: HashSet<String> = match theirs {
        Ok(theirs) => theirs.into_iter().collect(),
        Err(Failure { why, .. }) => {
            let found = format!("EvoLink's list of models can't be read: {why}");
            let to_do = "compare the catalogue with EvoLink's documentation by hand";
            return Finding::warning(CATALOGUE, found, to_do);
        }
    };
    let missing: Vec<&str> = ours
        .iter()
        .filter(|name| !theirs.contains(*name))
        .map(String::as_str)
        .collect();
    let unknown = theirs.iter().filter(|name| !ours.contains(name)).count();
    if missing.is_empty() {
        let found = format!(
            "EvoLink has all {} models of it, and {unknown} more",
            ours.len()
        );
        return Finding::ok(CATALOGUE, found);
    }
    if missing.len() == ours.len() {
        let found = format!(
            "none of its models is among the {} in EvoLink's list",
            theirs.len()
        );
        let to_do = "EvoLink's list may leave them out; compare with its documentation by hand";
        return Finding::warning(CATALOGUE, found, to_do);
    }
    let found = format!("EvoLink does not list {}", missing.join(", "));
    let to_do = "take them out of the catalogue (setting `catalogue`), or correct their names: EvoLink \
                 refuses their submits";
    Finding::bad(CATALOGUE, found, to_do)
}

fn clock(ahead: Millis) -> Finding {
    let found = difference("EvoLink", ahead);
    let to_do = "let this machine take its time from the network (NTP)";
    match ahead.saturating_abs() {
        ..=SKEW => Finding::ok(CLOCK, found),
        off if off <= CLOCK_SKEW => Finding::warning(CLOCK, found, to_do),
        _ => Finding::bad(CLOCK, found, to_do),
    }
}

/// How far somebody's clock is ahead of ours, in words.
pub(super) fn difference(whose: &str, ahead: Millis) -> String {
    let seconds = (ahead.saturating_abs().saturating_add(500)) / 1000;
    match (seconds, ahead) {
        (0, _) => format!("{whose}'s clock and this machine's agree"),
        (_, 0..) => format!("{whose}'s clock is {seconds} s ahead of this machine's"),
        _ => format!("{whose}'s clock is {seconds} s behind this machine's"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::Status;
    use super::*;
    use crate::evolink::Pot;

    fn failure(status: Option<u16>) -> Failure {
        Failure {
            why: "HTTP …".to_owned(),
            status,
            wait: None,
        }
    }

    #[rstest]
    #[case(Some(401), Status::Bad, "evolink.api_key")]
    #[case(Some(402), Status::Bad, "top up")]
    #[case(Some(404), Status::Bad, "evolink.base_url")]
    #[case(Some(429), Status::Warning, "wait")]
    #[case(Some(503), Status::Bad, "status page")]
    #[case(None, Status::Bad, "firewall")]
    fn each_failure_has_its_remedy(
        #[case] status: Option<u16>,
        #[case] is: Status,
        #[case] remedy: &str,
    ) {
        let found = reach(&Err(failure(status)));
        assert_eq!(found.status, is);
        assert!(found.to_do.unwrap().contains(remedy));
    }

    #[test]
    fn an_account_without_credits_is_worth_a_word() {
        let with = |credits: &str, unlimited| {
            let user = Pot {
                remaining: Some(credits.parse().unwrap()),
                used: None,
            };
            let account = Account {
                unlimited,
                user,
                ..Account::default()
            };
            reach(&Ok(Some(account))).status
        };
        assert_eq!(with("0.1", false), Status::Ok);
        assert_eq!(with("0", false), Status::Warning);
        assert_eq!(with("0", true), Status::Ok);
    }

    #[test]
    fn models_that_evolink_lacks_are_bad_where_its_list_has_others_of_ours() {
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let ours = names(&["a", "b"]);
        let status = |theirs: &[&str]| catalogue(&ours, Ok(names(theirs))).status;
        assert_eq!(status(&["b", "c", "a"]), Status::Ok);
        assert_eq!(status(&["a", "c"]), Status::Bad);
        assert_eq!(status(&["gpt"]), Status::Warning, "a list of other things");
        assert_eq!(
            catalogue(&ours, Err(failure(Some(404)))).status,
            Status::Warning
        );
        assert!(catalogue(&ours, Ok(names(&["a"]))).found.ends_with(" b"));
    }

    #[rstest]
    #[case(400, Status::Ok, "agree")]
    #[case(-3_000, Status::Ok, "3 s behind")]
    #[case(3_001, Status::Warning, "3 s ahead")]
    #[case(-10_000, Status::Warning, "10 s behind")]
    #[case(10_001, Status::Bad, "10 s ahead")]
    fn a_clock_that_is_off_spoils_what_is_matched_by_time(
        #[case] ahead: Millis,
        #[case] status: Status,
        #[case] words: &str,
    ) {
        let found = clock(ahead);
        assert_eq!(found.status, status);
        assert!(found.found.contains(words), "{}", found.found);
    }
}
