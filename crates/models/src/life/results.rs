//! The results of a completed task: EvoLink deletes them a day after the end, so a tenant who does not
//! seem to have them is told in time.
//!
//! Four hours before that somebody looks. A tenant has the results who read the finished task or its
//! content, or took the event of its end, whenever that was; and one who took the event that they run out
//! knows. Results of which neither is so *run out* ([`run_out`]) from that look on, until one of it happens
//! or they are gone: EvoLink deletes them, or the task leaves.

use super::{Books, LifeError, Turn};
use crate::event::EventKind;
use crate::note::Step;
use crate::task::{State, Task};
use crate::{Millis, Timestamp};

/// How long EvoLink keeps results after the task's end (EvoLink's documentation of results).
pub const RESULTS_KEPT: Millis = 24 * 3600 * 1000;
/// How long before that the tenant is told.
const TOLD_BEFORE: Millis = 4 * 3600 * 1000;
/// How much earlier than meant somebody may look, by a clock that is fast.
const BEFORE_THE_LOOK: Millis = 60 * 1000;

/// When somebody should look whether the results of a task that completed at `ended` are in the
/// tenant's hands.
pub fn expiring_at(ended: Timestamp) -> Timestamp {
    ended.plus(RESULTS_KEPT - TOLD_BEFORE)
}

/// Are the results still waited for, so that the tenant may have to be told?
pub fn is_awaited(task: &Task) -> bool {
    task.state == State::Completed && task.fetched.is_none()
}

/// Do the results run out, with nobody who has them or knows? That is what was looked at in time: nothing is
/// due for it any more. It is so until [`gone_at`], which the task itself can't say.
pub fn run_out(task: &Task) -> bool {
    is_awaited(task) && task.due.is_none()
}

/// When EvoLink deletes the results of a task that completed at `ended`.
pub fn gone_at(ended: Timestamp) -> Timestamp {
    ended.plus(RESULTS_KEPT)
}

/// Does a receiver who took the event `kind` of `at` at `now` end the care for the results? One who took
/// the end of the task has them: before the look that is seen by whoever looks, and need not be noted.
pub fn taken_late(kind: EventKind, at: Timestamp, now: Timestamp) -> bool {
    match kind {
        EventKind::TaskCompleted => now >= expiring_at(at).plus(-BEFORE_THE_LOOK),
        EventKind::TaskExpiring => true,
        _ => false,
    }
}

/// The tenant was given the results, or knows that they run out: nobody needs to be told.
pub fn fetched(books: Books, now: Timestamp) -> Turn {
    let mut draft = books.draft(now);
    let task = draft.task();
    if is_awaited(task) {
        task.fetched = Some(now);
        draft.hand_back(None);
    }
    draft.done()
}

/// The results run out soon. `delivered`: a receiver took the event of the task's end. One that asks too
/// early is told to come again.
pub fn expiring(books: Books, delivered: bool, now: Timestamp) -> Result<Turn, LifeError> {
    if books.task.state != State::Completed {
        return Err(LifeError::Invalid(books.task.state.name()));
    }
    let mut draft = books.draft(now);
    let task = draft.task();
    // Told or settled once, nothing is due any more: whoever looks again finds nothing to do.
    let open = is_awaited(task) && task.due.is_some() && !delivered;
    let at = task.ended.map_or(now, expiring_at);
    if open && now < at {
        draft.hand_back(Some(at));
        return Ok(draft.done());
    }
    draft.hand_back(None);
    let task = draft.task();
    if delivered && is_awaited(task) {
        task.fetched = Some(now);
    }
    if open {
        draft.note(Step::Expiring);
        draft.turn.event = Some(EventKind::TaskExpiring);
    }
    Ok(draft.done())
}
