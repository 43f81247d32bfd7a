//! How long things are kept, and what is remembered of what has left.
//!
//! A task leaves the store as a whole, with its timeline, its deliveries and whatever led to it, once it
//! has ended long enough ago and nothing is left to do about it; an open one never does. What it paid and
//! what the platform lost by it go into the tenant's [`Departed`], so that the sums still add up:
//! `spent` = departed + present, and so for the platform's loss.
//!
//! A journal entry leaves only from the front, into the tenant's [`Opening`](crate::journal::Opening), and
//! not before the task that it speaks of has left or while it is open: so every finished task that can be
//! looked at can be looked up in the journal too.

use serde::{Deserialize, Serialize};

use crate::journal::Entry;
use crate::task::{State, Task};
use crate::{Credits, Millis, TaskId, Timestamp};

/// How long what has ended is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Tasks, from their end.
    pub tasks: Millis,
    /// Journal entries, from their time. At least as long as tasks.
    pub journal: Millis,
}

/// How much longer something is kept for a delivery that is still to be made: to an endpoint that is
/// disabled, or one that fails so long that not all could be tried yet.
pub const WAITED_FOR: Millis = 3 * 24 * 3600 * 1000;

impl Retention {
    /// The newest second of creation that a task which may leave at `now` can have in its id: no task ends
    /// before it is made.
    pub const fn newest_second(&self, now: Timestamp) -> i64 {
        now.plus(-self.tasks).seconds()
    }

    /// May the task leave at `now`? A delivery of it that is still to be made is for the store to look
    /// for: it keeps the task too.
    pub fn lets_task_go(&self, task: &Task, now: Timestamp) -> bool {
        let ended = task.ended.unwrap_or(task.created);
        // What is due of a completed one is to say that its results run out; by then they have.
        let due = task.due.is_some() && task.state != State::Completed;
        task.state.is_ended() && !due && now.since(ended) >= self.tasks
    }

    /// May an event of the time `at` leave at `now`? `pending`: a delivery of it is still to be made. Those
    /// of a task's leave with the task, and keep it as long.
    pub const fn lets_event_go(&self, at: Timestamp, pending: bool, now: Timestamp) -> bool {
        let waits = if pending { WAITED_FOR } else { 0 };
        now.since(at) >= self.tasks.saturating_add(waits)
    }

    /// May the entry leave at `now`, if it is the first of its journal? `task` is the one that it speaks
    /// of, where the store has it.
    pub fn lets_entry_go(&self, entry: &Entry, task: Option<&Task>, now: Timestamp) -> bool {
        let finished_and_here = task.is_some_and(|task| task.state.is_ended());
        !finished_and_here && now.since(entry.at) >= self.journal
    }
}

/// What a tenant's tasks that have left come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Departed {
    /// How many.
    pub tasks: u64,
    /// What was paid for them.
    pub charged: Credits,
    /// Their part of the platform's loss.
    pub loss: Credits,
    /// The newest second in their ids.
    pub through: i64,
}

impl Departed {
    /// With one task more; none when a sum would leave the range of [`Credits`], and then the task stays.
    #[must_use]
    pub fn with(self, task: &Task) -> Option<Self> {
        Some(Self {
            tasks: self.tasks.checked_add(1)?,
            charged: self.charged.checked_add(task.charged)?,
            loss: self.loss.checked_add(task.loss())?,
            through: self.through.max(task.id.seconds()),
        })
    }

    /// Is the id of a task that is not in the store used up? It may be that of one that has left: neither
    /// a new hold nor a restored record may have it, or one task would be in the journal twice.
    pub fn used_up(&self, absent: &TaskId) -> bool {
        absent.seconds() <= self.through
    }
}
