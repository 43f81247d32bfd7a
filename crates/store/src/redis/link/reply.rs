//! What an answer of Redis means for whoever asked.

use redis::{ServerError, Value};

use crate::error::StoreError;

/// Error replies by which a server refuses a call as a whole, before any of it is applied, because of
/// the state that the server or the set-up is in.
const REFUSALS: [&str; 14] = [
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
];

/// The answer, or the error that an error reply stands for.
pub(super) fn read(value: Value) -> Result<Value, StoreError> {
    let Value::ServerError(error) = value else {
        return Ok(value);
    };
    let code = error.code();
    let message = error.details().unwrap_or_default();
    Err(if REFUSALS.contains(&code) {
        StoreError::Unavailable(format!("Redis answered {code} {message}"))
    } else {
        StoreError::Refused {
            code: code.to_owned(),
            message: message.to_owned(),
        }
    })
}

/// The code of an error reply.
pub(super) fn code(value: &Value) -> Option<&str> {
    match value {
        Value::ServerError(error) => Some(error.code()),
        _ => None,
    }
}

/// Where a `MOVED` or `ASK` reply points.
pub(super) fn target(value: &Value) -> Option<&str> {
    match value {
        Value::ServerError(error) => ServerError::details(error)?.split(' ').nth(1),
        _ => None,
    }
}
