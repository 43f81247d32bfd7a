//! From the hold to EvoLink's answer, when the answer is not a task.

use super::{Books, Draft, KeyFate, LifeError, Turn};
use crate::account::{Account, LedgerError};
use crate::idempotency::REPEAT_WITHIN;
use crate::journal::Posting;
use crate::note::{Step, Why};
use crate::quota::Windows;
use crate::task::{Author, Lease, Spec, State, Task};
use crate::{Credits, Millis, Refusal, TaskId, TenantId, Timestamp, TraceParent, schedule};

/// The submitter's fencing token: the first of every task. It keeps it through its renewals.
pub(super) const SUBMITTER: u64 = 1;

/// A submit that asks for its hold.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The id minted for it.
    pub id: TaskId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who submits.
    pub author: Author,
    /// What is asked for.
    pub spec: Spec,
    /// The catalogue's price.
    pub estimate: Credits,
    /// Where the tenant wants the result sent.
    pub callback_url: Option<String>,
    /// The client's idempotency key.
    pub idempotency_key: Option<String>,
    /// Fingerprint of credential, route and body.
    pub fingerprint: String,
    /// The body, where it may be sent again.
    pub resend: Option<String>,
    /// Nothing is sent later than this after the hold.
    pub send_within: Millis,
    /// How long the submitter may be silent before the outcome counts as unknown.
    pub lease: Millis,
    /// How long after the hold a task that EvoLink accepted may stay unfinished.
    pub deadline: Millis,
    /// The calendar windows around now, in the tenant's time zone.
    pub windows: Windows,
    /// The request's trace, where somebody follows it.
    pub trace: Option<TraceParent>,
}

/// Why no hold is taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoldError {
    /// The balance does not cover it.
    #[error("Insufficient credits. Required: {required}, Available: {available}")]
    InsufficientCredits {
        /// The estimate.
        required: Credits,
        /// What may still be held.
        available: Credits,
    },
    /// The account can't take the entry.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Takes the hold and makes the task (invariant 4). `unlimited` tenants have no floor.
pub fn hold(
    account: Account,
    unlimited: bool,
    intent: Intent,
    now: Timestamp,
) -> Result<Turn, HoldError> {
    let amount = intent.estimate;
    if !unlimited && amount > account.available {
        return Err(HoldError::InsufficientCredits {
            required: amount,
            available: account.available,
        });
    }
    let lease = Lease {
        fence: SUBMITTER,
        until: now.plus(intent.lease),
    };
    let task = Task {
        id: intent.id,
        tenant: intent.tenant,
        created: now,
        author: intent.author,
        spec: intent.spec,
        estimate: amount,
        hold: amount,
        charged: Credits::ZERO,
        billed: Credits::ZERO,
        state: State::Submitting {
            not_after: now.plus(intent.send_within),
        },
        upstream: None,
        reserved: None,
        body: None,
        can_cancel: true,
        cancel_wanted: None,
        cancel_asked: None,
        callback_url: intent.callback_url,
        idempotency_key: intent.idempotency_key,
        fingerprint: intent.fingerprint,
        told: false,
        resend: intent.resend,
        due: Some(lease.until),
        lease: Some(lease),
        fence: lease.fence,
        hint: None,
        callbacks: 0,
        refreshed: None,
        ended: None,
        fetched: None,
        windows: intent.windows.at(now),
        deadline: now.plus(intent.deadline),
        trace: intent.trace,
    };
    let mut draft = Books { account, task }.draft(now);
    draft.post(Posting::Held { amount })?;
    draft.note(Step::Held { credits: amount });
    Ok(draft.done())
}

/// Gives the submitter more time, and the right to send until `send_within` from now: before a
/// submit that comes too late for its `not_after`, after a wait in the queue, or while it waits for
/// EvoLink's answer.
pub fn renew(
    books: Books,
    fence: u64,
    send_within: Millis,
    lease: Millis,
    now: Timestamp,
) -> Result<Turn, LifeError> {
    books.check_lease(fence)?;
    let queued = match books.task.state {
        State::Submitting { .. } => false,
        State::Queued { .. } => true,
        ref other => return Err(LifeError::Invalid(other.name())),
    };
    let mut draft = books.draft(now);
    if queued {
        draft.note(Step::Resumed);
    }
    let until = now.plus(lease);
    let task = draft.task();
    task.state = State::Submitting {
        not_after: now.plus(send_within),
    };
    task.lease = Some(Lease { fence, until });
    task.due = Some(until);
    Ok(draft.done())
}

