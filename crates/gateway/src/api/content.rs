//! `GET /v1/tasks/{id}/content`: the first result as a stream through the gateway, ranges honoured.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use evogate_models::report::Report;
use evogate_models::task::{State, Task};
use evogate_models::view;

use super::TaskPath;
use crate::auth::{Read, Scoped};
use crate::content::answered;
use crate::context::Context;
use crate::error::ApiError;
use crate::openapi::{queries, refusals};
use crate::reads;
use crate::state::Gateway;

/// Streams the first result through the gateway.
///
/// For hosts that can't reach EvoLink's files. Ranges and conditions are passed on.
#[utoipa::path(get, path = "/v1/tasks/{id}/content", tag = "Tasks", params(queries::Ranges), responses(
    (status = 200, description = "The file, with the headers of its host", body = Vec<u8>, content_type = "*/*"),
    (status = 206, description = "A part of the file", body = Vec<u8>, content_type = "*/*",
        headers(("content-range" = String, description = "Which part this is"))),
    (status = 304, description = "Not modified since"),
    (status = 416, description = "The file has no such part"),
    refusals::TaskNotFound, refusals::ResultNotReady, refusals::ResultExpired, refusals::BadGateway,
))]
pub async fn get(
    gateway: Gateway,
    principal: Scoped<Read>,
    context: Context,
    TaskPath(id): TaskPath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let task = reads::read(&gateway, &principal.tenant, &id, &context.trace()).await?;
    let url = result(&task)?;
    let file = gateway.files.open(&url, &headers).await?;
    let status = file.status();
    match status.as_u16() {
        200 | 206 | 304 | 416 => {
            let headers = answered(file.headers());
            Ok((status, headers, Body::from_stream(file.bytes_stream())).into_response())
        }
        403 | 404 | 410 => Err(ApiError::result_expired()),
        _ => {
            tracing::warn!(%status, "EvoLink's file host did not give a result");
            Err(ApiError::bad_gateway(
                "EvoLink's file host did not give the result",
            ))
        }
    }
}

fn result(task: &Task) -> Result<String, ApiError> {
    let not_ready = || ApiError::result_not_ready(view::shown(task).as_str());
    if task.state != State::Completed {
        return Err(not_ready());
    }
    let body = task.body.as_ref().ok_or_else(not_ready)?;
    let report = Report::parse(body.as_bytes()).map_err(|error| ApiError::internal(&error))?;
    report.results.into_iter().next().ok_or_else(not_ready)
}
