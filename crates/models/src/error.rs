//! The closed list of public error codes, and a fault in what a client sent.
//!
//! EvoLink's errors are `{"error":{"message","type","code"?}}`. Ours always have a `code`, from this
//! list; a code that EvoLink itself sent passes through as it is. HTTP statuses are not known here.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Every `error.code` that Evogate itself answers with.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as clients see it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// The body is not one JSON object (syntax, duplicate keys, nesting, encoding).
    InvalidJson = "invalid_json",
    /// A field, a query parameter or a header has a value that is not allowed (EvoLink's own code).
    InvalidParameter = "invalid_parameter",
    /// No usable credential (EvoLink's own code).
    Unauthorized = "unauthorized",
    /// The credential is good but may not do this.
    PermissionDenied = "permission_denied",
    /// The tenant is suspended: it reads and finishes what it has, and submits nothing.
    TenantSuspended = "tenant_suspended",
    /// The tenant may not use this model.
    ModelAccessDenied = "model_access_denied",
    /// The catalogue has no such model.
    ModelNotFound = "model_not_found",
    /// No such task of this tenant (EvoLink's own code).
    TaskNotFound = "task_not_found",
    /// No such tenant.
    TenantNotFound = "tenant_not_found",
    /// No such key.
    KeyNotFound = "key_not_found",
    /// No such webhook endpoint.
    EndpointNotFound = "endpoint_not_found",
    /// No such webhook delivery.
    DeliveryNotFound = "delivery_not_found",
    /// No such route.
    RouteNotFound = "route_not_found",
    /// The route exists, with other methods.
    MethodNotAllowed = "method_not_allowed",
    /// The thing exists already, with other properties.
    AlreadyExists = "already_exists",
    /// An import needs an empty store, and this one is not.
    StoreNotEmpty = "store_not_empty",
    /// There are as many of them as there may be.
    TooMany = "too_many",
    /// The webhook endpoint is disabled: nothing is sent to it.
    EndpointDisabled = "endpoint_disabled",
    /// The balance does not cover the request (EvoLink's own code).
    InsufficientQuota = "insufficient_quota",
    /// A credit limit of a day, week or month does not cover the request.
    QuotaExceeded = "quota_exceeded",
    /// Too many requests in a time (EvoLink's own code).
    RateLimitExceeded = "rate_limit_exceeded",
    /// Too many unfinished tasks at once.
    TooManyTasksInFlight = "too_many_tasks_in_flight",
    /// The idempotency key was used with another body.
    IdempotencyMismatch = "idempotency_mismatch",
    /// The task has ended, so it can't be cancelled.
    TaskNotCancellable = "task_not_cancellable",
    /// The task is not in the state that the decision needs.
    TaskNotUnknown = "task_not_unknown",
    /// EvoLink's task belongs to another task already, or does not fit this one.
    UpstreamTaskMismatch = "upstream_task_mismatch",
    /// The task has no result (yet, or ever).
    ResultNotReady = "result_not_ready",
    /// The result can't be fetched any more.
    ResultExpired = "result_expired",
    /// The body is larger than allowed.
    RequestTooLarge = "request_too_large",
    /// The body came too slowly.
    RequestTimeout = "request_timeout",
    /// EvoLink can't be used at the moment; nothing is held.
    UpstreamUnavailable = "upstream_unavailable",
    /// The store can't be used at the moment; nothing was sent.
    StoreUnavailable = "store_unavailable",
    /// The identity provider's keys can't be had at the moment, so no token of it can be judged.
    IdentityUnavailable = "identity_unavailable",
    /// The gateway has more to do than it can; try again.
    Overloaded = "overloaded",
    /// A bug or a broken part of the gateway; the log has it under the request id.
    InternalError = "internal_error",
    /// A task whose submit was never answered and never found until its deadline.
    SubmissionLost = "submission_lost",
    /// A task that EvoLink accepted and that was unfinished at its deadline.
    ResultLost = "result_lost",
    /// A task that was cancelled before or while it ran (EvoLink's own code).
    RequestCancelled = "request_cancelled",
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One fault in what a client sent: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The code of this fault.
    pub code: ErrorCode,
    /// The field, as a path: `duration`, `image_urls[2]`. `None` when it is the body as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// One sentence for the caller, EvoLink's own words where they are known.
    pub message: String,
}

impl Fault {
    /// A value that is not allowed in `param`.
    pub fn parameter(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::InvalidParameter,
            param: Some(param.into()),
            message: message.into(),
        }
    }

    /// A body that is not one JSON object.
    pub fn json(message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::InvalidJson,
            param: None,
            message: message.into(),
        }
    }
}

/// A refusal as a client got it, kept with the task: EvoLink's error object or our own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Refusal {
    /// The HTTP status that it was answered with.
    #[n(0)]
    pub status: u16,
    /// `error.type`.
    #[n(1)]
    pub kind: String,
    /// `error.code`.
    #[n(2)]
    pub code: String,
    /// `error.message`.
    #[n(3)]
    pub message: String,
    /// Seconds to wait before another try, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[n(4)]
    pub retry_after: Option<u32>,
}
