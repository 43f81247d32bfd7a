//! What EvoLink says when it says no, to the letter where that is known.

use hyper::StatusCode;
use serde_json::{Map, Value};

use crate::money::Micro;

/// An error answer in EvoLink's shape: `{"error":{"message","type","code"?}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) kind: String,
    pub(crate) code: Option<String>,
    pub(crate) message: String,
}

impl Refusal {
    fn new(status: StatusCode, kind: &str, code: Option<&str>, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: kind.to_owned(),
            code: code.map(str::to_owned),
            message: message.into(),
        }
    }

    pub(crate) fn body(&self) -> Value {
        let mut error = Map::new();
        error.insert("message".to_owned(), Value::from(self.message.as_str()));
        error.insert("type".to_owned(), Value::from(self.kind.as_str()));
        if let Some(code) = &self.code {
            error.insert("code".to_owned(), Value::from(code.as_str()));
        }
        Value::Object(Map::from_iter([("error".to_owned(), error.into())]))
    }
}

pub(crate) fn invalid_parameter(message: impl Into<String>) -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "invalid_request_error",
        Some("invalid_parameter"),
        message,
    )
}

pub(crate) fn invalid_token(request_id: &str) -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "evo_api_error",
        None,
        format!("Invalid token (request id: {request_id})"),
    )
}

pub(crate) fn insufficient_credits(required: Micro, available: Micro) -> Refusal {
    Refusal::new(
        StatusCode::PAYMENT_REQUIRED,
        "insufficient_quota_error",
        None,
        format!(
            "Insufficient credits. Required: {}, Available: {}",
            required.three_decimals(),
            available.three_decimals()
        ),
    )
}

pub(crate) fn task_not_found() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "invalid_request_error",
        Some("task_not_found"),
        "Task not found",
    )
}

pub(crate) fn model_not_found(model: &str) -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "not_found_error",
        Some("model_not_found"),
        format!("Model not found: {model}"),
    )
}

/// A route, a file or a result that is not there.
pub(crate) fn not_found(message: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not_found_error", None, message)
}

pub(crate) fn not_cancellable() -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "invalid_request_error",
        Some("task_not_cancellable"),
        "Task cannot be cancelled",
    )
}

pub(crate) fn too_large() -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "request_too_large_error",
        None,
        "Image file size exceeds 30MB limit",
    )
}

pub(crate) fn range_not_satisfiable() -> Refusal {
    Refusal::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "invalid_request_error",
        None,
        "Range not satisfiable",
    )
}

pub(crate) fn idempotency_conflict() -> Refusal {
    Refusal::new(
        StatusCode::CONFLICT,
        "idempotency_error",
        Some("idempotency_conflict"),
        "Idempotency-Key was already used with a different request body",
    )
}

/// EvoLink's usual answer with this status, for faults that only name the status.
pub(crate) fn usual(status: StatusCode, request_id: &str) -> Refusal {
    match status.as_u16() {
        400 => invalid_parameter("Invalid request"),
        401 => invalid_token(request_id),
        402 => insufficient_credits(
            Micro::from_micros(17_784_000),
            Micro::from_micros(2_100_000),
        ),
        403 => Refusal::new(
            status,
            "permission_error",
            Some("permission_denied"),
            "Permission denied",
        ),
        404 => task_not_found(),
        409 => idempotency_conflict(),
        413 => too_large(),
        422 => Refusal::new(
            status,
            "content_policy_violation",
            Some("content_filtered"),
            "Content rejected by safety filter",
        ),
        429 => Refusal::new(
            status,
            "rate_limit_error",
            None,
            "Rate limit exceeded. Please retry after 60 seconds.",
        ),
        502 => Refusal::new(status, "bad_gateway", None, "Bad gateway"),
        503 => Refusal::new(
            status,
            "service_unavailable_error",
            None,
            "Service temporarily unavailable. Please retry after 30 seconds.",
        ),
        _ => Refusal::new(
            status,
            "internal_server_error",
            None,
            "Internal server error. Please retry later.",
        ),
    }
}
