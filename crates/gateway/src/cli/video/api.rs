//! The calls: submit, read, cancel, credits, and the two ways to a result. Each is made once; whether it may be
//! made again is the callers' business.

mod access;
mod balance;

use std::time::Duration;

use evogate_models::UpstreamId;
use evogate_store::{Clock, SystemClock};
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response};
use serde::Serialize;

pub(super) use access::Access;
pub(super) use balance::Balance;

use super::problem::Problem;
use super::refusal::{CallError, Refusal};
use super::task::Task;
use crate::webhooks::guard::explain;

const CONNECT: Duration = Duration::from_secs(10);
/// A gateway answers a submit within 20 s, EvoLink itself may take a minute.
const SUBMIT: Duration = Duration::from_secs(90);
/// Any other call.
const CALL: Duration = Duration::from_secs(30);
/// The longest silence within a download.
const SILENCE: Duration = Duration::from_mins(1);
/// Redirects of a file host that are followed.
const REDIRECTS: usize = 5;
/// The most that is read of an answer.
const LIMIT: usize = 1 << 20;

/// The way to a gateway, or to EvoLink itself.
#[derive(Debug)]
pub(super) struct Api {
    /// Carries the key, and follows no redirect.
    calls: Client,
    /// For files of other hosts: knows no key.
    files: Client,
    base: String,
    /// How it is called in messages.
    host: String,
}

impl Api {
    /// Connects to nothing yet.
    pub(super) fn new(access: &Access) -> Result<Self, Problem> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", access.key().expose()))
            .map_err(|_| Problem::usage("the API key has characters that no key has"))?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, bearer),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let calls = client(access)
            .default_headers(headers)
            .redirect(Policy::none())
            .build();
        let files = client(access)
            .redirect(Policy::limited(REDIRECTS))
            .read_timeout(SILENCE)
            .build();
        let missing = |error: reqwest::Error| {
            let why =
                format!("there is no HTTPS client without the system's CA certificates: {error}");
            Problem::new("unreachable", why)
        };
        Ok(Self {
            calls: calls.map_err(missing)?,
            files: files.map_err(missing)?,
            base: access.base().to_owned(),
            host: access.host().to_owned(),
        })
    }

    /// Submits a video.
    pub(super) async fn submit(&self, body: &impl Serialize, key: &str) -> Result<Task, CallError> {
        let request = self
            .calls
            .post(format!("{}/videos/generations", self.base))
            .header("idempotency-key", key)
            .json(body)
            .timeout(SUBMIT);
        self.task(request).await
    }

    /// Reads a task.
    pub(super) async fn read(&self, id: &UpstreamId) -> Result<Task, CallError> {
        let request = self.calls.get(format!("{}/tasks/{id}", self.base));
        self.task(request.timeout(CALL)).await
    }

    /// Asks for a task to be cancelled. Answers the task where it is shown: EvoLink does not say what it
    /// answers.
    pub(super) async fn cancel(&self, id: &UpstreamId) -> Result<Option<Task>, CallError> {
        let request = self.calls.post(format!("{}/tasks/{id}/cancel", self.base));
        let body = self.exchange(request.timeout(CALL)).await?;
        Ok(Task::parse(&body).ok())
    }

    /// What there is to spend.
    pub(super) async fn balance(&self, within: Duration) -> Result<Balance, CallError> {
        let request = self.calls.get(format!("{}/credits", self.base));
        let body = self.exchange(request.timeout(within)).await?;
        Balance::parse(&body).ok_or_else(|| self.unclear("it does not show the credits"))
    }

    /// Opens a result where EvoLink has it.
    pub(super) async fn file(&self, url: &str) -> Result<Response, CallError> {
        open(self.files.get(url)).await
    }

    /// Opens a task's first result through the gateway.
    pub(super) async fn content(&self, id: &UpstreamId) -> Result<Response, CallError> {
        let any = HeaderValue::from_static("*/*");
        let url = format!("{}/tasks/{id}/content", self.base);
        open(self.calls.get(url).header(ACCEPT, any)).await
    }

    async fn task(&self, request: RequestBuilder) -> Result<Task, CallError> {
        let body = self.exchange(request).await?;
        Task::parse(&body).map_err(|garbage| self.unclear(&garbage.to_string()))
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Vec<u8>, CallError> {
        let failed = |error: reqwest::Error| CallError::Unclear {
            why: format!("{}: {}", self.host, explain(&error)),
            sent: !error.is_connect(),
        };
        let mut response = request.send().await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if chunk.len() > LIMIT.saturating_sub(body.len()) {
                return Err(self.unclear("the answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        if response.status().is_success() {
            return Ok(body);
        }
        Err(refused(&response, &body)
            .unwrap_or_else(|| self.unclear(&format!("HTTP {}", response.status()))))
    }

    fn unclear(&self, why: &str) -> CallError {
        CallError::Unclear {
            why: format!("{}: no useful answer: {why}", self.host),
            sent: true,
        }
    }
}

/// What both clients have in common. A file's length is only known when it is not compressed.
fn client(access: &Access) -> ClientBuilder {
    let client = Client::builder()
        .user_agent(concat!("evogate-video/", env!("CARGO_PKG_VERSION")))
        .referer(false)
        .retry(reqwest::retry::never())
        .no_gzip()
        .connect_timeout(CONNECT);
    // Unlike the gateway, somebody's own machine may need the proxy of its environment, but not to itself.
    if access.is_local() {
        client.no_proxy()
    } else {
        client
    }
}

/// Opens a file: a success that is not a page or an error in JSON.
async fn open(request: RequestBuilder) -> Result<Response, CallError> {
    let unclear = |why: String| CallError::Unclear { why, sent: true };
    let mut response = request
        .send()
        .await
        .map_err(|error| unclear(explain(&error)))?;
    let status = response.status();
    if !status.is_success() {
        let body = response.chunk().await.ok().flatten().unwrap_or_default();
        return Err(refused(&response, &body).unwrap_or_else(|| unclear(format!("HTTP {status}"))));
    }
    let content_type = response.headers().get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    match content_type {
        Some(text) if text.starts_with("text/") || text.starts_with("application/json") => {
            Err(unclear(format!("it sent {text} instead of a video")))
        }
        _ => Ok(response),
    }
}

fn refused(response: &Response, body: &[u8]) -> Option<CallError> {
    let now = SystemClock.now();
    Refusal::read(response.status(), response.headers(), body, now).map(CallError::Refused)
}
