//! Sends a held task and records what came of it: the table of EvoLink's answers (design, section 4).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evogate_models::life::bind::Found;
use evogate_models::note::{Step, Why};
use evogate_models::quota::RateState;
use evogate_models::report::Report;
use evogate_models::task::{MediaKind, State, Task};
use evogate_models::time::millis;
use evogate_models::{Credits, Refusal, Timestamp};
use evogate_store::{StoreError, TaskCommand, TaskOutcome, TurnError};

use super::desk::Desk;
use super::{Answer, LEASE, NOT_ANSWERING, SEND_WITHIN, count, log_store, seconds};
use crate::background::Background;
use crate::breaker::Permit;
use crate::error::ApiError;
use crate::evolink::{Again, ReadOutcome, SubmitCall, SubmitOutcome};
use crate::failpoint;
use crate::metrics::{ACCOUNT_REFUSALS, RESERVED_TOO_FAR};
use crate::state::Gateway;

/// How often a submit that surely did not reach EvoLink is sent.
const TRIES_UNSENT: u32 = 3;
/// How often a submit is sent again that EvoLink could not take at that moment.
const TRIES_BUSY: u32 = 2;
/// How often a lease is renewed while EvoLink thinks.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// One submit on its way.
pub(super) struct Drive<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) desk: &'a Desk,
    pub(super) kind: MediaKind,
    pub(super) body: Bytes,
    pub(super) available: Credits,
    pub(super) rate: Option<RateState>,
}

/// What the client gets; none when it is to be sent again.
type Done = Option<Result<Answer, ApiError>>;

/// How often it was tried, by reason.
#[derive(Default)]
struct Tries {
    unsent: u32,
    busy: u32,
    late: u32,
}

