//! The results of a completed task: EvoLink deletes them a day after the end, so a tenant who does not
//! seem to have them is told in time.

use super::{Books, LifeError, Turn};
use crate::event::EventKind;
use crate::note::Step;
use crate::task::{State, Task};
use crate::{Millis, Timestamp};

/// How long EvoLink keeps results after the task's end (EvoLink's documentation of results).
pub const RESULTS_KEPT: Millis = 24 * 3600 * 1000;
/// How long before that the tenant is told.
const TOLD_BEFORE: Millis = 4 * 3600 * 1000;

/// When somebody should look whether the results of a task that completed at `ended` are in the
/// tenant's hands.
pub fn expiring_at(ended: Timestamp) -> Timestamp {
    ended.plus(RESULTS_KEPT - TOLD_BEFORE)
}

/// Are the results still waited for, so that the tenant may have to be told?
pub fn is_awaited(task: &Task) -> bool {
    task.state == State::Completed && task.fetched.is_none()
}

/// The tenant's client was given the results: nobody needs to be told that they run out.
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
    if open {
        draft.note(Step::Expiring);
        draft.turn.event = Some(EventKind::TaskExpiring);
    }
    Ok(draft.done())
}
