//! One call: it is made once, and answers with the body of a success or says why there is none. Whether it
//! may be made again is the callers' business.

use std::time::Duration;

use bytes::Bytes;
use evogate_store::{Clock, SystemClock};
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response};

use super::{Address, CallError, Problem, Refusal};
use crate::secret::Secret;
use crate::webhooks::guard::explain;

const CONNECT: Duration = Duration::from_secs(10);

/// The way to one address: carries the key, and follows no redirect.
#[derive(Debug)]
pub(in crate::cli) struct Calls {
    client: Client,
    address: Address,
    /// The most that is read of an answer, in bytes.
    limit: usize,
}

/// What a call that went well was answered with.
#[derive(Debug)]
pub(in crate::cli) struct Reply {
    pub(in crate::cli) headers: HeaderMap,
    pub(in crate::cli) body: Vec<u8>,
}

impl Calls {
    /// Connects to nothing yet. `agent` is how this program calls itself.
    pub(in crate::cli) fn new(
        address: &Address,
        key: &Secret,
        agent: &str,
        limit: usize,
    ) -> Result<Self, Problem> {
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, bearer(key)?),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let client = client(address, agent)
            .default_headers(headers)
            .redirect(Policy::none());
        Ok(Self {
            client: build(client)?,
            address: address.clone(),
            limit,
        })
    }

    /// The beginning of a call. `path` begins with a slash.
    pub(in crate::cli) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.address.text());
        self.client.request(method, url)
    }

    /// Makes a call.
    pub(in crate::cli) async fn exchange(
        &self,
        request: RequestBuilder,
    ) -> Result<Reply, CallError> {
        let mut response = self.open(request).await?;
        let body = self.whole(&mut response).await?;
        let headers = response.headers().clone();
        Ok(Reply { headers, body })
    }

    /// Makes a call whose answer is read by the caller, piece by piece.
    pub(in crate::cli) async fn open(
        &self,
        request: RequestBuilder,
    ) -> Result<Response, CallError> {
        let sent = request.send().await;
        let mut response = sent.map_err(|error| self.failed(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let body = self.whole(&mut response).await?;
        Err(refused(&response, &body)
            .unwrap_or_else(|| self.unclear(&format!("HTTP {}", response.status()))))
    }

    async fn whole(&self, response: &mut Response) -> Result<Vec<u8>, CallError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.piece(response).await? {
            if chunk.len() > self.limit.saturating_sub(body.len()) {
                return Err(self.unclear("the answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The next piece of an answer; none at its end.
    pub(in crate::cli) async fn piece(
        &self,
        response: &mut Response,
    ) -> Result<Option<Bytes>, CallError> {
        let piece = response.chunk().await;
        piece.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &reqwest::Error) -> CallError {
        CallError::Unclear {
            why: format!("{}: {}", self.address.host(), explain(error)),
            sent: !error.is_connect(),
        }
    }

    /// It was answered with something that says nothing.
    pub(in crate::cli) fn unclear(&self, why: &str) -> CallError {
        CallError::Unclear {
            why: format!("{}: no useful answer: {why}", self.address.host()),
            sent: true,
        }
    }
}

/// A client for this address without a key. A file's length is only known when it is not compressed.
pub(in crate::cli) fn client(address: &Address, agent: &str) -> ClientBuilder {
    let client = Client::builder()
        .user_agent(format!("{agent}/{}", env!("CARGO_PKG_VERSION")))
        .referer(false)
        .retry(reqwest::retry::never())
        .no_gzip()
        .connect_timeout(CONNECT);
    // Unlike the gateway, somebody's own machine may need the proxy of its environment, but not to itself.
    if address.is_local() {
        client.no_proxy()
    } else {
        client
    }
}

/// Builds a client, or says why there is none.
pub(in crate::cli) fn build(client: ClientBuilder) -> Result<Client, Problem> {
    client.build().map_err(|error| {
        let why = format!("there is no HTTPS client without the system's CA certificates: {error}");
        Problem::new("unreachable", why)
    })
}

/// What an answer that is not a success says, if it is in EvoLink's shape.
pub(in crate::cli) fn refused(response: &Response, body: &[u8]) -> Option<CallError> {
    let now = SystemClock.now();
    Refusal::read(response.status(), response.headers(), body, now).map(CallError::Refused)
}

fn bearer(key: &Secret) -> Result<HeaderValue, Problem> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", key.expose()))
        .map_err(|_| Problem::usage("the key has characters that no key has"))?;
    bearer.set_sensitive(true);
    Ok(bearer)
}
