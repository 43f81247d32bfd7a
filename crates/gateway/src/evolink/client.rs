//! How EvoLink is called: what the HTTP client must never do by itself, and its limits.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use evogate_store::lane::Lanes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, InvalidHeaderValue,
    PROXY_AUTHORIZATION, USER_AGENT,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Builder};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

use super::body::{Stopped, SubmitBody};
use super::connect::{self, Connector};
use crate::{config, context, failpoint};

/// An idle connection is closed after this: the longer it waits, the likelier EvoLink has closed it already,
/// and a submit on a connection that dies under it has an unknown outcome.
const IDLE: Duration = Duration::from_secs(15);
/// A connection that is in use and does not answer a ping in twice this is dead (HTTP/2 only: with HTTP/1.1 a
/// dead connection takes one call with it, here all that share it).
const PING: Duration = Duration::from_secs(10);
/// The longest cause that is passed on, in characters.
const CAUSE: usize = 300;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum EvoLinkError {
    /// The key has characters that a header can't carry.
    #[error("evolink.api_key can't be sent in a header")]
    Key,
    /// The base URL is none that can be called.
    #[error("evolink.base_url can't be called")]
    BaseUrl,
    /// The proxy's address is none.
    #[error("evolink.proxy is not the address of a proxy")]
    Proxy,
    /// The HTTP client can't be built, most likely for want of CA certificates.
    #[error(
        "the HTTPS client for EvoLink can't be set up ({0}); it needs the system's CA certificates \
         (on Debian the package ca-certificates, or SSL_CERT_FILE)"
    )]
    Setup(String),
}

/// What is sent: nothing, or a whole text, or a submit's.
pub(super) type Outgoing = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Stopped>>;

/// A client for each lane, with connections of its own.
pub(super) struct Clients {
    origin: Origin,
    connector: Connector,
    builder: Builder,
    lanes: Lanes<Client>,
}

/// Sends every request at most once, and follows nothing.
type Client = legacy::Client<Connector, Outgoing>;

/// Where all requests go, and what all of them carry: the key goes nowhere else.
struct Origin {
    scheme: Scheme,
    authority: Authority,
    /// The base URL's path, without a `/` at its end.
    path: String,
    headers: HeaderMap,
}

/// A request that is ready to be sent.
pub(super) struct Call<'a> {
    client: &'a Client,
    request: Request<Outgoing>,
    /// How long it may take, its answer's body included.
    pub(super) within: Duration,
}

impl fmt::Debug for Clients {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin {
            scheme,
            authority,
            path,
            ..
        } = &self.origin;
        write!(out, "Clients({scheme}://{authority}{path})")
    }
}

impl Clients {
    /// Two of them for the same settings share nothing but the way.
    pub(super) fn new(
        config: &config::EvoLink,
        connector: Connector,
        adapt: fn(&mut Builder) -> &mut Builder,
    ) -> Result<Self, EvoLinkError> {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder
            .retry_canceled_requests(false)
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PING);
        adapt(&mut builder);
        Ok(Self {
            origin: Origin::new(config)?,
            connector,
            builder,
            lanes: Lanes::default(),
        })
    }

    /// A request for what is at `path` below the base URL, without a body.
    pub(super) fn get(&self, path: &str, within: Duration) -> Call<'_> {
        self.call(Method::GET, path, Either::Left(Full::default()), within)
    }

    /// A request that changes something there, without a body.
    pub(super) fn post(&self, path: &str, within: Duration) -> Call<'_> {
        self.call(Method::POST, path, Either::Left(Full::default()), within)
    }

    /// One with a JSON text.
    pub(super) fn post_json(&self, path: &str, json: String, within: Duration) -> Call<'_> {
        let body = Either::Left(Full::from(json));
        self.call(Method::POST, path, body, within)
            .header(CONTENT_TYPE, JSON)
    }

    /// A submit, with its idempotency key; an error where that can't be sent in a header.
    pub(super) fn submit(
        &self,
        path: &str,
        key: &str,
        body: SubmitBody,
        within: Duration,
    ) -> Result<Call<'_>, InvalidHeaderValue> {
        let key = HeaderValue::from_str(key)?;
        let body = failpoint::on_the_wire(body).boxed_unsync();
        let call = self.call(Method::POST, path, Either::Right(body), within);
        let call = call.header(CONTENT_TYPE, JSON);
        Ok(call.header("idempotency-key", key))
    }

    fn call(&self, method: Method, path: &str, body: Outgoing, within: Duration) -> Call<'_> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self.origin.uri(path);
        let mut headers = self.origin.headers.clone();
        headers.extend(context::outgoing());
        *request.headers_mut() = headers;
        Call {
            client: self.client(),
            request,
            within,
        }
    }

    /// The one of the lane that this is called on.
    fn client(&self) -> &Client {
        self.lanes
            .get(|| self.builder.build(self.connector.clone()))
    }
}

