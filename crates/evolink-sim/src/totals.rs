//! The account's sums, kept in step with every change of a task.

use serde::{Deserialize, Serialize};

use crate::money::Micro;
use crate::task::{Task, Verdict};

/// What the tasks add up to. Unlike the list of jobs it never forgets one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Held for tasks that have not ended.
    pub(crate) reserved: Micro,
    pub(crate) billed: Micro,
    pub(crate) tasks: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
}

impl Totals {
    pub(crate) fn of(task: &Task) -> Self {
        let verdict = task.end.as_ref().map(|end| &end.verdict);
        Self {
            reserved: match verdict {
                None => task.reserved,
                Some(_) => Micro::ZERO,
            },
            billed: task.billed().unwrap_or(Micro::ZERO),
            tasks: 1,
            completed: u64::from(verdict == Some(&Verdict::Completed)),
            failed: u64::from(matches!(verdict, Some(Verdict::Failed { .. }))),
            cancelled: u64::from(verdict == Some(&Verdict::Cancelled)),
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.reserved = self.reserved.plus(other.reserved);
        self.billed = self.billed.plus(other.billed);
        self.tasks = self.tasks.saturating_add(other.tasks);
        self.completed = self.completed.saturating_add(other.completed);
        self.failed = self.failed.saturating_add(other.failed);
        self.cancelled = self.cancelled.saturating_add(other.cancelled);
    }

    pub(crate) fn remove(&mut self, other: Self) {
        self.reserved = self.reserved.minus(other.reserved);
        self.billed = self.billed.minus(other.billed);
        self.tasks = self.tasks.saturating_sub(other.tasks);
        self.completed = self.completed.saturating_sub(other.completed);
        self.failed = self.failed.saturating_sub(other.failed);
        self.cancelled = self.cancelled.saturating_sub(other.cancelled);
    }

    /// How many have not ended.
    pub(crate) fn open(&self) -> u64 {
        self.tasks
            .saturating_sub(self.completed)
            .saturating_sub(self.failed)
            .saturating_sub(self.cancelled)
    }
}
