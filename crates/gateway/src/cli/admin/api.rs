//! The calls. A path is made of ids that were checked when the command line was read.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use reqwest::{Body, Method, RequestBuilder, Response};
use serde::Serialize;

use super::access::Access;
use super::answer::{Answer, explained};
use crate::cli::remote::{CallError, Calls, Problem};

/// How this program calls itself.
const AGENT: &str = "evogate-admin";
/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// The most that is read of an answer: a page of 1000 entries has some 300 KiB.
const LIMIT: usize = 64 << 20;
const ROOT: &str = "/admin/v1";
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The way to a gateway's admin routes.
#[derive(Debug)]
pub(super) struct Api {
    calls: Calls,
}

impl Api {
    /// Connects to nothing yet.
    pub(super) fn new(access: &Access) -> Result<Self, Problem> {
        let calls = Calls::new(&access.address, &access.key, AGENT, LIMIT)?;
        Ok(Self { calls })
    }

    /// Reads. `path` is what follows `/admin/v1`.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, Problem> {
        self.ask(path, &Query::default()).await
    }

    /// Reads with a query.
    pub(super) async fn ask(&self, path: &str, query: &Query) -> Result<Answer, Problem> {
        let request = self.request(Method::GET, &query.after(path));
        self.exchange(request).await.map_err(explained)
    }

    /// Changes something.
    pub(super) async fn change(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer, Problem> {
        self.changed(method, path, body).await.map_err(explained)
    }

    /// The same, for whoever wants to know more of a failure.
    pub(super) async fn changed(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer, CallError> {
        self.exchange(self.request(method, path).json(body)).await
    }

    /// Changes something that is done once for one key.
    pub(super) async fn once(
        &self,
        path: &str,
        key: &str,
        body: &impl Serialize,
    ) -> Result<Answer, CallError> {
        let request = self.request(Method::POST, path).json(body);
        self.exchange(request.header(IDEMPOTENCY_KEY, key)).await
    }

    /// Reads something of any length, as long as it takes.
    pub(super) async fn open(&self, path: &str) -> Result<Response, Problem> {
        let request = self.calls.request(Method::GET, &format!("{ROOT}{path}"));
        self.calls.open(request).await.map_err(explained)
    }

    /// The next piece of it; none at its end.
    pub(super) async fn piece(&self, response: &mut Response) -> Result<Option<Bytes>, Problem> {
        self.calls.piece(response).await.map_err(explained)
    }

    /// Sends something of any length, as long as it takes.
    pub(super) async fn send(&self, path: &str, body: Body) -> Result<Answer, Problem> {
        let request = self.calls.request(Method::POST, &format!("{ROOT}{path}"));
        let request = request.header(CONTENT_TYPE, "application/x-ndjson");
        self.exchange(request.body(body)).await.map_err(explained)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.calls.request(method, &format!("{ROOT}{path}"));
        request.timeout(PATIENCE)
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let reply = self.calls.exchange(request).await?;
        let replayed = reply.headers.contains_key("idempotency-replayed");
        Answer::new(reply.body, replayed).ok_or_else(|| self.calls.unclear("it is no JSON"))
    }
}

/// What follows the question mark. What is `None` is left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(&'static str, String)>);

impl Query {
    pub(super) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self.0.extend(value.map(|value| (name, value.to_string())));
        self
    }

    fn after(&self, path: &str) -> String {
        if self.0.is_empty() {
            return path.to_owned();
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.0);
        format!("{path}?{}", query.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_carries_any_text_and_nothing_that_was_not_said() {
        let query = Query::default()
            .with("search", Some("a&b=ü"))
            .with("page", None::<u32>);
        assert_eq!(query.after("/tenants"), "/tenants?search=a%26b%3D%C3%BC");
        let query = query.with("search", None::<&str>);
        assert_eq!(query.after("/tenants"), "/tenants");
    }
}
