//! One request and its answer, as the connection's [`Pulse`] sees them.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::pulse::Pulse;
use crate::load::Place;

/// A body that comes more slowly than this is too slow, however large it is.
const LEAST_BYTES_PER_SECOND: u64 = 8 << 10;

/// A request under way, until its answer is over or nobody wants it any more.
#[derive(Debug)]
pub(super) struct Exchange {
    pulse: Arc<Pulse>,
    version: Version,
    waits_for_us: bool,
}

impl Exchange {
    pub(super) fn begin(pulse: &Arc<Pulse>, version: Version) -> Self {
        pulse.begin();
        Self {
            pulse: Arc::clone(pulse),
            version,
            waits_for_us: true,
        }
    }

    /// The answer has begun; the request is over with its body. `last`: the connection closes then.
    pub(super) fn answer(
        mut self,
        answer: Response,
        place: Option<Place>,
        last: bool,
    ) -> http::Response<Answer> {
        self.wait_for_us(false);
        let mut answer = answer.map(|body| Answer {
            body,
            exchange: self,
            _place: place,
        });
        if last && answer.body().exchange.version < Version::HTTP_2 {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        answer
    }

    fn wait_for_us(&mut self, waits: bool) {
        if self.waits_for_us != waits {
            self.waits_for_us = waits;
            self.pulse.wait_for_us(waits);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.wait_for_us(false);
        self.pulse.end();
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    exchange: Exchange,
    /// Free again when all was given.
    _place: Option<Place>,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.exchange.wait_for_us(frame.is_pending());
        if frame.is_ready() {
            self.exchange.pulse.gave();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request's body came too slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyTimeout;

impl fmt::Display for BodyTimeout {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the request's body came too slowly")
    }
}

impl std::error::Error for BodyTimeout {}

/// The body of a request, for which the client has some time from when it is first waited for, and more for
/// what it has sent. One that is there at once takes no timer.
#[derive(Debug)]
pub(super) struct ClientBody {
    body: Incoming,
    patience: Duration,
    waited: Option<Waited>,
    /// Bytes that have come.
    came: u64,
}

#[derive(Debug)]
struct Waited {
    since: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl ClientBody {
    pub(super) const fn new(body: Incoming, patience: Duration) -> Self {
        Self {
            body,
            patience,
            waited: None,
            came: 0,
        }
    }

    fn allowed(&self) -> Duration {
        let earned = self.came.checked_div(LEAST_BYTES_PER_SECOND);
        self.patience
            .saturating_add(Duration::from_secs(earned.unwrap_or_default()))
    }
}

impl HttpBody for ClientBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            if let Some(Ok(frame)) = &frame
                && let Some(data) = frame.data_ref()
            {
                let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                self.came = self.came.saturating_add(length);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let allowed = self.allowed();
        let waited = self.waited.get_or_insert_with(|| {
            let since = Instant::now();
            Waited {
                since,
                alarm: Box::pin(sleep_until(since + allowed)),
            }
        });
        let until = waited.since + allowed;
        if waited.alarm.deadline() < until {
            waited.alarm.as_mut().reset(until);
        }
        ready!(waited.alarm.as_mut().poll(context));
        Poll::Ready(Some(Err(BodyTimeout.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
