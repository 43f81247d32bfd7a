//! Every answer that is not a success, and the only place that knows HTTP status codes.
//!
//! Which to use where:
//! - what the caller did: [`ApiError::faults`], [`ApiError::invalid`], and the named ones for tasks,
//!   keys, idempotency;
//! - what policy forbids: [`ApiError::insufficient_credits`], [`ApiError::suspended`], …;
//! - what EvoLink said of the caller's request: [`ApiError::refused`], passed on as it is;
//! - what EvoLink or the store can't do at the moment: [`ApiError::upstream_unavailable`],
//!   [`ApiError::store_unavailable`]: the caller may try again;
//! - what broke here: [`ApiError::internal`]. The body says nothing of the cause; the log does.
//!
//! The body is EvoLink's: `{"error":{"message","type","code","param"?,"details"?,"request_id"}}`.
//! It is written by the outermost layer, which knows the request's id.

use std::borrow::Cow;
use std::fmt::Display;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use evogate_models::credits::Decimal;
use evogate_models::life::LifeError;
use evogate_models::quota::{Denied, Period, RateState, Scope};
use evogate_models::{Credits, ErrorCode, Fault, Refusal};
use evogate_store::{StoreError, TenantError, TurnError};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::api::rate_headers;

/// An answer that is not a success.
#[derive(Debug, Clone)]
pub struct ApiError(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    kind: Cow<'static, str>,
    code: Cow<'static, str>,
    message: String,
    param: Option<String>,
    details: Option<Value>,
    retry_after: Option<u32>,
    rate: Option<RateState>,
}

impl Parts {
    fn said<'a>(&'a self, request_id: Option<&'a str>) -> Said<'a> {
        Said {
            message: self.message.as_str().into(),
            r#type: &self.kind,
            code: &self.code,
            param: self.param.as_deref(),
            details: self.details.as_ref(),
            request_id,
        }
    }
}

/// The body of every answer that is not a success, in EvoLink's shape.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct Body<'a> {
    error: Said<'a>,
}

/// An error as bodies show it. Decide by the HTTP status and `code`; `message` is for people.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorObject)]
pub struct Said<'a> {
    /// One sentence for people; EvoLink's own words where they are known.
    message: Cow<'a, str>,
    /// EvoLink's class of error (`invalid_request_error`).
    r#type: &'a str,
    /// From the closed list of each response, or EvoLink's own where it refused the request.
    code: &'a str,
    /// The field, query parameter or header at fault, as a path (`image_urls[2]`).
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    /// More for programs: every fault of a 400 (`[{code, param?, message}]`), or what a limit says
    /// (`{limit, required?, available?, resets_at?}`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, nullable = false)]
    details: Option<&'a Value>,
    /// The request's id, also in the header `x-request-id`; the gateway's log has the request under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

/// What is kept of a refusal.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The HTTP status.
    pub status: u16,
    /// `error.code`.
    pub code: String,
    /// `error.message`.
    pub message: String,
    /// The fields at fault.
    pub params: Vec<String>,
}

/// How long a caller should wait when something here is away for an unknown time, in seconds.
const SOON: u32 = 5;
/// How long a caller should wait when there is too much to do, in seconds: that passes quickly.
const OVERLOADED: u32 = 1;

impl ApiError {
    fn new(
        status: StatusCode,
        kind: &'static str,
        code: ErrorCode,
        message: impl Into<String>,
    ) -> Self {
        Self(Box::new(Parts {
            status,
            kind: kind.into(),
            code: code.as_str().into(),
            message: message.into(),
            param: None,
            details: None,
            retry_after: None,
            rate: None,
        }))
    }

    fn with_param(mut self, param: Option<String>) -> Self {
        self.0.param = param;
        self
    }

    fn with_details(mut self, details: Value) -> Self {
        self.0.details = Some(details);
        self
    }

    fn with_retry_after(mut self, seconds: Option<u32>) -> Self {
        self.0.retry_after = seconds;
        self
    }

