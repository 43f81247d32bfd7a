//! The client of EvoLink's API: the only place that knows the company's key, and the only one that spends
//! money.
//!
//! What must hold: a call is sent at most once, whatever happens to the connection; the key goes to the origin
//! of `evolink.base_url` and nowhere else; no answer is believed beyond what its shape proves (see
//! [`SubmitOutcome`]). Retries belong to the callers, who know what may be repeated.

mod answer;
mod body;
mod client;
mod connect;
mod examine;
mod lists;
mod meter;
mod outcome;
mod pace;
mod refusal;
mod retries;
mod wait;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evogate_models::report::Report;
use evogate_models::task::MediaKind;
use evogate_models::{Timestamp, UpstreamId};
use evogate_store::clock::Clock;
use hyper_util::client::legacy::Builder;
use serde_json::json;

use crate::{config, failpoint};

pub use client::EvoLinkError;
pub use examine::Examined;
pub use lists::{Account, ListEntry, ListPage, Pot};
pub use outcome::{CancelOutcome, Failure, ReadOutcome, SubmitOutcome};
pub use pace::Pace;
pub use retries::{Again, Retries};

pub(crate) use wait::Wait;

use answer::{Answer, Broken, LIST, TASK, exchange};
use body::SubmitBody;
use client::{Call, Clients};
use connect::Connector;
use meter::Operation;
use pace::Answering;

/// The most tasks that one [`EvoLink::batch`] asks for.
pub const BATCH_MAX: usize = 50;

/// How long anything but a submit may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What a probe reads: a task that does not exist. The read of a task is the only free call of which the
/// contract is sure.
const NO_TASK: &str = "task-unified-0000000000-evogate0";

static READ: Operation = Operation::get("read", "/tasks/{id}");
static CANCEL: Operation = Operation::post("cancel", "/tasks/{id}/cancel");
static BATCH: Operation = Operation::post("batch", "/tasks/batch");
static LIST_PAGE: Operation = Operation::get("list", "/tasks");
static CREDITS: Operation = Operation::get("credits", "/credits");
static MODELS: Operation = Operation::get("models", "/models");
static PROBE: Operation = Operation::get("probe", "/tasks/{id}");

/// A task to be made. Has no debug print: a prompt is nothing for a log.
#[derive(Clone)]
pub struct SubmitCall {
    /// Which endpoint.
    pub kind: MediaKind,
    /// The JSON body, with our callback URL in it.
    pub body: Bytes,
    /// Our own key, 16 to 96 characters of `[A-Za-z0-9._-]`.
    pub idempotency_key: String,
    /// Later than this nothing is sent.
    pub not_after: Timestamp,
}

/// The client. A clone shares connections.
#[derive(Clone)]
pub struct EvoLink(Arc<Inner>);

struct Inner {
    /// Only for submits, so that nothing that happens to a read (a reset, a connection that EvoLink closes for
    /// too many of them) can make the outcome of a submit unknown.
    submits: Clients,
    others: Clients,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    retries: Retries,
    answering: Answering,
}

impl fmt::Debug for EvoLink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("EvoLink").field(&self.0.others).finish()
    }
}

impl EvoLink {
    /// Connects to nothing yet.
    pub fn new(config: &config::EvoLink, clock: Arc<dyn Clock>) -> Result<Self, EvoLinkError> {
        Self::build(config, clock, |builder| builder)
    }

    fn build(
        config: &config::EvoLink,
        clock: Arc<dyn Clock>,
        adapt: fn(&mut Builder) -> &mut Builder,
    ) -> Result<Self, EvoLinkError> {
        let connector = Connector::new(config)?;
        Ok(Self(Arc::new(Inner {
            submits: Clients::new(config, connector.clone(), adapt)?,
            others: Clients::new(config, connector, adapt)?,
            timeout: config.timeout,
            clock,
            retries: Retries::new(config.retry_percent),
            answering: Answering::default(),
        })))
    }

    /// What calls may be repeated.
    pub fn retries(&self) -> &Retries {
        &self.0.retries
    }

    /// Submits a task, once. Takes `evolink.timeout` at most; dropped, it may or may not have been sent, so a
    /// caller sees it to its end.
    pub async fn submit(&self, call: SubmitCall) -> SubmitOutcome {
        let operation = Operation::post("submit", call.kind.path());
        let meter = operation.start();
        let outcome = meter.around(self.submit_once(call)).await;
        let (label, why) = outcome.label();
        meter.stop(label, why);
        outcome
    }

