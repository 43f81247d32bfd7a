//! What EvoLink's reads and callbacks bring, and what clients wish.

use super::{Books, Draft, LifeError, Turn, results};
use crate::note::{Step, Why};
use crate::report::{Report, Status};
use crate::task::{Hint, State, Task};
use crate::{Credits, Millis, Timestamp, UpstreamId, schedule, view};

/// Takes what a read of the bound task said. True whoever brings it, so no lease is asked for; what
/// is older than what we know changes nothing.
pub fn news(books: Books, report: &Report, now: Timestamp) -> Result<Turn, LifeError> {
    match &books.task.upstream {
        None => return Err(LifeError::Invalid(books.task.state.name())),
        Some(upstream) if *upstream != report.id => {
            return Err(LifeError::Misfit("another task's report"));
        }
        Some(_) => {}
    }
    let mut draft = books.draft(now);
    take(&mut draft, report)?;
    let task = draft.task();
    let looked = task.lease.is_some() || task.due.is_some_and(|due| due <= now);
    if !task.state.is_ended() && looked {
        missed(&mut draft);
    }
    Ok(draft.done())
}

/// The rule of [`news`], on a task whose upstream id is the report's.
pub(super) fn take(draft: &mut Draft, report: &Report) -> Result<(), LifeError> {
    let now = draft.now;
    draft.task().refreshed = Some(now);
    if draft.task().state.is_ended() {
        learn_bill(draft, report);
        return Ok(());
    }
    if !report.status.is_terminal() {
        progress(draft, report);
        return Ok(());
    }
    let id = draft.task().id.clone();
    draft.task().body = Some(report.with_id(id.as_str()));
    draft.task().hint = None;
    match report.status {
        Status::Completed => {
            let price = bill(draft.task(), report);
            draft.task().billed = price;
            draft.settle(price)?;
            draft.end(State::Completed);
        }
        Status::Cancelled => {
            draft.release()?;
            draft.end(State::Cancelled);
        }
        _ => {
            draft.release()?;
            draft.end(State::Failed);
        }
    }
    Ok(())
}

/// What EvoLink bills for a completed task: `credits_used`, else `credits_reserved`, else the hold.
fn bill(task: &Task, report: &Report) -> Credits {
    report
        .used
        .or(report.reserved)
        .or(task.reserved)
        .unwrap_or(task.hold)
}

/// News of a task that has ended for the tenant: only the platform's books learn from it.
fn learn_bill(draft: &mut Draft, report: &Report) {
    let now = draft.now;
    let task = draft.task();
    match (&task.state, report.status) {
        // The verdict was EvoLink's own and was settled on; a repeat adds nothing unless it says
        // what was used.
        (State::Completed, status) => {
            if status == Status::Completed {
                task.billed = report.used.unwrap_or(task.billed);
            }
            // What is due now is about its results, and none of the report's business.
            return;
        }
        (_, Status::Completed) => {
            task.billed = report
                .used
                .or(report.reserved)
                .or(task.reserved)
                .unwrap_or(task.estimate);
        }
        (_, Status::Failed | Status::Cancelled) => task.billed = Credits::ZERO,
        // Older than EvoLink's own verdict.
        _ if task.has_verdict() => return,
        // Still running at EvoLink: what it has reserved is not a bill yet, but ask again.
        (_, Status::Pending | Status::Processing) => {
            let next = schedule::next_look(task, now);
            let open = next <= draft.task().deadline;
            draft.hand_back(open.then_some(next));
            return;
        }
    }
    draft.task().hint = None;
    draft.hand_back(None);
}

/// A read that found no end. Progress only goes forward.
fn progress(draft: &mut Draft, report: &Report) {
    let task = draft.task();
    let behind = task.state == State::Processing && report.status == Status::Pending;
    if !behind {
        let body = report.with_id(task.id.as_str());
        let changed = task.body.as_ref() != Some(&body);
        if report.status == Status::Processing {
            task.state = State::Processing;
        }
        task.can_cancel = report.can_cancel.unwrap_or(true);
        task.body = Some(body);
        if changed {
            let status = view::shown(task).as_str().to_owned();
            draft.note(Step::Read {
                status,
                progress: report.progress,
            });
        }
    }
}

/// After a look that ended nothing: when to look again.
fn missed(draft: &mut Draft) {
    let now = draft.now;
    let task = draft.task();
    let next = schedule::next_look(task, now);
    if let Some(hint) = &mut task.hint {
        hint.reads = hint.reads.saturating_add(1);
        // Until it is bound, the id in the hint may be all that leads to EvoLink's task.
        if task.upstream.is_some() && !schedule::hint_is_fresh(hint.reads) {
            task.hint = None;
        }
    }
    let over = task.state.is_ended() && !results::is_awaited(task) && next > task.deadline;
    draft.hand_back((!over).then_some(next));
}

