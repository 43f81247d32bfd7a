//! The outermost layer: a request gets its id, its log line, its metrics, and an answer in JSON
//! whatever happens inside, a panic included.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;

use crate::context::Context;
use crate::error::ApiError;
use crate::metrics;

/// Wraps every request of every listener that clients reach.
pub async fn envelope(mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let context = Context::of(request.headers());
    request.extensions_mut().insert(context.clone());
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let route = path.as_ref().map_or("unmatched", MatchedPath::as_str);

    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|_| {
        ::metrics::counter!(metrics::PANICS).increment(1);
        ApiError::internal(&"a handler panicked").into_response()
    });
    let error = response.extensions_mut().remove::<ApiError>();
    let code = error.as_ref().map(|error| error.code().to_owned());
    if let Some(error) = error {
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
    let class = match status / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    let method_label = match method.as_str() {
        known @ ("GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") => known,
        _ => "other",
    }
    .to_owned();
    let labels = [("route", route.to_owned()), ("method", method_label)];
    ::metrics::histogram!(metrics::REQUEST_SECONDS, &labels).record(took.as_secs_f64());
    ::metrics::counter!(metrics::REQUESTS, "route" => route.to_owned(),
        "method" => labels[1].1.clone(), "status" => class)
    .increment(1);
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
