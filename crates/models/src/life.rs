//! The rules by which a task moves on, and what each move does to the tenant's account.
//!
//! Every rule takes the books (the account and the task) as they are and answers the books as they
//! shall be, with the postings, the timeline's steps and the event that go with it: a [`Turn`]. An
//! engine stores a turn in one atomic step or not at all. A rule that does not apply answers an
//! error and changes nothing; news that comes again, late or out of order is not an error, it just
//! changes nothing for the tenant (invariant 3).
//!
//! - [`submit`]: hold, renew, queue, refuse, unknown
//! - [`bind`]: EvoLink's id, and the hold's move to what EvoLink reserved
//! - [`news`]: what reads and callbacks bring, cancellation
//! - [`deadline`]: what time alone does
//! - [`results`]: whether a completed task's results are in the tenant's hands

pub mod bind;
pub mod deadline;
pub mod news;
pub mod results;
pub mod submit;

#[cfg(test)]
mod tests;

use crate::account::{Account, LedgerError};
use crate::event::EventKind;
use crate::journal::Posting;
use crate::note::{Note, Step};
use crate::task::{Lease, State, Task};
use crate::{Credits, Timestamp, view};

/// The account and one of its tasks, as they are in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    /// The tenant's account.
    pub account: Account,
    /// The task.
    pub task: Task,
}

/// What becomes of the client's idempotency key with this turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyFate {
    /// It goes on leading to the task.
    #[default]
    Kept,
    /// It is free again: the refusal was a temporary one.
    Freed,
    /// It leads to the task until then.
    Until(Timestamp),
}

/// What one rule did: stored in one atomic step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The books from now on.
    pub books: Books,
    /// The account's entries, in order.
    pub postings: Vec<Posting>,
    /// The timeline's steps, in order.
    pub notes: Vec<Note>,
    /// The event to tell the tenant.
    pub event: Option<EventKind>,
    /// What becomes of the client's idempotency key.
    pub key: KeyFate,
    /// The same request gets this task again until then: its client never had an answer.
    pub repeat_until: Option<Timestamp>,
}

/// Why a rule does not apply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LifeError {
    /// The task's state does not allow it.
    #[error("a task that is {0} can't do that")]
    Invalid(&'static str),
    /// The lease under which the work was done has ended or gone to somebody else; or the work is
    /// for whoever claims the task, and somebody else's lease has not run out.
    #[error("the lease on the task has ended, or is somebody else's")]
    Stale,
    /// EvoLink's task is not the one that this task asked for.
    #[error("EvoLink's task does not fit: {0}")]
    Misfit(&'static str),
    /// The account can't take the entry.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A turn in the making.
struct Draft {
    now: Timestamp,
    turn: Turn,
    loss_before: Credits,
}

impl Books {
    fn draft(self, now: Timestamp) -> Draft {
        let loss_before = self.task.loss();
        let turn = Turn {
            books: self,
            postings: Vec::new(),
            notes: Vec::new(),
            event: None,
            key: KeyFate::Kept,
            repeat_until: None,
        };
        Draft {
            now,
            turn,
            loss_before,
        }
    }

    /// Refuses whoever works under a lease that has ended or gone to somebody else. One that has run
    /// out is good until somebody claims the task: nothing was done behind its holder's back.
    fn check_lease(&self, fence: u64) -> Result<(), LifeError> {
        match self.task.lease {
            Some(lease) if lease.fence == fence => Ok(()),
            _ => Err(LifeError::Stale),
        }
    }
}

impl Draft {
    fn task(&mut self) -> &mut Task {
        &mut self.turn.books.task
    }

    fn note(&mut self, step: Step) {
        self.turn.notes.push(Note { at: self.now, step });
    }

    fn post(&mut self, posting: Posting) -> Result<(), LedgerError> {
        self.turn.books.account = self.turn.books.account.post(&posting)?;
        self.turn.postings.push(posting);
        Ok(())
    }

    /// Gives the task to nobody, to be looked at when `due`.
    fn hand_back(&mut self, due: Option<Timestamp>) {
        let task = self.task();
        task.lease = None;
        task.due = due;
    }

    /// Gives the whole hold back.
    fn release(&mut self) -> Result<(), LedgerError> {
        let amount = self.task().hold;
        self.post(Posting::Released { amount })?;
        self.task().hold = Credits::ZERO;
        self.note(Step::Released { credits: amount });
        Ok(())
    }

    /// Charges `price`, but never above the hold, and gives the rest of the hold back.
    fn settle(&mut self, price: Credits) -> Result<(), LedgerError> {
        let hold = self.task().hold;
        let charged = price.min(hold);
        let released = hold.checked_sub(charged).ok_or(LedgerError::Overflow)?;
        self.post(Posting::Settled { charged, released })?;
        let task = self.task();
        task.hold = Credits::ZERO;
        task.charged = charged;
        self.note(Step::Settled { charged, released });
        Ok(())
    }

    /// The task's end for the tenant: the state, the event, the key's fate. The money was posted.
    fn end(&mut self, state: State) {
        let now = self.now;
        self.note(Step::Ended {
            state: state.name().to_owned(),
        });
        let task = self.task();
        task.state = state;
        task.ended = Some(now);
        task.resend = None;
        task.can_cancel = false;
        let due = match &task.state {
            // Somebody looks in time whether the tenant has the results.
            State::Completed => Some(results::expiring_at(now)),
            // A callback said that EvoLink has it all the same: the platform's books want to know.
            _ => (task.hint.is_some() && task.upstream.is_none()).then_some(now),
        };
        self.hand_back(due);
        self.turn.event = view::event(&self.turn.books.task);
        self.turn.key = KeyFate::Until(now.plus(crate::idempotency::KEPT_AFTER_END));
    }

    fn done(mut self) -> Turn {
        let loss = self.turn.books.task.loss();
        if loss != self.loss_before {
            self.note(Step::PlatformLoss { credits: loss });
        }
        self.turn
    }
}

/// Claims a due task for a worker: a new fencing token, a lease until `until`, and nobody else looks
/// at it before that. A submitter's lease is never taken before it has run out.
pub fn claim(mut task: Task, now: Timestamp, until: Timestamp) -> Result<Task, LifeError> {
    let due = task.due.is_some_and(|due| due <= now);
    let free = task.lease.is_none_or(|lease| lease.until <= now);
    if !due || !free {
        return Err(LifeError::Stale);
    }
    task.fence = task.fence.saturating_add(1);
    task.lease = Some(Lease {
        fence: task.fence,
        until,
    });
    task.due = Some(until);
    Ok(task)
}