impl Drive<'_> {
    /// Sends until there is an answer, or no use in trying. `permit` is for the first try; each further
    /// one asks the breaker anew.
    pub(super) async fn run(self, mut task: Arc<Task>, permit: Permit) -> Result<Answer, ApiError> {
        let mut tries = Tries::default();
        self.gateway.evolink.retries().earn();
        let mut permit = Some(permit);
        let fence = task.fence;
        loop {
            let (outcome, found) = self.send(&task, fence).await;
            if let Some(permit) = permit.take() {
                judge(permit, &outcome);
            }
            if let Some(answer) = self.settle(&task, outcome, found, &mut tries).await {
                return answer;
            }
            match self.gateway.breaker.permit() {
                Ok(next) => permit = Some(next),
                Err(open) => {
                    let wait = Some(seconds(open.retry_after));
                    let error = ApiError::upstream_unavailable(NOT_ANSWERING, wait);
                    return Box::pin(self.give_back(&task, error, true)).await;
                }
            }
            // Nothing is sent on an old promise: the hold's `not_after` begins anew.
            match Box::pin(self.renew(&task, fence)).await {
                Ok(renewed) => task = Arc::new(renewed),
                Err(TurnError::Life(_)) => return Box::pin(self.as_it_stands(&task)).await,
                Err(error) => {
                    tracing::error!(task = %task.id, %error, "a submit could not be renewed");
                    let error = ApiError::store_unavailable();
                    return Box::pin(self.give_back(&task, error, true)).await;
                }
            }
        }
    }

    /// Records what came of one try. No answer: it is to be sent again.
    async fn settle(
        &self,
        task: &Task,
        outcome: SubmitOutcome,
        found: Found,
        tries: &mut Tries,
    ) -> Done {
        match outcome {
            SubmitOutcome::Accepted(report) => self.accepted(task, &report, found).await,
            // What is not usual is in boxes, so that the usual submit has no room for it.
            SubmitOutcome::Refused { refusal, account } => {
                Box::pin(self.refused(task, refusal, account)).await
            }
            SubmitOutcome::Unknown { why } => Box::pin(self.unknown(task, task.fence, why)).await,
            SubmitOutcome::Busy { refusal, wait } => {
                tries.busy += 1;
                let answer_by = task.created.after(self.gateway.config.submit.answer_within);
                let until = self.gateway.store.now().after(wait);
                let again =
                    tries.busy <= TRIES_BUSY && until < answer_by && self.may_repeat(Again::Busy);
                Box::pin(self.busy(task, task.fence, refusal, until, again)).await
            }
            SubmitOutcome::NotSent { why } => {
                tries.unsent += 1;
                let again = tries.unsent < TRIES_UNSENT && self.may_repeat(Again::NotSent);
                Box::pin(self.unsent(task, why, again)).await
            }
            SubmitOutcome::TooLate => {
                tries.late += 1;
                Box::pin(self.late(task, tries.late < TRIES_UNSENT)).await
            }
        }
    }

    /// May one more call be made for this submit?
    fn may_repeat(&self, why: Again) -> bool {
        self.gateway.evolink.retries().spend(why)
    }

    /// One call, with the lease renewed while it takes.
    async fn send(&self, task: &Task, fence: u64) -> (SubmitOutcome, Found) {
        let State::Submitting { not_after } = task.state else {
            return (SubmitOutcome::TooLate, Found::Answer);
        };
        let call = self.gateway.evolink.submit(SubmitCall {
            kind: self.kind,
            body: self.body.clone(),
            idempotency_key: task.id.to_string(),
            not_after,
        });
        let renewing = async {
            loop {
                tokio::time::sleep(RENEW_EVERY).await;
                // A lease that is lost makes the task unknown; the answer, if one comes, still counts.
                let Ok(renewed) = Box::pin(self.renew(task, fence)).await else {
                    continue;
                };
                // A callback can come before a slow answer does, and names EvoLink's task.
                if let Some(report) = Box::pin(self.named_by_callback(&renewed)).await {
                    return report;
                }
            }
        };
        tokio::select! {
            outcome = call => (outcome, Found::Answer),
            report = renewing => (SubmitOutcome::Accepted(report), Found::Callback),
            // Another replica looks for it at once, and not when the lease ends.
            () = self.gateway.background.handing_back() => {
                let why = "the gateway ended before EvoLink answered".to_owned();
                (SubmitOutcome::Unknown { why }, Found::Answer)
            }
        }
    }

    /// EvoLink's task that a callback with our token named, if a read shows that it is this one.
    async fn named_by_callback(&self, task: &Task) -> Option<Box<Report>> {
        let upstream = task.hint.as_ref()?.upstream.as_ref()?;
        let outcome = self.gateway.evolink.read(upstream).await;
        let ReadOutcome::Task(report) = outcome else {
            return None;
        };
        let window = self.gateway.submit_window();
        let fits = task.fits(report.model.as_deref(), report.created, window);
        let free = matches!(self.gateway.store.owner(upstream).await, Ok(None));
        (fits && free).then_some(report)
    }

    async fn renew(&self, task: &Task, fence: u64) -> Result<Task, TurnError> {
        let command = TaskCommand::Renew {
            fence,
            send_within: SEND_WITHIN,
            lease: LEASE,
        };
        Ok(self
            .gateway
            .store
            .turn(&task.tenant, &task.id, command)
            .await?
            .task)
    }

    /// EvoLink has it. If the bind can't be stored now, the client gets its pending task and the
    /// bind is tried on.
    async fn accepted(&self, task: &Task, report: &Report, found: Found) -> Done {
        count("accepted");
        failpoint::pass("submit.answered");
        let bind = || TaskCommand::Bind {
            report: report.clone(),
            found,
            window: self.gateway.submit_window(),
        };
        match self.bind(task, &bind).await {
            Ok(outcome) => {
                failpoint::pass("submit.bound");
                alarm(&outcome, report);
                Some(Ok(self.answer(outcome)))
            }
            Err(TurnError::Store(error)) => Some(Box::pin(self.bind_on(task, bind, error)).await),
            Err(error) => {
                // The hold stays, and the callback or EvoLink's list heals what can be healed.
                tracing::error!(task = %task.id, upstream = %report.id, %error, "not bound");
                Some(Box::pin(self.as_it_stands(task)).await)
            }
        }
    }

    /// The bind could not be stored: it is tried on, and the client gets its pending task meanwhile.
    async fn bind_on(
        &self,
        task: &Task,
        bind: impl Fn() -> TaskCommand,
        error: StoreError,
    ) -> Result<Answer, ApiError> {
        log_store("a bind could not be stored; trying on", task, &error);
        self.desk.put(Ok(Answer {
            task: task.clone(),
            replay: false,
            available: self.available,
            rate: self.rate,
        }));
        let outcome = persist(&self.gateway.background, || self.bind(task, &bind)).await?;
        Ok(self.answer(outcome))
    }

    /// Binds, whether the store still has the task or not.
    async fn bind(
        &self,
        task: &Task,
        bind: impl Fn() -> TaskCommand,
    ) -> Result<TaskOutcome, TurnError> {
        let store = &self.gateway.store;
        match store.turn(&task.tenant, &task.id, bind()).await {
            Err(TurnError::NoTask) => Box::pin(self.bind_again(task, bind())).await,
            other => other,
        }
    }

    /// Binds a task that the store has lost meanwhile (it went back in time): it is made again first.
    async fn bind_again(&self, task: &Task, bind: TaskCommand) -> Result<TaskOutcome, TurnError> {
        tracing::error!(task = %task.id, tenant = %task.tenant,
            "the store lost a task while it was submitted; it is made again");
        let store = &self.gateway.store;
        let deadline = millis(self.gateway.config.submit.unknown_deadline);
        let until = store.now().plus(deadline);
        store.restore(task.clone(), until).await?;
        store.turn(&task.tenant, &task.id, bind).await
    }

    fn answer(&self, outcome: TaskOutcome) -> Answer {
        let available = outcome.account.available;
        Answer {
            task: outcome.task,
            replay: false,
            available,
            rate: self.rate,
        }
    }

    async fn refused(&self, task: &Task, refusal: Refusal, account: bool) -> Done {
        if !account {
            count("refused");
            return Some(
                self.give_back(task, ApiError::refused(&refusal), false)
                    .await,
            );
        }
        // What EvoLink has against our account is not the tenant's fault: ops are told.
        count("account_refused");
        ACCOUNT_REFUSALS.one([match refusal.status {
            401 => "401",
            402 => "402",
            403 => "403",
            _ => "other",
        }]);
        tracing::error!(
            status = refusal.status,
            message = refusal.message,
            "EvoLink refuses our own account"
        );
        let message = "EvoLink can't be used at the moment; nothing was submitted";
        let error = ApiError::upstream_unavailable(message, Some(60));
        Some(self.give_back(task, error, true).await)
    }

    async fn busy(
        &self,
        task: &Task,
        fence: u64,
        refusal: Refusal,
        until: Timestamp,
        again: bool,
    ) -> Done {
        let now = self.gateway.store.now();
        if !again {
            count("busy");
            let wait = u64::try_from(until.since(now)).unwrap_or(0);
            let retry_after = seconds(Duration::from_millis(wait));
            let refusal = Refusal {
                retry_after: Some(retry_after),
                ..refusal
            };
            return Some(
                self.give_back(task, ApiError::refused(&refusal), true)
                    .await,
            );
        }
        let command = TaskCommand::Queue {
            fence,
            until,
            why: Why(refusal.message.clone()),
            lease: LEASE,
        };
        if let Err(error) = self
            .gateway
            .store
            .turn(&task.tenant, &task.id, command)
            .await
        {
            tracing::warn!(task = %task.id, %error, "could not be queued");
            return Some(
                self.give_back(task, ApiError::refused(&refusal), true)
                    .await,
            );
        }
        let wait = u64::try_from(until.since(now)).unwrap_or(0);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(wait)) => None,
            // Nobody else has its body to send.
            () = self.gateway.background.handing_back() => {
                Some(self.give_back(task, ApiError::refused(&refusal), true).await)
            }
        }
    }

    async fn unsent(&self, task: &Task, why: String, again: bool) -> Done {
        tracing::warn!(task = %task.id, why, again, "a submit did not reach EvoLink");
        if !again {
            count("unsent");
            let error = ApiError::upstream_unavailable(
                "EvoLink can't be reached; nothing was submitted",
                None,
            );
            return Some(self.give_back(task, error, true).await);
        }
        let jitter = 0.1 + 0.4 * self.gateway.random.unit();
        tokio::time::sleep(Duration::from_secs_f64(jitter)).await;
        None
    }

    async fn late(&self, task: &Task, again: bool) -> Done {
        if again {
            return None;
        }
        count("unsent");
        let message = "The gateway is too slow at the moment; nothing was submitted";
        let error = ApiError::upstream_unavailable(message, None);
        Some(self.give_back(task, error, true).await)
    }

    /// Gives the hold back and answers with the error; where somebody already has the task, the end
    /// is an event.
    async fn give_back(
        &self,
        task: &Task,
        error: ApiError,
        temporary: bool,
    ) -> Result<Answer, ApiError> {
        let told = self.desk.promise();
        let refusal = error.clone().into_refusal();
        let refuse = || {
            let refusal = refusal.clone();
            let command = TaskCommand::Refuse {
                refusal,
                temporary,
                told,
            };
            self.gateway.store.turn(&task.tenant, &task.id, command)
        };
        if let Err(failure) = refuse().await {
            tracing::error!(task = %task.id, error = %failure, "a hold could not be given back yet");
            self.desk.put(Err(error.clone()));
            if let Err(failure) = persist(&self.gateway.background, refuse).await {
                tracing::error!(task = %task.id, error = %failure,
                    "a hold was not given back; it is when its deadline comes");
            }
        }
        Err(error)
    }

    /// The outcome is not known: the hold stays, and the client gets its pending task.
    async fn unknown(&self, task: &Task, fence: u64, why: String) -> Done {
        count("unknown");
        tracing::warn!(task = %task.id, why, "the outcome of a submit is not known");
        let deadline = millis(self.gateway.config.submit.unknown_deadline);
        let until = self.gateway.store.now().plus(deadline);
        let command = TaskCommand::Unknown {
            fence,
            why: Why(why),
            until,
        };
        match self
            .gateway
            .store
            .turn(&task.tenant, &task.id, command)
            .await
        {
            Ok(outcome) => Some(Ok(self.answer(outcome))),
            // Its lease will run out, which says the same.
            Err(error) => {
                tracing::error!(task = %task.id, %error, "not recorded as unknown yet");
                Some(self.as_it_stands(task).await)
            }
        }
    }

    /// The task as the store has it: cancelled while it waited, or taken over by a worker.
    async fn as_it_stands(&self, task: &Task) -> Result<Answer, ApiError> {
        let stored = self.gateway.store.task(&task.tenant, &task.id).await;
        let task = stored.ok().flatten().unwrap_or_else(|| task.clone());
        if let State::Rejected { refusal } = &task.state {
            return Err(ApiError::refused(refusal));
        }
        Ok(Answer {
            task,
            replay: false,
            available: self.available,
            rate: self.rate,
        })
    }
}

