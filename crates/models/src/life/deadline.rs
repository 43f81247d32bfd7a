//! What time alone does to a task: leases and deadlines that run out.

use super::{Books, LifeError, Turn, submit};
use crate::idempotency::REPEAT_WITHIN;
use crate::task::State;
use crate::{ErrorCode, Millis, Refusal, Timestamp, schedule};

/// The submitter was silent past its lease: what was on its way to EvoLink is unknown; what waited
/// in the queue was never sent and is given back. The same request gets the task again for a while.
pub fn lease_ran_out(
    books: Books,
    unknown_deadline: Millis,
    now: Timestamp,
) -> Result<Turn, LifeError> {
    // A worker that sweeps holds a claim of its own; its fence is newer than the submitter's.
    let lease = books.task.lease;
    if lease.is_some_and(|lease| lease.fence == submit::SUBMITTER && lease.until > now) {
        return Err(LifeError::Stale);
    }
    let mut draft = books.draft(now);
    match draft.task().state {
        State::Submitting { .. } => {
            submit::lose_sight(
                &mut draft,
                "the gateway that sent it went silent".into(),
                now.plus(unknown_deadline),
            );
            draft.turn.repeat_until = Some(now.plus(REPEAT_WITHIN));
        }
        State::Queued { .. } => {
            let refusal = Refusal {
                status: 503,
                kind: "service_unavailable_error".to_owned(),
                code: ErrorCode::UpstreamUnavailable.as_str().to_owned(),
                message: "The gateway was restarted before EvoLink took the task; it was not sent"
                    .to_owned(),
                retry_after: None,
            };
            submit::rejected(&mut draft, refusal, true)?;
        }
        ref other => return Err(LifeError::Invalid(other.name())),
    }
    Ok(draft.done())
}

/// An unknown task met its deadline, or an admin gave it up: lost. EvoLink may still have it, so it
/// is looked for on, rarely, for the platform's books.
pub fn lose(books: Books, now: Timestamp) -> Result<Turn, LifeError> {
    if !matches!(books.task.state, State::Unknown { .. }) {
        return Err(LifeError::Invalid(books.task.state.name()));
    }
    let mut draft = books.draft(now);
    draft.release()?;
    draft.end(State::Lost);
    let task = draft.task();
    let next = schedule::next_look(task, now);
    task.due = (next <= task.deadline).then_some(next);
    Ok(draft.done())
}

/// A task that EvoLink has is unfinished past its deadline: expired. Nothing can be learned any
/// more by asking, so what EvoLink reserved counts as billed until later news corrects it.
pub fn expire(books: Books, now: Timestamp) -> Result<Turn, LifeError> {
    if !books.task.state.is_running() {
        return Err(LifeError::Invalid(books.task.state.name()));
    }
    if now < books.task.deadline {
        return Err(LifeError::Invalid(books.task.state.name()));
    }
    let mut draft = books.draft(now);
    let task = draft.task();
    task.billed = task.reserved.unwrap_or(task.hold);
    draft.release()?;
    draft.end(State::Expired);
    Ok(draft.done())
}