    async fn submit_once(&self, call: SubmitCall) -> SubmitOutcome {
        if self.now() > call.not_after {
            return SubmitOutcome::TooLate;
        }
        let clock = Arc::clone(&self.0.clock);
        let (body, departure) = SubmitBody::new(call.body, call.not_after, clock);
        let (path, key) = (call.kind.path(), &call.idempotency_key);
        let request = self.0.submits.submit(path, key, body, self.0.timeout);
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                let why = error.to_string();
                return SubmitOutcome::NotSent { why };
            }
        };
        failpoint::pass("submit.before_connect");
        let outcome = match exchange(request, TASK).await {
            Ok(answer) => SubmitOutcome::answered(&answer, self.now()),
            Err(broken) => SubmitOutcome::broken(broken),
        };
        outcome.with_fate(departure.withdraw())
    }

    /// Reads a task.
    pub async fn read(&self, id: &UpstreamId) -> ReadOutcome {
        let meter = READ.start();
        let exchanged = async { exchange(self.get(&format!("tasks/{id}")), TASK).await };
        let outcome = match meter.around(exchanged).await {
            Ok(answer) => ReadOutcome::answered(id, &answer, self.now()),
            Err(Broken { why, .. }) => ReadOutcome::Failed { why },
        };
        let answered = !matches!(outcome, ReadOutcome::Failed { .. });
        self.0.answering.note(answered);
        let (label, why) = outcome.label();
        meter.stop(label, why);
        outcome
    }

    /// Asks EvoLink to cancel a task.
    pub async fn cancel(&self, id: &UpstreamId) -> CancelOutcome {
        let meter = CANCEL.start();
        let exchanged = async { exchange(self.post(&format!("tasks/{id}/cancel")), TASK).await };
        let outcome = match meter.around(exchanged).await {
            Ok(answer) => CancelOutcome::answered(&answer),
            Err(Broken { why, .. }) => CancelOutcome::Failed { why },
        };
        let (label, why) = outcome.label();
        meter.stop(label, why);
        outcome
    }

    /// Reads the first [`BATCH_MAX`] of `ids` in one call. A task that is not in the answer was not read: EvoLink
    /// leaves out what it does not know, and that proves nothing.
    pub async fn batch(&self, ids: &[UpstreamId]) -> Result<Vec<Report>, Failure> {
        let ids: Vec<_> = ids.iter().take(BATCH_MAX).collect();
        let names: Vec<_> = ids.iter().map(|id| id.as_str()).collect();
        let body = json!({ "task_ids": names }).to_string();
        let others = &self.0.others;
        let request = || others.post_json("tasks/batch", body, TIMEOUT);
        let mut reports = self.call(&BATCH, request, lists::batch).await?;
        reports.retain(|report| ids.contains(&&report.id));
        Ok(reports)
    }

    /// Reads one page of the account's task list; the first page is 1. A page with an entry that can't be read is
    /// a failure: it would be no proof that a task is absent.
    pub async fn list_page(&self, page: u32, page_size: u32) -> Result<ListPage, Failure> {
        let query = format!("tasks?page={page}&page_size={page_size}");
        self.call(&LIST_PAGE, || self.get(&query), lists::page)
            .await
    }

    /// Reads the account's credits.
    pub async fn credits(&self) -> Result<Account, Failure> {
        self.call(&CREDITS, || self.get("credits"), lists::account)
            .await
    }

    /// Reads the names of the models that EvoLink has.
    pub async fn models(&self) -> Result<Vec<String>, Failure> {
        self.call(&MODELS, || self.get("models"), lists::models)
            .await
    }

    /// Does EvoLink answer at all? Costs nothing. A JSON object with any status below 500 is an answer, a 401
    /// too.
    pub async fn probe(&self) -> bool {
        let meter = PROBE.start();
        let exchanged = async { exchange(self.get(&format!("tasks/{NO_TASK}")), TASK).await };
        let answer = meter.around(exchanged).await;
        let (alive, why) = match answer {
            Ok(answer) => {
                let object = serde_json::from_slice::<serde_json::Map<_, _>>(&answer.body).is_ok();
                let alive = object && !answer.status.is_server_error();
                (alive, answer.status.to_string())
            }
            Err(Broken { why, .. }) => (false, why),
        };
        meter.stop(if alive { "alive" } else { "dead" }, &why);
        alive
    }

    /// A call whose 2xx answers `parse` understands.
    async fn call<'a, T>(
        &'a self,
        operation: &Operation,
        request: impl FnOnce() -> Call<'a>,
        parse: fn(&[u8]) -> Option<T>,
    ) -> Result<T, Failure> {
        let meter = operation.start();
        // The request says which span it is of, so it is made within.
        let exchanged = async { exchange(request(), LIST).await };
        let outcome = meter.around(exchanged).await.map_err(Failure::from);
        let outcome = outcome.and_then(|answer| self.understand(&answer, parse));
        self.0.answering.note(outcome.is_ok());
        match &outcome {
            Ok(_) => meter.stop("ok", ""),
            Err(failure) => meter.stop("failed", &failure.why),
        }
        outcome
    }

    fn understand<T>(&self, answer: &Answer, parse: fn(&[u8]) -> Option<T>) -> Result<T, Failure> {
        if answer.status.is_success() {
            parse(&answer.body).ok_or_else(|| Failure::misshapen(answer))
        } else {
            Err(Failure::answered(answer, self.now()))
        }
    }

    fn get(&self, path: &str) -> Call<'_> {
        self.0.others.get(path, TIMEOUT)
    }

    fn post(&self, path: &str) -> Call<'_> {
        self.0.others.post(path, TIMEOUT)
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}
