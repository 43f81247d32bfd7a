//! What goes back over the wire, from an ordinary JSON object to an answer that is cut in the middle.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::refusal::Refusal;

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The pause that lets the first half of a truncated answer leave before the connection is cut.
const FLUSH: Duration = Duration::from_millis(30);

/// One answer, complete in memory.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The task that it is about, for the journal.
    pub(crate) task_id: Option<String>,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, content_type: &str, body: Bytes) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body,
            task_id: None,
        }
        .with_header(CONTENT_TYPE, content_type)
    }

    pub(crate) fn json(value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_else(|error| {
            tracing::error!(%error, "an answer cannot be written as JSON");
            Vec::new()
        });
        Self::new(StatusCode::OK, "application/json", body.into())
    }

    pub(crate) fn about(mut self, task_id: &str) -> Self {
        self.task_id = Some(task_id.to_owned());
        self
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The answer as it goes out whole.
    pub(crate) fn into_response(self) -> Response<Body> {
        let body = Full::new(self.body)
            .map_err(|never: Infallible| match never {})
            .boxed_unsync();
        assemble(self.status, self.headers, body)
    }

    /// The answer with its full length announced, cut after the first half.
    pub(crate) fn into_truncated(self) -> Response<Body> {
        let mut headers = self.headers;
        headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        let half = self.body.slice(..self.body.len() / 2);
        let frames: BoxStream<'static, io::Result<Frame<Bytes>>> =
            stream::iter([Ok(Frame::data(half))])
                .chain(stream::once(async {
                    tokio::time::sleep(FLUSH).await;
                    Err(io::Error::other("cut in the middle, as told"))
                }))
                .boxed();
        assemble(
            self.status,
            headers,
            BodyExt::boxed_unsync(StreamBody::new(frames)),
        )
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let mut answer = Self::json(&refusal.body());
        answer.status = refusal.status;
        answer
    }
}

fn assemble(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