/// EvoLink does not have it for sure, and it will be sent again at `until`.
pub fn queue(
    books: Books,
    fence: u64,
    until: Timestamp,
    why: Why,
    lease: Millis,
    now: Timestamp,
) -> Result<Turn, LifeError> {
    books.check_lease(fence)?;
    if !matches!(books.task.state, State::Submitting { .. }) {
        return Err(LifeError::Invalid(books.task.state.name()));
    }
    let mut draft = books.draft(now);
    let lease_until = until.plus(lease);
    let task = draft.task();
    task.state = State::Queued { until };
    task.lease = Some(Lease {
        fence,
        until: lease_until,
    });
    task.due = Some(lease_until);
    draft.note(Step::Queued { until, why });
    Ok(draft.done())
}

/// EvoLink said no, in a way that the table of refusals trusts, or it was never sent: the hold is
/// given back. `temporary` refusals free the idempotency key. `told`: somebody was already given the
/// task, so the end is an event; otherwise the refusal is the answer itself.
///
/// A refusal that comes after the lease ran out is as true as before it, so no lease is asked for.
pub fn refuse(
    books: Books,
    refusal: Refusal,
    temporary: bool,
    told: bool,
    now: Timestamp,
) -> Result<Turn, LifeError> {
    match books.task.state {
        State::Submitting { .. } | State::Queued { .. } | State::Unknown { .. } => {}
        // Ended already (by an admin, or at its deadline): nothing changes for the tenant.
        ref state if state.is_ended() => return Ok(books.draft(now).done()),
        ref other => return Err(LifeError::Invalid(other.name())),
    }
    let mut draft = books.draft(now);
    rejected(&mut draft, refusal, temporary)?;
    if !told && !draft.task().told {
        draft.turn.event = None;
    }
    Ok(draft.done())
}

/// The end of a task that EvoLink does not have.
pub(super) fn rejected(
    draft: &mut Draft,
    refusal: Refusal,
    temporary: bool,
) -> Result<(), LifeError> {
    draft.release()?;
    draft.note(Step::Rejected {
        status: refusal.status,
        code: refusal.code.clone(),
        message: refusal.message.clone(),
    });
    draft.end(State::Rejected { refusal });
    if temporary {
        draft.turn.key = KeyFate::Freed;
    }
    Ok(())
}

/// It was sent, and what became of it is not known (invariant 7). It is given up at `until`.
pub fn unknown(
    books: Books,
    fence: u64,
    why: Why,
    until: Timestamp,
    now: Timestamp,
) -> Result<Turn, LifeError> {
    books.check_lease(fence)?;
    if !matches!(books.task.state, State::Submitting { .. }) {
        return Err(LifeError::Invalid(books.task.state.name()));
    }
    let mut draft = books.draft(now);
    lose_sight(&mut draft, why, until);
    Ok(draft.done())
}

pub(super) fn lose_sight(draft: &mut Draft, why: Why, until: Timestamp) {
    let now = draft.now;
    let task = draft.task();
    task.state = State::Unknown {
        since: now,
        until,
        why: why.clone(),
    };
    // A callback that came before the answer names EvoLink's task: look at once.
    let due = if task.hint.is_some() {
        now
    } else {
        schedule::next_look(task, now)
    };
    draft.hand_back(Some(due));
    draft.note(Step::Unknown { why });
}

/// The client was seen to hang up before its answer: the same request gets this task for a while. A
/// refusal that nobody has read is no reason not to try again.
pub fn hung_up(books: Books, now: Timestamp) -> Turn {
    let mut draft = books.draft(now);
    if !matches!(draft.task().state, State::Rejected { .. }) {
        draft.turn.repeat_until = Some(now.plus(REPEAT_WITHIN));
    }
    draft.done()
}