/// Tells the breaker what a try says about EvoLink: nothing, when nothing was sent.
fn judge(permit: Permit, outcome: &SubmitOutcome) {
    match outcome {
        SubmitOutcome::Accepted(_) | SubmitOutcome::Refused { .. } | SubmitOutcome::Busy { .. } => {
            permit.definite();
        }
        SubmitOutcome::Unknown { .. } => permit.unknown(),
        SubmitOutcome::NotSent { .. } | SubmitOutcome::TooLate => drop(permit),
    }
}

fn alarm(outcome: &TaskOutcome, report: &Report) {
    let moved = Some(outcome.task.hold) == report.reserved;
    if !outcome.task.state.is_ended() && report.reserved.is_some() && !moved {
        RESERVED_TOO_FAR.one([]);
        tracing::error!(task = %outcome.task.id, step = ?Step::ReservedTooFar {
            reserved: report.reserved.unwrap_or_default()
        }, estimate = %outcome.task.estimate, "EvoLink reserved far more than the estimate");
    }
}

/// Tries on while the store is away: for what must not be forgotten.
pub(super) async fn persist<F>(
    background: &Background,
    mut attempt: impl FnMut() -> F,
) -> Result<TaskOutcome, TurnError>
where
    F: Future<Output = Result<TaskOutcome, TurnError>>,
{
    /// With waits from 0.1 s to 10 s: about a quarter of an hour.
    const TRIES: u32 = 100;
    let mut wait = Duration::from_millis(100);
    let mut last = TurnError::Store(StoreError::Unavailable("not tried".to_owned()));
    for _ in 0..TRIES {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = background.handing_back() => return Err(last),
        }
        wait = (wait * 2).min(Duration::from_secs(10));
        match attempt().await {
            Err(error @ TurnError::Store(_)) => last = error,
            other => return other,
        }
    }
    Err(last)
}
