//! A look at EvoLink for `evogate doctor`: does it answer, does it take the key, and what time is it there?
//! Nothing is generated, so nothing is spent.

use evogate_models::{Millis, Timestamp};
use jiff::fmt::rfc2822;

use super::answer::{Answer, LIST, exchange};
use super::{Account, EvoLink, Failure, lists};

/// What EvoLink showed.
#[derive(Debug)]
pub struct Examined {
    /// The account that the key belongs to, as far as EvoLink tells; or why it does not.
    pub account: Result<Option<Account>, Failure>,
    /// How far EvoLink's clock is ahead of ours. It tells whole seconds, so it is half a second off at most.
    pub ahead: Option<Millis>,
}

impl EvoLink {
    /// Asks for the account's credits, or, where EvoLink has no such call, for the first page of its tasks.
    pub async fn examine(&self) -> Examined {
        let (answer, ahead) = match self.ask("credits").await {
            Ok(known) => known,
            Err(failure) => {
                return Examined {
                    account: Err(failure),
                    ahead: None,
                };
            }
        };
        let account = match self.understand(&answer, lists::account) {
            Ok(account) => Ok(Some(account)),
            // The call is newer than the others, and its shape is not certain.
            Err(Failure {
                status: Some(200..=299 | 404),
                ..
            }) => self.list_page(1, 1).await.map(|_| None),
            Err(failure) => Err(failure),
        };
        Examined { account, ahead }
    }

    async fn ask(&self, path: &str) -> Result<(Answer, Option<Millis>), Failure> {
        let asked = self.now();
        let answer = exchange(self.get(path), LIST).await?;
        let date = answer.date.as_ref().and_then(|date| date.to_str().ok());
        let ahead = date.and_then(|date| ahead(date, asked, self.now()));
        Ok((answer, ahead))
    }
}

/// How far a clock is ahead of ours that said `date` between two moments.
fn ahead(date: &str, asked: Timestamp, answered: Timestamp) -> Option<Millis> {
    let date = rfc2822::parse(date).ok()?.timestamp().as_millisecond();
    let between = asked.plus(answered.since(asked) / 2);
    // What was cut off is half a second on average.
    Some(Timestamp::from_millis(date).plus(500).since(between))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Fri, 27 Feb 2026 14:49:41 GMT";

    #[test]
    fn a_clock_is_compared_in_the_middle_of_the_call() {
        let asked = Timestamp::from_seconds(1_772_203_781);
        assert_eq!(ahead(DATE, asked, asked.plus(1000)), Some(0));
        assert_eq!(
            ahead(DATE, asked.plus(10_000), asked.plus(11_000)),
            Some(-10_000)
        );
        assert_eq!(ahead("soon", asked, asked), None);
    }
}
