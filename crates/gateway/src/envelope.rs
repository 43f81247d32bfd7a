//! The outermost layer: a request gets its id, its log line, its metrics, and an answer in JSON
//! whatever happens inside, a panic included.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use http_body::Body as _;

use crate::config::LogRequests;
use crate::context::{Context, REQUEST_ID, TRACEPARENT};
use crate::error::ApiError;
use crate::logging::RequestLine;
use crate::metrics;
use crate::telemetry::{Kind, Span};

/// The answer to a request that is turned away before anybody looks at it. It costs as little as it can: it is
/// counted where it is turned away, and has no line in the log.
pub fn turn_away(headers: &HeaderMap, error: ApiError) -> Response {
    let context = Context::of(headers);
    let mut response = error.render(context.request_id());
    if let Ok(id) = HeaderValue::from_str(context.request_id()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if let Some(trace) = context.traceparent() {
        response.headers_mut().insert(TRACEPARENT, trace);
    }
    response
}

/// Wraps every request of every listener that clients reach.
pub async fn envelope(State(logged): State<LogRequests>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let envelope = Envelope::open(&mut parts, logged);
    let path = parts.extensions.get::<MatchedPath>().cloned();
    let work = next.run(Request::from_parts(parts, body));
    let answered = envelope.around(work).await;
    envelope.close(path.as_ref().map(MatchedPath::as_str), answered)
}

/// What a request is wrapped in, between its beginning and its answer.
#[derive(Debug)]
pub struct Envelope {
    began: Instant,
    context: Context,
    method: Method,
    bytes_in: Option<u64>,
    logged: LogRequests,
    span: Span,
}

impl Envelope {
    /// The request has come. From here on its context is among its extensions.
    pub fn open(request: &mut Parts, logged: LogRequests) -> Self {
        let began = Instant::now();
        let context = Context::of(&request.headers);
        request.extensions.insert(context.clone());
        Self {
            span: Span::of(&context, "request", Kind::Server),
            began,
            context,
            method: request.method.clone(),
            bytes_in: content_length(&request.headers),
            logged,
        }
    }

    /// The work that answers the request, in its context. An error is a panic.
    pub fn around<F: Future>(
        &self,
        work: F,
    ) -> impl Future<Output = std::thread::Result<F::Output>> + use<F> {
        let work = AssertUnwindSafe(work).catch_unwind();
        self.context.clone().around(work)
    }

    /// Its answer, or that there is none because something panicked. `matched` is the route that it took.
    pub fn close<P>(self, matched: Option<&str>, answered: Result<Response, P>) -> Response {
        let Self {
            mut span,
            began,
            context,
            method,
            bytes_in,
            logged,
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
            response.headers_mut().insert(REQUEST_ID, id);
        }
        if let Some(trace) = context.traceparent() {
            response.headers_mut().insert(TRACEPARENT, trace);
        }

        let took = began.elapsed();
        let status = response.status().as_u16();
        metrics::http::answered(matched, &method, response.status(), took);
        span.tell(|facts| {
            facts.name(format!("{method} {route}"));
            facts.about(&context);
            facts.set("http.request.method", method.to_string());
            facts.set("http.route", route.to_owned());
            facts.set("http.response.status_code", i64::from(status));
            if status >= 500 {
                facts.fail();
            }
        });
        drop(span);
        let line = RequestLine {
            context: &context,
            method: &method,
            route,
            status,
            code: code.as_deref(),
            took,
            bytes_in,
            bytes_out: response.body().size_hint().exact(),
        };
        line.write(match logged {
            LogRequests::All => true,
            LogRequests::Errors => status >= 400,
            LogRequests::Nothing => false,
        });
        response
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
