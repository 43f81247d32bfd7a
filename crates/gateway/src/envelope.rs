//! The outermost layer: a request gets its id, its log line, its metrics, and an answer in JSON
//! whatever happens inside, a panic included.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;

use crate::context::Context;
use crate::error::ApiError;
use crate::metrics;

/// The answer to a request that is turned away before anybody looks at it. It costs as little as it can: it is
/// counted where it is turned away, and has no line in the log.
pub fn turn_away(headers: &HeaderMap, error: ApiError) -> Response {
    let context = Context::of(headers);
    let mut response = error.render(context.request_id());
    if let Ok(id) = HeaderValue::from_str(context.request_id()) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// Wraps every request of every listener that clients reach.
pub async fn envelope(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let envelope = Envelope::open(&mut parts);
    let path = parts.extensions.get::<MatchedPath>().cloned();
    let work = next.run(Request::from_parts(parts, body));
    let answered = AssertUnwindSafe(work).catch_unwind().await;
    envelope.close(path.as_ref().map(MatchedPath::as_str), answered)
}

/// What a request is wrapped in, between its beginning and its answer.
#[derive(Debug)]
pub struct Envelope {
    began: Instant,
    context: Context,
    method: Method,
}

impl Envelope {
    /// The request has come. From here on its context is among its extensions.
    pub fn open(request: &mut Parts) -> Self {
        let context = Context::of(&request.headers);
        request.extensions.insert(context.clone());
        Self {
            began: Instant::now(),
            context,
            method: request.method.clone(),
        }
    }

    /// Its answer, or that there is none because something panicked. `matched` is the route that it took.
    pub fn close<P>(self, matched: Option<&str>, answered: Result<Response, P>) -> Response {
        let Self {
            began,
            context,
            method,
        } = self;
        let route = matched.unwrap_or(metrics::UNMATCHED);
        let mut response = answered.unwrap_or_else(|_| {
            metrics::PANICS.one([]);
            ApiError::internal(&"a handler panicked").into_response()
        });
        let error = response.extensions_mut().remove::<ApiError>();
        let code = error.as_ref().map(|error| error.code().to_owned());
        if let Some(error) = error {
            metrics::http::faults(&error);
            let headers = std::mem::take(response.headers_mut());
            response = error.render(context.request_id());
            for (name, value) in &headers {
                response
                    .headers_mut()
                    .entry(name)
                    .or_insert_with(|| value.clone());
            }
        }
        if let Ok(id) = HeaderValue::from_str(context.request_id()) {
            response.headers_mut().insert("x-request-id", id);
        }

        let took = began.elapsed();
        let status = response.status().as_u16();
        metrics::http::answered(matched, &method, response.status(), took);
        tracing::info!(
            request_id = context.request_id(),
            tenant = context.tenant().map(tracing::field::display),
            credential = context.credential().map(tracing::field::display),
            task = context.task().map(tracing::field::display),
            method = %method,
            route,
            status,
            code,
            took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "request"
        );
        response
    }
}
