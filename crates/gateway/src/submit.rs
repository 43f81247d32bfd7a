//! A submit, from a valid request to EvoLink's answer: hold, send, bind.
//!
//! What must hold (design, section 4): the hold is taken in one step before a byte goes out; nothing
//! is sent later than the hold's `not_after`; a submit whose outcome is not known is never sent again;
//! and none of this depends on the client staying. So all of it runs in the background, and the
//! request only waits at a desk for what comes out.

mod desk;
mod disown;
mod drive;

use std::sync::Arc;

use bytes::Bytes;
use evogate_models::life::submit::{HoldError, Intent};
use evogate_models::quota::{Denied, Period, RateState, Scope, Windows};
use evogate_models::task::{State, Task};
use evogate_models::time::millis;
use evogate_models::{Credits, Millis, TaskId};
use evogate_store::{StoreError, Submit, SubmitError, Submitted, TaskCommand};
use jiff::tz::TimeZone;

use crate::context::Context;
use crate::error::ApiError;
use crate::failpoint;
use crate::load::Room;
use crate::metrics::{DENIED, RATE_LIMITED, SUBMITS};
use crate::state::Gateway;
use crate::submit::desk::Desk;
use crate::telemetry::{Kind, Span};
use crate::token::Claims;
use crate::windows;

/// Nothing is sent later than this after the hold was taken or renewed (invariant 7).
pub const SEND_WITHIN: Millis = 5_000;
/// How long a submitter may be silent before its submit counts as unknown; it renews well before.
pub const LEASE: Millis = 15_000;

/// What a client gets while the breaker is open.
const NOT_ANSWERING: &str = "EvoLink is not answering at the moment; nothing was submitted";

/// A request that was found good, ready to be held and sent.
#[derive(Debug)]
pub struct Order {
    /// What is asked for.
    pub intent: Intent,
    /// The body for EvoLink, with our callback URL in it.
    pub body: Bytes,
    /// The room that it takes up.
    pub room: Room,
    /// The version of the tenant by which the intent was made.
    pub policy: u64,
}

/// What the client gets.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The task as it stands.
    pub task: Task,
    /// Was it made by an earlier request?
    pub replay: bool,
    /// What the tenant may still hold.
    pub available: Credits,
    /// The tenant's rate of submits, where it has a limit and this one counted.
    pub rate: Option<RateState>,
}

impl Gateway {
    /// A new task's id.
    pub fn new_task_id(&self) -> TaskId {
        TaskId::mint(self.store.now(), self.random.bits())
    }

    /// The URL that EvoLink shall call for a task that is to be held; none without a `public_url`.
    pub fn callback_url(&self, intent: &Intent) -> Option<String> {
        self.tokens.as_ref()?.url(&Claims {
            tenant: intent.tenant.clone(),
            task: intent.id.clone(),
            kind: intent.spec.kind,
            estimate: intent.estimate,
            created: self.store.now(),
        })
    }

    /// How long after its hold EvoLink may have taken a task: all waits and tries, and the last
    /// submit's time-out.
    pub fn submit_window(&self) -> Millis {
        let submit = millis(self.config.submit.answer_within);
        let call = millis(self.config.evolink.timeout);
        submit.saturating_add(call).saturating_add(2 * SEND_WITHIN)
    }
}

/// Takes the hold, sends, and answers within `submit.answer_within`. Dropped (the client hung up) it
/// leaves a note with the task; the rest goes on.
pub async fn submit(
    gateway: &Gateway,
    order: Order,
    context: &Context,
) -> Result<Answer, ApiError> {
    let desk = Desk::default();
    let clerk = desk.clone();
    let (worker, context) = (gateway.clone(), context.clone());
    let span = Span::below("submit", Kind::Internal);
    gateway.background.spawn(async move {
        // In a box, for it is large, and what is spawned is moved a few times before it begins.
        let outcome = Box::pin(hold_and_send(&worker, order, &context, &clerk));
        let outcome = span.around(outcome).await;
        clerk.put(outcome);
    });
    desk.wait(gateway).await
}

async fn hold_and_send(
    gateway: &Gateway,
    order: Order,
    context: &Context,
    desk: &Desk,
) -> Result<Answer, ApiError> {
    let Order {
        mut intent,
        body,
        room: _room,
        policy,
    } = order;
    if gateway.config.evolink.honours_idempotency {
        intent.resend = std::str::from_utf8(&body).ok().map(str::to_owned);
    }
    let kind = intent.spec.kind;
    let permit = gateway.breaker.permit();
    let share = match &permit {
        Ok(_) => Some(gateway.shares.take(&intent.tenant).await),
        Err(_) => None,
    };
    let durable = gateway.durability.admits() && !gateway.recovery.is_under_way();
    let may_create =
        matches!(share, Some(Ok(_))) && durable && !gateway.background.is_handing_back();
    failpoint::pass("submit.before_hold");
    let held = match hold(gateway, &mut intent, policy, may_create).await {
        Ok(held) => held,
        Err(SubmitError::NotNow) => {
            count("not_now");
            if !durable {
                return Err(ApiError::store_unavailable());
            }
            if let Some(Err(refused)) = share {
                return Err(ApiError::upstream_share(refused.limit, refused.retry_after));
            }
            let seconds = permit.err().map(|open| seconds(open.retry_after));
            return Err(ApiError::upstream_unavailable(NOT_ANSWERING, seconds));
        }
        Err(error) => {
            if let SubmitError::Denied { denied, .. } = &error {
                count_denied(denied);
            }
            if matches!(error, SubmitError::Store(StoreError::Unanswered(_))) {
                disown::disown(gateway, &intent);
            }
            return Err(not_held(error, &intent.windows));
        }
    };
    let Submitted {
        task,
        replay,
        account,
        rate,
    } = held;
    context.set_task(&task.id);
    if replay {
        count("replayed");
        return answer_replay(task, account.available);
    }
    let Ok(permit) = permit else {
        return Err(ApiError::internal(&"a hold without a permit"));
    };
    failpoint::pass("submit.held");
    let task = Arc::new(task);
    desk.publish(gateway, &task, account.available, rate);
    drive::Drive {
        gateway,
        desk,
        kind,
        body,
        available: account.available,
        rate,
    }
    .run(task, permit)
    .await
}

