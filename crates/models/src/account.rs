//! A tenant's account: what it was granted, and where that is now.
//!
//! The rule, after every entry: `granted = available + held + spent`, in whole micro-credits. Entries
//! are posted one by one; an entry that would break a rule is refused and changes nothing.

use serde::{Deserialize, Serialize};

use crate::Credits;
use crate::journal::Posting;

/// A tenant's four sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    /// Everything that admins granted, less their corrections.
    pub granted: Credits,
    /// What may still be held. Negative only for an unlimited tenant, or by the one task whose price
    /// at EvoLink was above the estimate.
    pub available: Credits,
    /// The sum of the open holds.
    pub held: Credits,
    /// The sum of the settlements.
    pub spent: Credits,
}

/// Why an entry can't be posted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A sum would leave the range of [`Credits`].
    #[error("the sum leaves the range of 2^53 micro-credits")]
    Overflow,
    /// An amount that must not be negative is, or a hold would give back more than it holds.
    #[error("an entry of a negative amount, or of more than is held")]
    Impossible,
}

impl Account {
    /// The account after `posting`.
    pub fn post(self, posting: &Posting) -> Result<Self, LedgerError> {
        let next = match *posting {
            Posting::Granted { amount } => {
                self.sums(amount, amount, Credits::ZERO, Credits::ZERO)?
            }
            Posting::Held { amount } => {
                not_negative(&[amount])?;
                self.sums(Credits::ZERO, negated(amount)?, amount, Credits::ZERO)?
            }
            Posting::Moved { from, to } => {
                not_negative(&[from, to])?;
                let more = to.checked_sub(from).ok_or(LedgerError::Overflow)?;
                self.sums(Credits::ZERO, negated(more)?, more, Credits::ZERO)?
            }
            Posting::Settled { charged, released } => {
                not_negative(&[charged, released])?;
                let hold = charged.checked_add(released).ok_or(LedgerError::Overflow)?;
                self.sums(Credits::ZERO, released, negated(hold)?, charged)?
            }
            Posting::Released { amount } => {
                not_negative(&[amount])?;
                self.sums(Credits::ZERO, amount, negated(amount)?, Credits::ZERO)?
            }
        };
        if next.held.is_negative() {
            return Err(LedgerError::Impossible);
        }
        Ok(next)
    }

    /// Does `granted = available + held + spent` hold?
    pub fn balances(&self) -> bool {
        self.available
            .checked_add(self.held)
            .and_then(|sum| sum.checked_add(self.spent))
            == Some(self.granted)
    }

    fn sums(
        self,
        granted: Credits,
        available: Credits,
        held: Credits,
        spent: Credits,
    ) -> Result<Self, LedgerError> {
        let add = |sum: Credits, more| sum.checked_add(more).ok_or(LedgerError::Overflow);
        Ok(Self {
            granted: add(self.granted, granted)?,
            available: add(self.available, available)?,
            held: add(self.held, held)?,
            spent: add(self.spent, spent)?,
        })
    }
}

/// Does the balance, which was `before` and is `after` now, count as low, and must the tenant be told?
/// `low` is what the first answer was last time. Told once, when something was taken and the balance is
/// below the threshold; and again only after it was not.
pub fn low_credits(
    low: bool,
    threshold: Option<Credits>,
    before: Credits,
    after: Credits,
) -> (bool, bool) {
    match threshold {
        Some(threshold) if after < threshold => {
            let tell = !low && after < before;
            (low || tell, tell)
        }
        _ => (false, false),
    }
}

fn negated(amount: Credits) -> Result<Credits, LedgerError> {
    Credits::ZERO
        .checked_sub(amount)
        .ok_or(LedgerError::Overflow)
}

fn not_negative(amounts: &[Credits]) -> Result<(), LedgerError> {
    if amounts.iter().any(|amount| amount.is_negative()) {
        return Err(LedgerError::Impossible);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amount() -> impl Strategy<Value = Credits> {
        prop_oneof![0..=Credits::MAX.micro(), 0..=1000_i64]
            .prop_map(|micro| Credits::from_micro(micro).unwrap())
    }

    fn posting() -> impl Strategy<Value = Posting> {
        prop_oneof![
            amount().prop_map(|amount| Posting::Granted { amount }),
            amount().prop_map(|amount| Posting::Held { amount }),
            (amount(), amount()).prop_map(|(from, to)| Posting::Moved { from, to }),
            (amount(), amount())
                .prop_map(|(charged, released)| Posting::Settled { charged, released }),
            amount().prop_map(|amount| Posting::Released { amount }),
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_posted_the_account_balances(
            postings in prop::collection::vec(posting(), 0..50)
        ) {
            let mut account = Account::default();
            for posting in &postings {
                account = account.post(posting).unwrap_or(account);
                prop_assert!(account.balances());
                prop_assert!(!account.held.is_negative() && !account.spent.is_negative());
            }
        }
    }

    #[test]
    fn a_low_balance_is_told_once_until_it_was_not_low() {
        let credits = |n| Some(Credits::whole(n));
        let mut low = false;
        let mut told = Vec::new();
        let mut before = Credits::ZERO;
        for (threshold, after) in [
            (credits(10), 5), // granted less than the threshold: nothing was taken
            (credits(10), 4),
            (credits(10), 3),
            (credits(10), 10),
            (credits(10), 9),
            (credits(5), 6), // no longer low, and the next fall is told
            (credits(5), 4),
            (None, 1),
            (credits(5), 1), // nothing was taken
            (credits(5), 0),
        ] {
            let after = Credits::whole(after);
            let tell;
            (low, tell) = low_credits(low, threshold, before, after);
            told.push(tell);
            before = after;
        }
        let expected = [
            false, true, false, false, true, false, true, false, false, true,
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn negative_amounts_are_no_entries() {
        let minus = Credits::from_micro(-1).unwrap();
        for posting in [
            Posting::Held { amount: minus },
            Posting::Released { amount: minus },
            Posting::Moved {
                from: Credits::ZERO,
                to: minus,
            },
            Posting::Settled {
                charged: minus,
                released: Credits::ZERO,
            },
        ] {
            assert_eq!(
                Account::default().post(&posting),
                Err(LedgerError::Impossible)
            );
        }
    }
}
