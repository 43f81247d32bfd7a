//! The budget of repeated calls.
//!
//! When EvoLink is in trouble, repeating what failed makes the trouble worse. So what is repeated is paid for:
//! each call that a client caused earns a part of one more call (`evolink.retry_percent`), and each repetition
//! spends a whole one. All calls together are then at most 1.1 times those that clients caused, beside a small
//! reserve, which fills up slowly by itself so that a quiet gateway can repeat one, too.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::metrics::{RETRIES_DENIED, RETRY_BUDGET, UPSTREAM_RETRIES};

/// A call, in hundredths.
const CALL: i64 = 100;
/// What there is at the start, and what fills up by itself.
const RESERVE: i64 = 10 * CALL;
/// The most that is saved.
const MOST: i64 = 100 * CALL;
/// A call of the reserve comes back in this time.
const REFILL: Duration = Duration::from_secs(6);

/// Why a call is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// EvoLink was busy when it got a submit.
    Busy,
    /// A submit surely did not reach EvoLink.
    NotSent,
    /// What became of a submit is not known; it is sent under the same idempotency key.
    Unknown,
    /// EvoLink answers no reads, so that each call of a worker is one more try.
    Failing,
}

impl Again {
    /// As metrics show it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
            Self::Failing => "failing",
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Retries {
    percent: i64,
    saved: AtomicI64,
    began: Instant,
    /// How many times [`REFILL`] has been reckoned with.
    refilled: AtomicU64,
}

impl Retries {
    pub(super) fn new(percent: u32) -> Self {
        Self {
            percent: percent.into(),
            saved: AtomicI64::new(RESERVE),
            began: Instant::now(),
            refilled: AtomicU64::new(0),
        }
    }

    /// A client caused a call.
    pub fn earn(&self) {
        self.add(self.percent, MOST);
    }

    /// May a call be repeated? Then it is paid for, and counted.
    pub fn spend(&self, why: Again) -> bool {
        self.refill(self.began.elapsed());
        let pay = |saved: i64| (saved >= CALL).then(|| saved.saturating_sub(CALL));
        let paid = self
            .saved
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, pay);
        match paid {
            Ok(_) => UPSTREAM_RETRIES.one([why.as_str()]),
            Err(_) => RETRIES_DENIED.one([]),
        }
        paid.is_ok()
    }

    /// Sets the gauge.
    pub fn publish(&self) {
        let calls = self.saved.load(Ordering::Relaxed).checked_div(CALL);
        let calls = u32::try_from(calls.unwrap_or_default()).unwrap_or_default();
        RETRY_BUDGET.set([], f64::from(calls));
    }

    fn refill(&self, passed: Duration) {
        let due = passed.as_millis().checked_div(REFILL.as_millis());
        let due = u64::try_from(due.unwrap_or_default()).unwrap_or(u64::MAX);
        let before = self.refilled.fetch_max(due, Ordering::AcqRel);
        let calls = i64::try_from(due.saturating_sub(before)).unwrap_or(i64::MAX);
        if calls > 0 {
            self.add(calls.saturating_mul(CALL), RESERVE);
        }
    }

    /// Adds, up to `most`; takes nothing away from what is above that.
    fn add(&self, amount: i64, most: i64) {
        let added = |saved: i64| (saved < most).then(|| saved.saturating_add(amount).min(most));
        let _ = self
            .saved
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, added);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spend_all(retries: &Retries) -> usize {
        std::iter::from_fn(|| retries.spend(Again::Busy).then_some(())).count()
    }

    #[test]
    fn a_quiet_gateway_has_a_reserve_that_fills_up_by_itself() {
        let retries = Retries::new(10);
        assert_eq!(spend_all(&retries), 10);
        retries.refill(REFILL * 3);
        assert_eq!(spend_all(&retries), 3);
        retries.refill(REFILL * 100);
        assert_eq!(spend_all(&retries), 10);
    }

    proptest! {
        #[test]
        fn repeated_calls_are_a_tenth_of_those_that_clients_caused(steps in prop::collection::vec(any::<bool>(), 0..2000)) {
            let retries = Retries::new(10);
            let (mut caused, mut repeated) = (0, 0);
            for spends in steps {
                if spends {
                    repeated += usize::from(retries.spend(Again::Failing));
                } else {
                    caused += 1;
                    retries.earn();
                }
                prop_assert!(repeated * 10 <= caused + 100);
            }
        }

        #[test]
        fn without_a_percentage_there_is_only_the_reserve(caused in 0..500) {
            let retries = Retries::new(0);
            (0..caused).for_each(|_| retries.earn());
            prop_assert_eq!(spend_all(&retries), 10);
        }
    }
}
