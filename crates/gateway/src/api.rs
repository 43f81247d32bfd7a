//! The tenant's routes, in EvoLink's shape. One file an endpoint.

pub mod batch;
pub mod cancel;
pub mod content;
pub mod credits;
pub mod deliveries;
pub mod endpoints;
pub mod estimate;
pub mod generations;
pub mod keys;
pub mod models;
mod refusals;
pub mod task;
pub mod tasks;
pub mod timeline;
pub mod usage;
pub mod webhook_secret;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use evogate_models::credits::Decimal;
use evogate_models::quota::RateState;
use evogate_models::task::{State, Task};
use evogate_models::{Credits, TaskId, view};

use crate::context::Context;
use crate::error::ApiError;
use crate::state::Gateway;

pub use evogate_models::life::results::RESULTS_KEPT;

/// The task that the path names. A text that can't be a task's id is no task.
#[derive(Debug, Clone)]
pub struct TaskPath(pub TaskId);

impl FromRequestParts<Gateway> for TaskPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, gateway).await;
        let id: TaskId = path
            .ok()
            .and_then(|path| path.0.parse().ok())
            .ok_or_else(ApiError::task_not_found)?;
        let context = Context::from_request_parts(parts, gateway)
            .await
            .unwrap_or_else(|e| match e {});
        context.set_task(&id);
        Ok(Self(id))
    }
}

/// A task as clients see it, with what the gateway knows beside it in headers. Made once, given many times.
#[derive(Debug, Clone)]
pub struct TaskAnswer {
    body: Bytes,
    upstream: Option<HeaderValue>,
    results_expire: Option<HeaderValue>,
}

impl TaskAnswer {
    /// The answer that shows the task as it stands.
    pub fn of(task: &Task) -> Self {
        let results_expire = match (&task.state, task.ended) {
            (State::Completed, Some(ended)) => {
                let until = ended.plus(RESULTS_KEPT).millis();
                let until = jiff::Timestamp::from_millisecond(until).ok();
                until.map(|until| until.strftime("%FT%TZ").to_string())
            }
            _ => None,
        };
        let upstream = task.upstream.as_ref();
        Self {
            body: view::render(task).into(),
            upstream: upstream.and_then(|id| HeaderValue::from_str(id.as_str()).ok()),
            results_expire: results_expire.and_then(|until| until.try_into().ok()),
        }
    }

    /// How long its body is, in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a task object is never empty")]
    pub fn len(&self) -> usize {
        self.body.len()
    }
}

impl IntoResponse for TaskAnswer {
    fn into_response(self) -> Response {
        /// EvoLink's id of the task.
        const UPSTREAM: HeaderName = HeaderName::from_static("x-evolink-task-id");
        /// When EvoLink deletes the results.
        const RESULTS_EXPIRE: HeaderName = HeaderName::from_static("x-results-expire-at");
        /// The body is the task object.
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        let mut response = Response::new(Body::from(self.body));
        let headers = response.headers_mut();
        headers.reserve(6);
        headers.insert(header::CONTENT_TYPE, JSON);
        if let Some(upstream) = self.upstream {
            headers.insert(UPSTREAM, upstream);
        }
        if let Some(until) = self.results_expire {
            headers.insert(RESULTS_EXPIRE, until);
        }
        response
    }
}

/// A task as clients see it, given once.
pub fn task_answer(task: &Task) -> Response {
    TaskAnswer::of(task).into_response()
}

/// What is held for the task, and what the tenant may still hold.
pub fn credits_headers(response: &mut Response, task: &Task, available: Credits) {
    insert(
        response.headers_mut(),
        "x-credits-held",
        &task.hold.to_decimal(),
    );
    insert(
        response.headers_mut(),
        "x-credits-remaining",
        &available.to_decimal(),
    );
}

/// The tenant's rate of submits, as far as it has a limit.
pub fn rate_headers(response: &mut Response, rate: RateState) {
    let headers = response.headers_mut();
    insert(
        headers,
        "x-ratelimit-limit-requests",
        &rate.limit.to_string(),
    );
    insert(
        headers,
        "x-ratelimit-remaining-requests",
        &rate.remaining.to_string(),
    );
    let seconds = rate.reset.max(0).unsigned_abs().div_ceil(1000);
    insert(
        headers,
        "x-ratelimit-reset-requests",
        &format!("{seconds}s"),
    );
}

/// Adds a header whose text is our own.
pub fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// An amount for JSON.
pub const fn amount(credits: Credits) -> Decimal {
    Decimal(credits)
}