impl Call<'_> {
    fn header(mut self, name: impl http::header::IntoHeaderName, value: HeaderValue) -> Self {
        self.request.headers_mut().insert(name, value);
        self
    }

    /// Sends it, once. Answers when the head of the answer is there.
    pub(super) async fn send(self) -> Result<Response<Incoming>, legacy::Error> {
        self.client.request(self.request).await
    }
}

impl Origin {
    fn new(config: &config::EvoLink) -> Result<Self, EvoLinkError> {
        let base: Uri = config
            .base_url
            .as_str()
            .parse()
            .map_err(|_| EvoLinkError::BaseUrl)?;
        let parts = base.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(EvoLinkError::BaseUrl);
        };
        let bearer = format!("Bearer {}", config.api_key.expose());
        let mut bearer = HeaderValue::try_from(bearer).map_err(|_| EvoLinkError::Key)?;
        // Prints as `Sensitive`, and is left out of HTTP/2's header tables.
        bearer.set_sensitive(true);
        let agent = HeaderValue::from_static(concat!("evogate/", env!("CARGO_PKG_VERSION")));
        // Room for those that a submit adds.
        let mut headers = HeaderMap::with_capacity(12);
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, JSON);
        headers.insert(USER_AGENT, agent);
        if let Some(login) = connect::proxy_login(config) {
            headers.insert(PROXY_AUTHORIZATION, login);
        }
        Ok(Self {
            scheme,
            authority,
            path: path_of(&config.base_url),
            headers,
        })
    }

    /// `path` below the base URL. Ids are of harmless characters, so nothing in a path needs encoding.
    fn uri(&self, path: &str) -> Uri {
        let path = format!("{}/{}", self.path, path.trim_start_matches('/'));
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        // What is no path is asked for at the root, where EvoLink has nothing.
        let path = PathAndQuery::from_maybe_shared(Bytes::from(path));
        parts.path_and_query = Some(path.unwrap_or_else(|_| PathAndQuery::from_static("/")));
        Uri::from_parts(parts).unwrap_or_default()
    }
}

fn path_of(base: &Url) -> String {
    base.path().trim_end_matches('/').to_owned()
}

/// An error with its causes in one line. Shows no URL, no header and no body.
pub(super) fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text.chars().take(CAUSE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error with causes, each in the words given.
    #[derive(Debug)]
    struct Chain(&'static [&'static str], Option<Box<Chain>>);

    impl Chain {
        fn of(words: &'static [&'static str]) -> Option<Box<Self>> {
            let rest = words.get(1..)?;
            Some(Box::new(Self(words, Self::of(rest))))
        }
    }

    impl std::fmt::Display for Chain {
        fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            out.write_str(self.0.first().unwrap_or(&""))
        }
    }

    impl Error for Chain {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn causes_are_said_once_and_in_order() {
        let error = Chain::of(&["sending failed", "io: reset", "reset"]).unwrap();
        assert_eq!(describe(&*error), "sending failed: io: reset");
    }
}
