//! `/log-level` on the ops listener: what this replica logs, changed while it runs.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::body;
use crate::config::{InvalidLevel, Level};
use crate::error::ApiError;
use crate::logging;
use crate::openapi::refusals;
use crate::state::Gateway;

/// The longest body; a filter is a line.
const LONGEST: usize = 4096;

/// What is logged.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LogLevel {
    /// `error`, `warn`, `info`, `debug` or `trace`, also by module.
    #[schema(example = "info,evogate_store=debug")]
    level: String,
}

/// Tells what is logged.
#[utoipa::path(get, path = "/log-level", tag = "Ops", responses(
    (status = 200, description = "What is logged", body = LogLevel),
))]
pub async fn get(gateway: Gateway) -> Response {
    answer(&gateway, logging::level())
}

/// Changes what is logged, until the next change or the next start.
///
/// The body is the level as it is, or in JSON.
#[utoipa::path(put, path = "/log-level", tag = "Ops", request_body = LogLevel, responses(
    (status = 200, description = "What is logged from now on", body = LogLevel),
    refusals::InvalidBody, refusals::TooLarge,
))]
pub async fn put(gateway: Gateway, request: Request) -> Result<Response, ApiError> {
    let body = body::read(request, LONGEST).await?;
    // No level is JSON by itself.
    let text = match serde_json::from_slice::<Value>(&body) {
        Ok(json) => {
            let asked = serde_json::from_value::<LogLevel>(json);
            asked
                .map_err(|_| ApiError::invalid("level", "level: the body has none".to_owned()))?
                .level
        }
        Err(_) => String::from_utf8_lossy(&body).into_owned(),
    };
    let level = text
        .trim()
        .parse()
        .map_err(|error: InvalidLevel| ApiError::invalid("level", format!("level: {error}")))?;
    Ok(change(&gateway, Some(level)))
}

/// Logs what the settings say again.
#[utoipa::path(delete, path = "/log-level", tag = "Ops", responses(
    (status = 200, description = "What is logged from now on", body = LogLevel),
))]
pub async fn delete(gateway: Gateway) -> Response {
    change(&gateway, None)
}

fn change(gateway: &Gateway, level: Option<Level>) -> Response {
    let to = level.as_ref().unwrap_or(&gateway.config.log.level).as_str();
    // Before: afterwards it might not be logged.
    tracing::info!(to, "what is logged is changed");
    answer(gateway, logging::set_level(level))
}

fn answer(gateway: &Gateway, level: Option<Level>) -> Response {
    let level = level.unwrap_or_else(|| gateway.config.log.level.clone());
    let level = level.as_str().to_owned();
    Json(LogLevel { level }).into_response()
}
