//! What the whole store has, counted: for gauges that every replica shows alike.
//!
//! Next to nothing is counted when it is asked for: accounts keep their sums, and sorted sets their length and
//! their first member. So a census costs as much as there are tenants, however many tasks there are.

use evogate_models::account::Account;
use evogate_models::journal::Posting;
use evogate_models::life::results::RESULTS_KEPT;
use evogate_models::task::{State, Task};
use evogate_models::{Credits, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// A census.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    /// The tenants, by id.
    pub tenants: Vec<TenantSums>,
    /// When the oldest unfinished task was made.
    pub oldest_unfinished: Option<Timestamp>,
    /// When the oldest task was made whose submit has an unknown outcome.
    pub oldest_unknown: Option<Timestamp>,
    /// Deliveries that are still to be made.
    pub deliveries: u64,
    /// When the event of the oldest of those was.
    pub oldest_delivery: Option<Timestamp>,
    /// Deliveries that were given up.
    pub dead: u64,
    /// Completed tasks whose results run out with nobody who has them or knows
    /// ([`evogate_models::life::results::run_out`]), and are not gone yet.
    pub expiring: u64,
    /// What EvoLink bills beyond what the tenants paid, in micro-credits.
    pub platform_loss: i64,
}

impl Census {
    /// Unfinished tasks of all tenants.
    pub fn open(&self) -> OpenTasks {
        let all = self.tenants.iter().map(|tenant| tenant.open);
        all.fold(OpenTasks::default(), OpenTasks::plus)
    }
}

/// What a tenant has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSums {
    /// Which tenant.
    pub tenant: TenantId,
    /// Its account.
    pub account: Account,
    /// What was given back of its holds, ever.
    pub refunded: Credits,
    /// Its unfinished tasks.
    pub open: OpenTasks,
}

/// How many tasks are in each of the states in which a task is unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OpenTasks(pub [u32; 5]);

impl OpenTasks {
    /// The states, in order, as [`State::name`] says them.
    pub const STATES: [&str; 5] = ["queued", "submitting", "unknown", "pending", "processing"];

    /// The place of a task's state; none once it has ended.
    pub(crate) const fn place(task: &Task) -> Option<usize> {
        match task.state {
            State::Queued { .. } => Some(0),
            State::Submitting { .. } => Some(1),
            State::Unknown { .. } => Some(2),
            State::Pending => Some(3),
            State::Processing => Some(4),
            _ => None,
        }
    }

    /// As it is after a task has changed.
    #[must_use]
    pub(crate) fn moved(mut self, before: Option<&Task>, after: &Task) -> Self {
        let before = before.and_then(Self::place);
        if let Some(count) = before.and_then(|place| self.0.get_mut(place)) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = Self::place(after).and_then(|place| self.0.get_mut(place)) {
            *count = count.saturating_add(1);
        }
        self
    }

    fn plus(self, other: Self) -> Self {
        let mut sums = self.0;
        for (sum, more) in sums.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(more);
        }
        Self(sums)
    }
}

/// Results of tasks that ended later are not gone yet.
pub(crate) fn gone_by(now: Timestamp) -> Timestamp {
    now.plus(-RESULTS_KEPT)
}

/// What postings give back of holds.
pub(crate) fn given_back(postings: &[Posting]) -> Credits {
    let amounts = postings.iter().map(|posting| match *posting {
        Posting::Settled { released, .. } => released,
        Posting::Released { amount } => amount,
        Posting::Granted { .. } | Posting::Held { .. } | Posting::Moved { .. } => Credits::ZERO,
    });
    amounts.fold(Credits::ZERO, |sum, amount| {
        sum.checked_add(amount).unwrap_or(Credits::MAX)
    })
}
