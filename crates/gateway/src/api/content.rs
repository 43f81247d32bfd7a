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
            let length = file.content_length();
            let place = principal.into_place();
            let given = move || {
                drop(place);
                if to_the_end {
                    reads::given(&gateway, &sight);
                }
            };
            let body = Body::from_stream(at_end(file.bytes_stream(), length, given));
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

/// The stream, and `done` once all of it was taken: with its last byte, where its length is known, since the
/// server does not ask for more then.
fn at_end<T: AsRef<[u8]>, E>(
    stream: impl Stream<Item = Result<T, E>>,
    length: Option<u64>,
    done: impl FnOnce(),
) -> impl Stream<Item = Result<T, E>> {
    let end = futures::stream::once(std::future::ready(None));
    let (mut left, mut done, mut broken) = (length, Some(done), false);
    let whole = stream.map(Some).chain(end);
    let whole = whole.take_while(move |item| {
        // After an error there is no end to speak of.
        let goes_on = !broken;
        match item {
            Some(Ok(piece)) => {
                let piece = u64::try_from(piece.as_ref().len()).unwrap_or(u64::MAX);
                left = left.map(|left| left.saturating_sub(piece));
            }
            Some(Err(_)) => broken = true,
            None => left = Some(0),
        }
        if let (false, Some(0)) = (broken, left)
            && let Some(done) = done.take()
        {
            done();
        }
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;

    use futures::FutureExt as _;

    use super::*;

    type Piece = Result<&'static str, ()>;

    /// After which of its pieces the stream is done; none when it never is. The server takes `taken` of it.
    fn done_after(pieces: Vec<Piece>, length: Option<u64>, taken: usize) -> Option<usize> {
        let done = Cell::new(false);
        let stream = at_end(futures::stream::iter(pieces), length, || done.set(true));
        let mut stream = pin!(stream);
        (1..=taken).find(|_| {
            let _ = stream.next().now_or_never();
            done.get()
        })
    }

    #[test]
    fn a_stream_is_done_with_its_last_byte_and_without_a_length_at_its_end() {
        let two = || vec![Ok("abc"), Ok("de")];
        assert_eq!(done_after(two(), Some(5), 2), Some(2));
        assert_eq!(done_after(two(), None, 2), None);
        assert_eq!(done_after(two(), None, 3), Some(3));
    }

    #[test]
    fn a_stream_that_breaks_or_that_nobody_takes_is_not_done() {
        let broken = || vec![Ok("abc"), Err(()), Ok("de")];
        assert_eq!(done_after(broken(), Some(5), 9), None);
        assert_eq!(done_after(broken(), None, 9), None);
        assert_eq!(done_after(vec![Ok("abc"), Ok("de")], Some(5), 1), None);
    }
}
