//! Binding: the moment in which a task of ours and a task of EvoLink's become one.

use super::{Books, Draft, LifeError, Turn, news};
use crate::account::{Account, LedgerError};
use crate::journal::Posting;
use crate::note::Step;
use crate::report::Report;
use crate::task::{State, Task};
use crate::{Credits, Timestamp, schedule};

/// The hold follows `credits_reserved` up to this many times the estimate; beyond it the hold stays
/// and an alarm goes off (invariant 5).
const RESERVED_AT_MOST: i64 = 3;

/// How EvoLink's task was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is the answer to our submit: true whoever brings it, and whenever.
    Answer,
    /// The same submit was sent again with its idempotency key, and EvoLink honours those.
    Repeat,
    /// A callback with our token named it.
    Callback,
    /// It was the only match in EvoLink's list.
    List,
    /// An admin decided it.
    Admin,
}

impl Found {
    /// As the timeline says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Repeat => "repeat",
            Self::Callback => "callback",
            Self::List => "list",
            Self::Admin => "admin",
        }
    }

    /// Is it an answer to our own request, so that no further proof is needed?
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Answer | Self::Repeat)
    }
}

/// Binds the task to EvoLink's. `window` is how long after the hold EvoLink may have taken it, in
/// milliseconds; it matters where the binding rests on a match.
///
/// A task that ended in the meantime (lost, or rejected) stays as it ended; the binding then only
/// tells the platform's books what EvoLink bills.
pub fn bind(
    books: Books,
    report: &Report,
    found: Found,
    window: i64,
    now: Timestamp,
) -> Result<Turn, LifeError> {
    if let Some(upstream) = &books.task.upstream {
        if *upstream != report.id {
            return Err(LifeError::Misfit(
                "the task is bound to another of EvoLink's",
            ));
        }
        return news::news(books, report, now);
    }
    let fits = books
        .task
        .fits(report.model.as_deref(), report.created, window);
    if !found.is_answer() && !fits {
        return Err(LifeError::Misfit("model or creation time differ"));
    }
    let mut draft = books.draft(now);
    draft.note(Step::Bound {
        upstream: report.id.clone(),
        by: found.as_str().to_owned(),
        reserved: report.reserved,
    });
    let task = draft.task();
    task.upstream = Some(report.id.clone());
    task.reserved = report.reserved;
    task.resend = None;
    if !task.state.is_ended() {
        move_hold(&mut draft)?;
        let task = draft.task();
        task.state = State::Pending;
        let due = if task.hint.is_some() || task.cancel_wanted.is_some() {
            now
        } else {
            schedule::first_read(task, now)
        };
        draft.hand_back(Some(due));
    }
    news::take(&mut draft, report)?;
    Ok(draft.done())
}

/// Moves the hold to what EvoLink reserved, where that is within reason.
fn move_hold(draft: &mut Draft) -> Result<(), LedgerError> {
    let task = draft.task();
    let (from, estimate) = (task.hold, task.estimate);
    let Some(to) = task.reserved else {
        return Ok(());
    };
    let most = estimate
        .checked_mul(RESERVED_AT_MOST)
        .unwrap_or(Credits::MAX);
    if to > most {
        draft.note(Step::ReservedTooFar { reserved: to });
        return Ok(());
    }
    if to != from {
        draft.post(Posting::Moved { from, to })?;
        draft.task().hold = to;
        draft.note(Step::Moved { from, to });
    }
    Ok(())
}

/// Makes a record again that the store has lost, from what an authenticated token or a submitter's
/// memory says of it: the hold is taken again, whatever the balance, and the task is unknown until
/// it is bound.
pub fn restore(
    account: Account,
    mut task: Task,
    until: Timestamp,
    now: Timestamp,
) -> Result<Turn, LifeError> {
    let amount = task.estimate;
    task.hold = amount;
    task.charged = Credits::ZERO;
    task.billed = Credits::ZERO;
    // What EvoLink has, and says of it, is found out anew.
    task.upstream = None;
    task.reserved = None;
    task.body = None;
    task.hint = None;
    task.ended = None;
    task.fetched = None;
    task.lease = None;
    let mut draft = Books { account, task }.draft(now);
    draft.post(Posting::Held { amount })?;
    draft.note(Step::Restored);
    super::submit::lose_sight(&mut draft, "the store had lost this task".into(), until);
    Ok(draft.done())
}