    fn not_found(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            code,
            message,
        )
    }

    /// 400: what is wrong with the request, the first fault in the message, all in the details.
    pub fn faults(faults: Vec<Fault>) -> Self {
        let details = json!(faults);
        let Some(first) = faults.into_iter().next() else {
            return Self::internal(&"a rejection without a fault");
        };
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            first.code,
            first.message,
        )
        .with_param(first.param)
        .with_details(details)
    }

    /// 400: one parameter is wrong.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::faults(vec![Fault::parameter(param, message)])
    }

    /// 401. Says nothing about why; the log does.
    pub fn unauthorized() -> Self {
        let kind = "authentication_error";
        Self::new(
            StatusCode::UNAUTHORIZED,
            kind,
            ErrorCode::Unauthorized,
            "Invalid token",
        )
    }

    /// 402: the balance does not cover it. EvoLink's words.
    pub fn insufficient_credits(required: Credits, available: Credits) -> Self {
        let message = format!("Insufficient credits. Required: {required}, Available: {available}");
        let kind = "insufficient_quota_error";
        Self::new(
            StatusCode::PAYMENT_REQUIRED,
            kind,
            ErrorCode::InsufficientQuota,
            message,
        )
        .with_details(json!({
            "limit": "balance",
            "required": Decimal(required),
            "available": Decimal(available),
        }))
    }

    /// What a tenant's quota says no with: 403 for what it may not use, 400 for what it may not ask of
    /// it, 429 for rates and places, 402 for credits. `resets`: when the window of that name begins anew.
    pub fn denied(
        denied: Denied,
        required: Credits,
        resets: impl Fn(Period) -> Option<String>,
    ) -> Self {
        match denied {
            Denied::Model => Self::model_access_denied(),
            Denied::Duration(most) => {
                let message = format!("duration must be at most {most} for this tenant");
                Self::invalid("duration", message)
            }
            Denied::Quality => {
                Self::invalid("quality", "quality is higher than this tenant may use")
            }
            Denied::Rate(state) => {
                let seconds = state.retry.max(0).unsigned_abs().div_ceil(1000);
                let mut error =
                    Self::rate_limited(u32::try_from(seconds).unwrap_or(u32::MAX).max(1))
                        .with_details(json!({ "limit": "submits_per_minute" }));
                error.0.rate = Some(state);
                error
            }
            Denied::InFlight { limit } => Self::too_many_in_flight(limit),
            Denied::Balance { available } => Self::insufficient_credits(required, available),
            Denied::KeyCap { available } => {
                Self::quota_exceeded(required, available, &json!({ "limit": "key.credit_cap" }))
            }
            Denied::Window {
                scope,
                period,
                available,
            } => {
                let limit = match scope {
                    Scope::Tenant => format!("credits_per_{}", period.as_str()),
                    Scope::User => format!("per_user.credits_per_{}", period.as_str()),
                    Scope::Key => format!("per_key.credits_per_{}", period.as_str()),
                };
                let facts = json!({ "limit": limit, "resets_at": resets(period) });
                Self::quota_exceeded(required, available, &facts)
            }
        }
    }

    /// 402: a window or a key's cap does not cover it. EvoLink's words; the details say which limit.
    fn quota_exceeded(required: Credits, available: Credits, facts: &Value) -> Self {
        let mut error = Self::insufficient_credits(required, available);
        error.0.code = ErrorCode::QuotaExceeded.as_str().into();
        if let (Some(Value::Object(details)), Value::Object(facts)) = (&mut error.0.details, facts)
        {
            details.extend(facts.clone());
        }
        error
    }

    /// 429: too many unfinished tasks.
    fn too_many_in_flight(limit: u32) -> Self {
        let message = format!(
            "Too many tasks in flight: this tenant may have {limit} unfinished tasks at a time"
        );
        let code = ErrorCode::TooManyTasksInFlight;
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            code,
            message,
        )
        .with_details(json!({ "limit": "max_tasks_in_flight", "max": limit }))
        .with_retry_after(Some(SOON))
    }

    /// 403: the tenant may not use this model.
    fn model_access_denied() -> Self {
        let message = "This tenant may not use this model; GET /v1/models lists those that it may";
        let code = ErrorCode::ModelAccessDenied;
        Self::new(StatusCode::FORBIDDEN, "permission_error", code, message)
            .with_param(Some("model".to_owned()))
    }

    /// 403: the tenant submits nothing at the moment.
    pub fn suspended() -> Self {
        let message =
            "This tenant is suspended: it can read and finish its tasks, not submit new ones";
        Self::new(
            StatusCode::FORBIDDEN,
            "permission_error",
            ErrorCode::TenantSuspended,
            message,
        )
    }

    /// 403: the credential is good, and not for this.
    pub fn permission_denied(scope: &str) -> Self {
        let message = format!("This credential lacks the scope `{scope}`");
        Self::new(
            StatusCode::FORBIDDEN,
            "permission_error",
            ErrorCode::PermissionDenied,
            message,
        )
    }

    /// 403: the key may spend more than the credential that asks for its secret.
    pub fn beyond_own_cap() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "permission_error",
            ErrorCode::PermissionDenied,
            "This key may spend more than the credential that asks for its secret",
        )
    }

    /// 429: too many in a time. EvoLink's words.
    pub fn rate_limited(retry_after: u32) -> Self {
        let message = format!("Rate limit exceeded. Please retry after {retry_after} seconds.");
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            ErrorCode::RateLimitExceeded,
            message,
        )
        .with_retry_after(Some(retry_after))
    }

    /// 404: the catalogue has no such model.
    pub fn model_not_found(model: &str) -> Self {
        let message =
            format!("The model `{model}` does not exist; GET /v1/models lists the models");
        Self::not_found(ErrorCode::ModelNotFound, message).with_param(Some("model".to_owned()))
    }

    /// 404: no such task of this tenant, or none at all: the same answer.
    pub fn task_not_found() -> Self {
        Self::not_found(ErrorCode::TaskNotFound, "Task not found")
    }

    /// 404: no such route.
    pub fn route_not_found() -> Self {
        Self::not_found(ErrorCode::RouteNotFound, "This route does not exist")
    }

    /// 404: no such tenant.
    pub fn tenant_not_found() -> Self {
        Self::not_found(ErrorCode::TenantNotFound, "Tenant not found")
    }

    /// 404: no such key of this tenant.
    pub fn key_not_found() -> Self {
        Self::not_found(ErrorCode::KeyNotFound, "Key not found")
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        let message = "This route does not take this method";
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(
            status,
            "invalid_request_error",
            ErrorCode::MethodNotAllowed,
            message,
        )
    }

    /// 409: it exists already.
    pub fn exists(what: &str) -> Self {
        let message = format!("{what} exists already");
        Self::new(
            StatusCode::CONFLICT,
            "conflict_error",
            ErrorCode::AlreadyExists,
            message,
        )
    }

    /// 409: an import is only taken into an empty store.
    pub fn store_not_empty(why: &str) -> Self {
        let message = format!(
            "An import needs an empty store, and {why}. Begin again with an empty one: another file \
             (store.path), or another Redis database"
        );
        let code = ErrorCode::StoreNotEmpty;
        Self::new(StatusCode::CONFLICT, "conflict_error", code, message)
    }

    /// 400: a line of an import can't be taken; so many tenants were written before it. Line 0: none of them
    /// in particular.
    pub fn ledger_refused(line: u64, why: &str, tenants: u64) -> Self {
        let written = if tenants == 0 {
            "No tenant was written".to_owned()
        } else {
            format!("{tenants} tenants were written before: empty the store and begin again")
        };
        let error = Self::invalid("body", format!("Line {line}: {why}. {written}"));
        error.with_details(json!({ "line": line, "why": why, "tenants_written": tenants }))
    }

    /// 404: foreign and absent endpoints alike.
    pub fn endpoint_not_found() -> Self {
        Self::not_found(ErrorCode::EndpointNotFound, "Endpoint not found")
    }

    /// 404: foreign and absent deliveries alike.
    pub fn delivery_not_found() -> Self {
        Self::not_found(ErrorCode::DeliveryNotFound, "Delivery not found")
    }

    /// 409: there may be no more of it.
    pub fn too_many(message: impl Into<String>) -> Self {
        let code = ErrorCode::TooMany;
        Self::new(StatusCode::CONFLICT, "conflict_error", code, message)
    }

    /// 409: nothing is sent to a disabled endpoint.
    pub fn endpoint_disabled() -> Self {
        let message = "The endpoint is disabled; enable it first";
        let code = ErrorCode::EndpointDisabled;
        Self::new(StatusCode::CONFLICT, "conflict_error", code, message)
    }

    /// 400: the task has ended (EvoLink's class of answer for it is not documented).
    pub fn not_cancellable(state: &str) -> Self {
        let message = format!("The task is {state} and can't be cancelled");
        let status = StatusCode::BAD_REQUEST;
        Self::new(
            status,
            "invalid_request_error",
            ErrorCode::TaskNotCancellable,
            message,
        )
    }

    /// 409: an admin's decision about a task that is not unknown.
    pub fn not_unknown(state: &str) -> Self {
        let message = format!("The task is {state}, not unknown");
        Self::new(
            StatusCode::CONFLICT,
            "conflict_error",
            ErrorCode::TaskNotUnknown,
            message,
        )
    }

    /// 409: EvoLink's task is another's, or does not fit.
    pub fn upstream_mismatch(why: &str) -> Self {
        let code = ErrorCode::UpstreamTaskMismatch;
        Self::new(
            StatusCode::CONFLICT,
            "conflict_error",
            code,
            format!("Not bound: {why}"),
        )
    }

    /// 409: no result (yet, or ever).
    pub fn result_not_ready(status: &str) -> Self {
        let message = format!("The task is {status} and has no result to stream");
        let code = ErrorCode::ResultNotReady;
        Self::new(StatusCode::CONFLICT, "invalid_request_error", code, message)
    }

    /// 410: the result is gone.
    pub fn result_expired() -> Self {
        let message = "The result can't be downloaded any more: EvoLink keeps results for 24 hours";
        let code = ErrorCode::ResultExpired;
        Self::new(StatusCode::GONE, "invalid_request_error", code, message)
    }

    /// 408: the body came too slowly.
    pub fn body_timeout() -> Self {
        let message = "The request body came too slowly";
        let status = StatusCode::REQUEST_TIMEOUT;
        Self::new(
            status,
            "invalid_request_error",
            ErrorCode::RequestTimeout,
            message,
        )
    }

    /// 413.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("The request body exceeds {limit} bytes");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Self::new(
            status,
            "request_too_large_error",
            ErrorCode::RequestTooLarge,
            message,
        )
    }

    /// 422: the idempotency key was used with another body.
    pub fn idempotency_mismatch() -> Self {
        let message = "This Idempotency-Key was used with another request";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self::new(
            status,
            "idempotency_error",
            ErrorCode::IdempotencyMismatch,
            message,
        )
    }

    /// 503: EvoLink can't be used at the moment, or has something against our account. Nothing is
    /// held for the request.
    pub fn upstream_unavailable(message: impl Into<String>, retry_after: Option<u32>) -> Self {
        let kind = "service_unavailable_error";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, kind, ErrorCode::UpstreamUnavailable, message)
            .with_retry_after(retry_after.or(Some(SOON)))
    }

    /// 503: there is more under way than this replica takes. Nothing was done for the request.
    pub fn overloaded() -> Self {
        let message = "The gateway has as much to do as it can take; please retry";
        let kind = "service_unavailable_error";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, kind, ErrorCode::Overloaded, message).with_retry_after(Some(OVERLOADED))
    }

    /// 429: the tenant has its part of all requests under way already. Nothing was done for this one.
    pub fn too_many_at_once() -> Self {
        Self::rate_limited(OVERLOADED).with_details(json!({ "limit": "requests_in_flight" }))
    }

    /// 429: the tenant has its part of what EvoLink may be sent already; `limit` says of what. Nothing is
    /// held.
    pub fn upstream_share(limit: &'static str, retry_after: u32) -> Self {
        Self::rate_limited(retry_after).with_details(json!({ "limit": limit }))
    }

    /// 503: the store can't be used; nothing was sent.
    pub fn store_unavailable() -> Self {
        let message = "The gateway's store is unavailable; please retry";
        let kind = "service_unavailable_error";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, kind, ErrorCode::StoreUnavailable, message).with_retry_after(Some(SOON))
    }

    /// 503: the token's identity provider has not told its keys yet, so the token can't be judged.
    pub fn identity_unavailable() -> Self {
        let message = "The identity provider's keys are unavailable; please retry";
        let kind = "service_unavailable_error";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, kind, ErrorCode::IdentityUnavailable, message)
            .with_retry_after(Some(SOON))
    }

    /// 502: a file that EvoLink has can't be fetched at the moment.
    pub fn bad_gateway(message: impl Into<String>) -> Self {
        let code = ErrorCode::UpstreamUnavailable;
        Self::new(StatusCode::BAD_GATEWAY, "bad_gateway", code, message)
            .with_retry_after(Some(SOON))
    }

    /// 500: a bug or a broken part. The cause goes to the log, once.
    pub fn internal(cause: &dyn Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::broken()
    }

    /// What a caller is told of an error that the log has already.
    pub(crate) fn broken() -> Self {
        let message = "Something broke in the gateway; its log has the cause under this request id";
        let kind = "internal_server_error";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            kind,
            ErrorCode::InternalError,
            message,
        )
    }

    /// What EvoLink (or the gateway in its place) refused a submit with, as it is.
    pub fn refused(refusal: &Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_GATEWAY);
        Self(Box::new(Parts {
            status,
            kind: refusal.kind.clone().into(),
            code: refusal.code.clone().into(),
            message: refusal.message.clone(),
            param: None,
            details: None,
            retry_after: refusal.retry_after,
            rate: None,
        }))
    }

    /// As a refusal to keep with a task.
    pub fn into_refusal(self) -> Refusal {
        Refusal {
            status: self.0.status.as_u16(),
            kind: self.0.kind.into_owned(),
            code: self.0.code.into_owned(),
            message: self.0.message,
            retry_after: self.0.retry_after,
        }
    }

    /// The fields at fault.
    pub(crate) fn params(&self) -> Vec<&str> {
        match self.0.details.as_ref().and_then(Value::as_array) {
            Some(faults) => faults
                .iter()
                .filter_map(|fault| fault.get("param")?.as_str())
                .collect(),
            None => self.0.param.as_deref().into_iter().collect(),
        }
    }

    /// What is kept of a refusal.
    pub fn facts(&self) -> Facts {
        let params = self.params().into_iter().map(str::to_owned).collect();
        Facts {
            status: self.0.status.as_u16(),
            code: self.0.code.clone().into_owned(),
            message: self.0.message.clone(),
            params,
        }
    }

    /// The error's code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// `error` of the body, without a request's id: for an answer that tells of an error.
    pub fn said(&self) -> Said<'_> {
        self.0.said(None)
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The body of the answer to the request `request_id`.
    pub(crate) fn body<'a>(&'a self, request_id: &'a str) -> Body<'a> {
        let mut error = self.0.said(Some(request_id));
        if self.0.status == StatusCode::UNAUTHORIZED {
            // EvoLink's words, and its way of saying which request.
            error.message = format!("{} (request id: {request_id})", error.message).into();
        }
        Body { error }
    }

    /// The complete answer, for the request `request_id`.
    pub(crate) fn render(self, request_id: &str) -> Response {
        let mut response = (self.0.status, axum::Json(self.body(request_id))).into_response();
        let parts = *self.0;
        if parts.status == StatusCode::UNAUTHORIZED {
            let challenge = axum::http::HeaderValue::from_static("Bearer");
            let name = axum::http::header::WWW_AUTHENTICATE;
            response.headers_mut().insert(name, challenge);
        }
        if let Some(rate) = parts.rate {
            rate_headers(&mut response, rate);
        }
        if matches!(
            parts.status,
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT
        ) {
            // The rest of the body is not read, so the connection is of no more use (HTTP/1).
            let close = axum::http::HeaderValue::from_static("close");
            response
                .headers_mut()
                .insert(axum::http::header::CONNECTION, close);
        }
        // Every 429 and 503 says when to come back.
        let waits = matches!(
            parts.status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        if let Some(seconds) = parts.retry_after.or(waits.then_some(SOON)) {
            response
                .headers_mut()
                .insert(axum::http::header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// The error travels to the outermost layer in the response's extensions.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        match error {
            StoreError::Unavailable(_) | StoreError::Unanswered(_) => Self::store_unavailable(),
            StoreError::Refused { .. } | StoreError::Corrupt(_) => Self::internal(&error),
        }
    }
}

impl From<TurnError> for ApiError {
    fn from(error: TurnError) -> Self {
        match error {
            TurnError::NoTask => Self::task_not_found(),
            TurnError::Claimed => Self::upstream_mismatch("it belongs to another task"),
            TurnError::Life(LifeError::Misfit(why)) => Self::upstream_mismatch(why),
            TurnError::Life(error) => Self::internal(&error),
            TurnError::Store(error) => error.into(),
        }
    }
}

impl From<TenantError> for ApiError {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::NoTenant => Self::tenant_not_found(),
            TenantError::NoKey => Self::key_not_found(),
            TenantError::NoEndpoint => Self::endpoint_not_found(),
            TenantError::NoDelivery => Self::delivery_not_found(),
            TenantError::Disabled => Self::endpoint_disabled(),
            TenantError::TooMany => Self::too_many("There are as many as there may be"),
            TenantError::Exists => Self::exists("It"),
            TenantError::KeyMismatch => Self::idempotency_mismatch(),
            TenantError::Ledger(error) => Self::invalid("credits", error.to_string()),
            TenantError::Store(error) => error.into(),
        }
    }
}