/// EvoLink was asked under the lease `fence`, in vain: a time-out, an error, a 404 or garbage is
/// never an end (invariant 6).
pub fn in_vain(
    books: Books,
    fence: u64,
    why: Option<Why>,
    now: Timestamp,
) -> Result<Turn, LifeError> {
    books.check_lease(fence)?;
    if matches!(
        books.task.state,
        State::Queued { .. } | State::Submitting { .. }
    ) {
        return Err(LifeError::Invalid(books.task.state.name()));
    }
    let mut draft = books.draft(now);
    if let Some(why) = why {
        draft.task().refreshed = Some(now);
        draft.note(Step::ReadFailed { why });
    }
    missed(&mut draft);
    Ok(draft.done())
}

/// The look under the lease `fence` was broken off before it told anything: somebody else may look at once.
pub fn hand_back(books: Books, fence: u64, now: Timestamp) -> Result<Turn, LifeError> {
    books.check_lease(fence)?;
    if matches!(
        books.task.state,
        State::Queued { .. } | State::Submitting { .. }
    ) {
        return Err(LifeError::Invalid(books.task.state.name()));
    }
    let mut draft = books.draft(now);
    draft.hand_back(Some(now));
    Ok(draft.done())
}

/// A callback with a valid token came: the task is due now (invariant 9). The first one bypasses
/// `refresh_after`; repeats wait for it.
pub fn callback(
    books: Books,
    upstream: Option<UpstreamId>,
    refresh_after: Millis,
    now: Timestamp,
) -> Turn {
    let mut draft = books.draft(now);
    let task = draft.task();
    let first = task.callbacks == 0;
    task.callbacks = task.callbacks.saturating_add(1);
    // The verdict that EvoLink itself gave is final: nothing more to learn.
    if task.has_verdict() {
        return draft.done();
    }
    if first {
        draft.note(Step::Callback);
    }
    let task = draft.task();
    let at = match task.refreshed {
        Some(refreshed) if !first => now.max(refreshed.plus(refresh_after)),
        _ => now,
    };
    match &mut task.hint {
        // No id is proven, so the newest gets its turn.
        Some(hint) => hint.upstream = upstream.or_else(|| hint.upstream.take()),
        None => task.hint = Some(Hint { upstream, reads: 0 }),
    }
    // Whoever holds a lease finds the hint when it is done: a submitter by its bind.
    let leased = task.lease.is_some_and(|lease| lease.until > now);
    if !leased {
        task.due = Some(task.due.map_or(at, |due| due.min(at)));
    }
    draft.done()
}

/// What a client's wish to cancel leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// It was not at EvoLink yet and is cancelled.
    Done,
    /// The wish is stored; EvoLink must be asked now.
    Ask,
    /// The wish is stored and will be sent on bind.
    Later,
}

/// The client wants the task cancelled. The wish is stored before it is sent.
pub fn want_cancel(books: Books, now: Timestamp) -> Result<(Turn, Cancel), LifeError> {
    if books.task.state.is_ended() {
        return Err(LifeError::Invalid(books.task.state.name()));
    }
    let mut draft = books.draft(now);
    if draft.task().cancel_wanted.is_none() {
        draft.task().cancel_wanted = Some(now);
        draft.note(Step::CancelWanted);
    }
    let cancel = match draft.task().state {
        State::Queued { .. } => {
            draft.release()?;
            draft.end(State::Cancelled);
            Cancel::Done
        }
        State::Pending | State::Processing => {
            // Should whoever asks EvoLink now die, a worker asks again.
            let again = now.plus(ASK_AGAIN);
            let task = draft.task();
            task.cancel_asked = Some(now);
            task.due = Some(task.due.map_or(again, |due| due.min(again)));
            Cancel::Ask
        }
        _ => Cancel::Later,
    };
    Ok((draft.done(), cancel))
}

/// After this a worker asks EvoLink again to cancel what nobody saw through.
const ASK_AGAIN: Millis = 5_000;

/// Should a worker ask EvoLink now to cancel the task? Not while somebody else just did.
pub fn cancel_is_due(task: &Task, now: Timestamp) -> bool {
    let asked = task
        .cancel_asked
        .is_some_and(|asked| now.since(asked) < ASK_AGAIN);
    task.cancel_wanted.is_some() && task.can_cancel && !asked
}

/// EvoLink answered a cancel. Not a verdict: the read that follows is.
pub fn cancel_sent(books: Books, answer: Why, now: Timestamp) -> Turn {
    let mut draft = books.draft(now);
    draft.task().cancel_asked = Some(now);
    draft.note(Step::CancelSent { answer });
    draft.done()
}
