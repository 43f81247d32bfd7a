//! One exchange with EvoLink: a request out, an answer in, read to a limit.

use std::error::Error;

use evogate_models::{ErrorCode, Refusal, Timestamp};
use http::StatusCode;
use http::header::{DATE, HeaderValue, RETRY_AFTER};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use tokio::time::timeout;

use super::client::{Call, describe};
use super::refusal;
use super::wait::Wait;

/// The most that is read of an answer about one task.
pub(super) const TASK: usize = 1 << 20;
/// The most that is read of an answer about many.
pub(super) const LIST: usize = 8 << 20;

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its HTTP status.
    pub(super) status: StatusCode,
    /// `Retry-After`, as it was sent.
    retry_after: Option<HeaderValue>,
    /// When EvoLink says that it is.
    pub(super) date: Option<HeaderValue>,
    /// Its body.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The body in EvoLink's error shape, if that is what it is. `absent` is the code of a 404 without one.
    pub(super) fn refusal(&self, absent: ErrorCode) -> Option<Refusal> {
        refusal::parse(self.status.as_u16(), &self.body, absent)
    }

    /// How long EvoLink asks to wait: in the header, else in the message, else what is usual for the status.
    pub(super) fn wait(&self, message: &str, now: Timestamp) -> Wait {
        Wait::read(self.status, self.retry_after.as_ref(), message, now)
    }
}

/// There was no whole answer.
#[derive(Debug)]
pub(super) struct Broken {
    /// In words.
    pub(super) why: String,
    /// EvoLink sent the HTTP/2 error `REFUSED_STREAM` in place of an answer, which promises that it did
    /// nothing with the request (RFC 9113 §8.7).
    pub(super) refused: bool,
}

impl Broken {
    /// Before the answer's head.
    fn without_head(error: &legacy::Error) -> Self {
        Self {
            refused: refused_stream(error),
            why: describe(error),
        }
    }

    /// EvoLink is too slow.
    fn too_late() -> Self {
        Self::within("no answer in time".to_owned())
    }

    /// Within the answer's body: whatever broke it, the request was processed.
    fn within(why: String) -> Self {
        Self {
            why,
            refused: false,
        }
    }
}

/// Sends a request and reads its answer, at most `limit` bytes of it.
pub(super) async fn exchange(call: Call<'_>, limit: usize) -> Result<Answer, Broken> {
    let within = call.within;
    let exchanged = timeout(within, exchange_in_time(call, limit)).await;
    exchanged.unwrap_or_else(|_| Err(Broken::too_late()))
}

async fn exchange_in_time(call: Call<'_>, limit: usize) -> Result<Answer, Broken> {
    let response = call.send().await;
    let response = response.map_err(|error| Broken::without_head(&error))?;
    let (head, body) = response.into_parts();
    let body = read(body, limit).await.map_err(|why| {
        let why = format!("HTTP {} with a broken body: {why}", head.status.as_u16());
        Broken::within(why)
    })?;
    let mut headers = head.headers;
    Ok(Answer {
        status: head.status,
        retry_after: headers.remove(RETRY_AFTER),
        date: headers.remove(DATE),
        body,
    })
}

async fn read(mut body: Incoming, limit: usize) -> Result<Vec<u8>, String> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| describe(&error))?;
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        if bytes.len() > limit.saturating_sub(whole.len()) {
            return Err(format!("more than {limit} bytes"));
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole)
}

/// Did EvoLink itself (not our HTTP library) refuse the stream? A GOAWAY names the streams that were not
/// processed, too, but is not trusted with money: servers are known to name too few.
fn refused_stream(error: &legacy::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return error.is_reset()
                && error.is_remote()
                && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        }
        cause = error.source();
    }
    false
}
