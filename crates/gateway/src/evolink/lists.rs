//! EvoLink's answers about many things at once. These shapes come from newer pages than the tutorial and
//! nobody here has seen them live, so as little as possible is required of them.

use evogate_models::report::Report;
use evogate_models::{Credits, Timestamp, UpstreamId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

/// A task in EvoLink's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// EvoLink's id.
    pub id: UpstreamId,
    /// The model, if it is said.
    pub model: Option<String>,
    /// When EvoLink took it, if that is said in a way that can be read.
    pub created: Option<Timestamp>,
    /// The status, as EvoLink writes it.
    pub status: Option<String>,
}

/// One page of EvoLink's list of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// The tasks of all pages, if it is said.
    pub total: Option<u64>,
    /// The tasks of this page.
    pub entries: Vec<ListEntry>,
}

/// One pot of credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pot {
    /// What is left.
    pub remaining: Option<Credits>,
    /// What was used.
    pub used: Option<Credits>,
}

/// The company's account at EvoLink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// What our key may use.
    pub token: Pot,
    /// Our key has no limit of its own.
    pub unlimited: bool,
    /// What the account has.
    pub user: Pot,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
    total: Option<Value>,
}

#[derive(Deserialize)]
struct Entry {
    id: UpstreamId,
    model: Option<Value>,
    created_at: Option<Value>,
    created: Option<Value>,
    status: Option<Value>,
}

#[derive(Deserialize)]
struct Credit {
    token: Option<WirePot>,
    user: Option<WirePot>,
}

#[derive(Deserialize)]
struct WirePot {
    #[serde(rename = "remaining_credits")]
    remaining: Option<Box<RawValue>>,
    #[serde(rename = "used_credits")]
    used: Option<Box<RawValue>>,
    #[serde(rename = "unlimited_credits")]
    unlimited: Option<Value>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
}

/// The tasks of a batch read; what can't be read counts as left out.
pub(super) fn batch(body: &[u8]) -> Option<Vec<Report>> {
    let tasks = envelope::<Vec<Box<RawValue>>>(body)?.data;
    let reports = tasks
        .iter()
        .map(|task| Report::parse(task.get().as_bytes()));
    Some(reports.filter_map(Result::ok).collect())
}

/// A page of the task list. Other answers may have gaps, this one not: who looks for a task in all pages
/// takes an absent one for a proof, so an entry without an id that can be read spoils the page.
pub(super) fn page(body: &[u8]) -> Option<ListPage> {
    let Envelope { data, total } = envelope::<Vec<Entry>>(body)?;
    let entries = data.into_iter().map(|entry| ListEntry {
        id: entry.id,
        model: text(entry.model),
        created: entry.created_at.or(entry.created).and_then(|at| time(&at)),
        status: text(entry.status),
    });
    Some(ListPage {
        total: total.as_ref().and_then(Value::as_u64),
        entries: entries.collect(),
    })
}

/// The account's credits. At least one of the two pots must be there.
pub(super) fn account(body: &[u8]) -> Option<Account> {
    let Credit { token, user } = envelope::<Credit>(body)?.data;
    if token.is_none() && user.is_none() {
        return None;
    }
    let unlimited = token.as_ref().and_then(|pot| pot.unlimited.as_ref());
    Some(Account {
        unlimited: unlimited == Some(&Value::Bool(true)),
        token: token.as_ref().map(pot).unwrap_or_default(),
        user: user.as_ref().map(pot).unwrap_or_default(),
    })
}

/// The names of the models.
pub(super) fn models(body: &[u8]) -> Option<Vec<String>> {
    let models = envelope::<Vec<Value>>(body)?.data;
    let models = models.into_iter().map(serde_json::from_value::<Model>);
    Some(
        models
            .filter_map(Result::ok)
            .map(|model| model.id)
            .collect(),
    )
}

fn envelope<T: DeserializeOwned>(body: &[u8]) -> Option<Envelope<T>> {
    serde_json::from_slice(body).ok()
}

fn text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn pot(wire: &WirePot) -> Pot {
    Pot {
        remaining: wire.remaining.as_deref().and_then(amount),
        used: wire.used.as_deref().and_then(amount),
    }
}

/// An amount, written as a number or as a number in a string.
fn amount(raw: &RawValue) -> Option<Credits> {
    raw.get().trim_matches('"').parse().ok()
}

/// Seconds or milliseconds since the epoch, or RFC 3339.
fn time(value: &Value) -> Option<Timestamp> {
    // Seconds reach this in the year 5138; milliseconds passed it in 1973.
    const MILLIS: i64 = 100_000_000_000;
    if let Value::String(text) = value {
        let at = text.parse::<jiff::Timestamp>().ok()?;
        return Some(Timestamp::from_millis(at.as_millisecond()));
    }
    match value.as_i64()? {
        millis @ MILLIS.. => Some(Timestamp::from_millis(millis)),
        seconds @ 0.. => Some(Timestamp::from_seconds(seconds)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1772203771", Some(1_772_203_771_000))]
    #[case("1772203771500", Some(1_772_203_771_500))]
    #[case(r#""2026-02-27T14:49:31Z""#, Some(1_772_203_771_000))]
    #[case(r#""yesterday""#, None)]
    #[case("-1", None)]
    #[case("1.5", None)]
    #[case("null", None)]
    fn a_time_is_read_in_the_ways_it_may_be_written(#[case] at: &str, #[case] millis: Option<i64>) {
        for name in ["created_at", "created"] {
            let body = format!(r#"{{"data":[{{"id":"a","{name}":{at}}}]}}"#);
            let page = page(body.as_bytes()).unwrap();
            assert_eq!(page.entries[0].created, millis.map(Timestamp::from_millis));
        }
    }

    #[test]
    fn an_entry_needs_an_id_and_nothing_else() {
        let read = page(br#"{"data":[{"id":"a","model":7,"status":null}]}"#).unwrap();
        assert_eq!(read.total, None);
        assert_eq!(read.entries[0].model, None);
        assert_eq!(page(br#"{"data":[{"id":"a"},{"model":"b"}]}"#), None);
        assert_eq!(page(br#"{"data":[{"id":"../a"}]}"#), None);
    }

    #[rstest]
    #[case("null")]
    #[case("{}")]
    #[case(r#"{"token":null}"#)]
    fn an_account_without_credits_is_none(#[case] data: &str) {
        assert_eq!(account(format!(r#"{{"data":{data}}}"#).as_bytes()), None);
    }

    #[test]
    fn an_account_may_lack_a_pot() {
        let read = account(br#"{"data":{"user":{"remaining_credits":-0.5}}}"#).unwrap();
        assert_eq!(read.user.remaining, Some("-0.5".parse().unwrap()));
        assert_eq!(read.token, Pot::default());
        assert!(!read.unlimited);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body: Vec<u8>) {
            let _ = (batch(&body), page(&body), account(&body), models(&body));
        }
    }
}