/// A repeat gets the task as it stands; one that was refused is refused again in the same words.
fn answer_replay(task: Task, available: Credits) -> Result<Answer, ApiError> {
    if let State::Rejected { refusal } = &task.state {
        return Err(ApiError::refused(refusal));
    }
    Ok(Answer {
        task,
        replay: true,
        available,
        rate: None,
    })
}

/// Takes the hold. A tenant that was changed since the intent was made is looked at again, once: its
/// windows may lie in another time zone now.
async fn hold(
    gateway: &Gateway,
    intent: &mut Intent,
    policy: u64,
    may_create: bool,
) -> Result<Submitted, SubmitError> {
    let submit = |intent, policy| Submit {
        intent,
        policy: Some(policy),
        may_create,
    };
    match gateway.store.submit(submit(intent.clone(), policy)).await {
        Err(SubmitError::StalePolicy) => {
            gateway.auth.forget(&intent.tenant);
            let tenant = gateway.auth.policy(&gateway.store, &intent.tenant).await?;
            let tenant = tenant.ok_or(SubmitError::NoTenant)?;
            let zone = windows::time_zone(&tenant.quota.time_zone).unwrap_or(TimeZone::UTC);
            intent.windows = windows::windows(gateway.store.now(), &zone);
            gateway
                .store
                .submit(submit(intent.clone(), tenant.version))
                .await
        }
        other => other,
    }
}

/// What a submit without its hold is answered with. `windows` say when a window begins anew.
pub fn not_held(error: SubmitError, windows: &Windows) -> ApiError {
    match error {
        SubmitError::NoTenant | SubmitError::NoKey => ApiError::unauthorized(),
        SubmitError::Suspended => ApiError::suspended(),
        SubmitError::KeyMismatch => ApiError::idempotency_mismatch(),
        SubmitError::Denied { denied, required } => {
            ApiError::denied(denied, required, |period| resets(windows, period))
        }
        SubmitError::Hold(HoldError::InsufficientCredits {
            required,
            available,
        }) => ApiError::insufficient_credits(required, available),
        SubmitError::Hold(HoldError::Ledger(error)) => ApiError::internal(&error),
        SubmitError::NotNow | SubmitError::StalePolicy => {
            ApiError::upstream_unavailable("The gateway could not take it now; please retry", None)
        }
        SubmitError::Exists(id) => ApiError::internal(&format_args!("{id} was minted twice")),
        SubmitError::Store(error) => error.into(),
    }
}

/// When the next window of that period begins.
fn resets(windows: &Windows, period: Period) -> Option<String> {
    let at = Period::ALL
        .into_iter()
        .zip(windows.0)
        .find(|(of, _)| *of == period);
    let (_, next) = at.map(|(_, window)| window)?;
    let next = jiff::Timestamp::from_millisecond(next.millis()).ok()?;
    Some(next.strftime("%FT%TZ").to_string())
}

fn count(outcome: &'static str) {
    SUBMITS.one([outcome]);
}

/// Counts a submit that the tenant's quota denied.
fn count_denied(denied: &Denied) {
    count("denied");
    DENIED.one([match denied {
        Denied::Model => "model",
        Denied::Duration(_) => "duration",
        Denied::Quality => "quality",
        Denied::Rate(_) => "rate",
        Denied::InFlight { .. } => "in_flight",
        Denied::Balance { .. } => "balance",
        Denied::KeyCap { .. } => "key_cap",
        Denied::Window { scope, .. } => match scope {
            Scope::Tenant => "tenant_window",
            Scope::User => "user_window",
            Scope::Key => "key_window",
        },
    }]);
    match denied {
        Denied::Rate(_) => RATE_LIMITED.one(["tenant_submits"]),
        Denied::InFlight { .. } => RATE_LIMITED.one(["tenant_in_flight"]),
        _ => {}
    }
}

/// Whole seconds, rounded up, for `Retry-After`.
fn seconds(wait: std::time::Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000))
        .unwrap_or(u32::MAX)
        .max(1)
}

/// Notes that the client of `task` went away without an answer.
async fn hung_up(gateway: &Gateway, task: &Task) {
    count("hung_up");
    let done = gateway
        .store
        .turn(&task.tenant, &task.id, TaskCommand::HungUp)
        .await;
    if let Err(error) = done {
        tracing::warn!(task = %task.id, %error, "could not note that the client hung up");
    }
}

/// A store's failure, as the log tells it where nobody waits for an answer.
fn log_store(what: &str, task: &Task, error: &StoreError) {
    tracing::error!(task = %task.id, tenant = %task.tenant, %error, "{what}");
}
