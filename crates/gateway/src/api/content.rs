//! `GET /v1/tasks/{id}/content`: the first result as a stream through the gateway, ranges honoured.

use axum::body::Body;
use axum::http::header::CONTENT_RANGE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use evogate_models::report::Report;
use evogate_models::task::{State, Task};
use evogate_models::view;

use futures::{Stream, StreamExt as _};

use super::TaskPath;
use crate::auth::{Read, Scoped};
use crate::content::answered;
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
    TaskPath(id): TaskPath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let sight = reads::read(&gateway, &principal.tenant, &id).await?;
    let url = result(&sight.task)?;
    let file = gateway.files.open(&url, &headers).await?;
    let status = file.status();
    match status.as_u16() {
        200 | 206 | 304 | 416 => {
            let headers = answered(file.headers());
            let to_the_end = reaches_end(status, file.headers());
            let place = principal.into_place();
            let given = move || {
                drop(place);
                if to_the_end {
                    reads::given(&gateway, &sight);
                }
            };
            let body = Body::from_stream(at_end(file.bytes_stream(), given));
            Ok((status, headers, body).into_response())
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

/// Does the answer go to the end of the file?
fn reaches_end(status: StatusCode, headers: &HeaderMap) -> bool {
    if status == StatusCode::OK {
        return true;
    }
    let range = headers
        .get(CONTENT_RANGE)
        .and_then(|range| range.to_str().ok());
    let range = range.and_then(|range| range.strip_prefix("bytes "));
    let last_and_length = range.and_then(|range| {
        let (span, length) = range.split_once('/')?;
        let (_, last) = span.split_once('-')?;
        Some((last.parse::<u64>().ok()?, length.parse::<u64>().ok()?))
    });
    let ends = |(last, length): (u64, u64)| last.checked_add(1) == Some(length);
    status == StatusCode::PARTIAL_CONTENT && last_and_length.is_some_and(ends)
}

/// The stream, and `done` once all of it was taken.
fn at_end<T, E>(
    stream: impl Stream<Item = Result<T, E>>,
    done: impl FnOnce(),
) -> impl Stream<Item = Result<T, E>> {
    let end = futures::stream::once(async move {
        done();
        None
    });
    let mut broken = false;
    let whole = stream.map(Some).chain(end);
    // After an error there is no end to speak of.
    let whole = whole.take_while(move |item| {
        let goes_on = !broken;
        broken |= matches!(item, Some(Err(_)));
        std::future::ready(goes_on)
    });
    whole.filter_map(std::future::ready)
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
