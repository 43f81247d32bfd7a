//! The calls: submit, read, cancel, credits, and the two ways to a result. Each is made once; whether it may be
//! made again is the callers' business.

mod access;
mod balance;

use std::time::Duration;

use evogate_models::UpstreamId;
use http::header::{ACCEPT, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde::Serialize;

pub(super) use access::Access;
pub(super) use balance::Balance;

use super::task::Task;
use crate::cli::remote::{CallError, Calls, Problem, build, client, refused};
use crate::webhooks::guard::explain;

/// How this program calls itself.
const AGENT: &str = "evogate-video";
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
    calls: Calls,
    /// For files of other hosts: knows no key.
    files: Client,
}

impl Api {
    /// Connects to nothing yet.
    pub(super) fn new(access: &Access) -> Result<Self, Problem> {
        let calls = Calls::new(access.address(), access.key(), AGENT, LIMIT)?;
        let files = client(access.address(), AGENT)
            .redirect(Policy::limited(REDIRECTS))
            .read_timeout(SILENCE);
        Ok(Self {
            calls,
            files: build(files)?,
        })
    }

    /// Submits a video.
    pub(super) async fn submit(&self, body: &impl Serialize, key: &str) -> Result<Task, CallError> {
        let request = self
            .calls
            .request(Method::POST, "/videos/generations")
            .header("idempotency-key", key)
            .json(body)
            .timeout(SUBMIT);
        self.task(request).await
    }

    /// Reads a task.
    pub(super) async fn read(&self, id: &UpstreamId) -> Result<Task, CallError> {
        let request = self.read_of(&format!("/tasks/{id}"));
        self.task(request.timeout(CALL)).await
    }

    /// Asks for a task to be cancelled. Answers the task where it is shown: EvoLink does not say what it
    /// answers.
    pub(super) async fn cancel(&self, id: &UpstreamId) -> Result<Option<Task>, CallError> {
        let request = self
            .calls
            .request(Method::POST, &format!("/tasks/{id}/cancel"));
        let body = self.exchange(request.timeout(CALL)).await?;
        Ok(Task::parse(&body).ok())
    }

    /// What there is to spend.
    pub(super) async fn balance(&self, within: Duration) -> Result<Balance, CallError> {
        let request = self.read_of("/credits");
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
        let content = self.read_of(&format!("/tasks/{id}/content"));
        open(content.header(ACCEPT, any)).await
    }

    async fn task(&self, request: RequestBuilder) -> Result<Task, CallError> {
        let body = self.exchange(request).await?;
        Task::parse(&body).map_err(|garbage| self.unclear(&garbage.to_string()))
    }

    fn read_of(&self, path: &str) -> RequestBuilder {
        self.calls.request(Method::GET, path)
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Vec<u8>, CallError> {
        Ok(self.calls.exchange(request).await?.body)
    }

    fn unclear(&self, why: &str) -> CallError {
        self.calls.unclear(why)
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
