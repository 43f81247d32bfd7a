//! The HTTP client for addresses that others chose: it goes where the policy allows, directly, once.
//!
//! The URL is judged before the request, since a client connects to an address that is written into
//! a URL (`127.1`, `0x7f000001`) without asking a resolver; every answer of the resolver is judged on
//! the way to the connection. No redirect is followed, no proxy of the environment is used, nothing is
//! sent a second time.

use std::collections::VecDeque;
use std::error::Error as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evogate_models::address::{AddressPolicy, Refused};
use reqwest::{Certificate, Client, Method, RequestBuilder};

use super::resolver::{JudgingResolver, Lookup, SystemLookup};

/// How long a connection may stay unused: long enough for a burst, too short to outlive a receiver
/// that was taken away.
const POOL_IDLE: Duration = Duration::from_secs(15);

/// How often an HTTP/2 connection in use is asked whether it is still there, and how long it may take
/// to say so: it is shared, and one that died would fail every request until the system noticed.
const PING_EVERY: Duration = Duration::from_secs(5);
const PONG_WITHIN: Duration = Duration::from_secs(5);

/// A client per port is kept for so many ports. Mostly there is one.
const PORTS: usize = 32;

/// How long a guarded client waits.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// For a connection: name, TCP and TLS.
    pub connect: Duration,
    /// For the whole answer; `None`: as long as it comes.
    pub total: Option<Duration>,
    /// For the next piece of the answer.
    pub silence: Option<Duration>,
}

/// Why a request could not be begun.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The policy forbids the address.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The client can't be made.
    #[error("the HTTP client can't be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// Why the certificates of a file can't be had.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct AuthoritiesError {
    file: String,
    reason: String,
}

/// The certificates of authorities in a PEM file; none without a file.
pub fn authorities(file: Option<&Path>) -> Result<Vec<Certificate>, AuthoritiesError> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    let error = |reason: String| AuthoritiesError {
        file: file.display().to_string(),
        reason,
    };
    let pem = std::fs::read(file).map_err(|why| error(why.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|why| error(why.to_string()))?;
    if found.is_empty() {
        return Err(error("has no certificate in PEM form".to_owned()));
    }
    Ok(found)
}

/// An HTTP client under an [`AddressPolicy`]. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct GuardedClient(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    policy: Arc<AddressPolicy>,
    waits: Waits,
    authorities: Vec<Certificate>,
    lookup: Arc<dyn Lookup>,
    /// By port, the one last used first.
    clients: Mutex<VecDeque<(u16, Client)>>,
}

impl GuardedClient {
    /// A client that asks the system's resolver, and trusts `authorities` beside the system's. Fails where
    /// the machine has no CA certificates.
    pub fn new(
        policy: Arc<AddressPolicy>,
        waits: Waits,
        authorities: Vec<Certificate>,
    ) -> Result<Self, reqwest::Error> {
        Self::with_lookup(policy, waits, authorities, Arc::new(SystemLookup))
    }

    /// A client that asks `lookup`.
    pub fn with_lookup(
        policy: Arc<AddressPolicy>,
        waits: Waits,
        authorities: Vec<Certificate>,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, reqwest::Error> {
        let inner = Inner {
            policy,
            waits,
            authorities,
            lookup,
            clients: Mutex::default(),
        };
        // The one that is needed anyway: what can go wrong with it goes wrong at start.
        inner.client(443)?;
        Ok(Self(Arc::new(inner)))
    }

    /// Judges `url` and begins a request to it. What the name resolves to is judged when it is sent;
    /// [`refusal`] finds that verdict in the error.
    pub fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, GuardError> {
        let target = self.0.policy.judge_url(url)?;
        let client = self.0.client(target.port)?;
        Ok(client.request(method, target.url))
    }
}

impl Inner {
    fn client(&self, port: u16) -> Result<Client, reqwest::Error> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let known = clients.iter().position(|(known, _)| *known == port);
        let client = match known.and_then(|at| clients.remove(at)) {
            Some((_, client)) => client,
            None => self.build(port)?,
        };
        clients.push_front((port, client.clone()));
        clients.truncate(PORTS);
        Ok(client)
    }

    fn build(&self, port: u16) -> Result<Client, reqwest::Error> {
        let resolver = JudgingResolver {
            policy: Arc::clone(&self.policy),
            lookup: Arc::clone(&self.lookup),
            port,
        };
        let mut builder = Client::builder()
            .user_agent(concat!("evogate/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(resolver)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .no_gzip()
            .retry(reqwest::retry::never())
            .tls_certs_merge(self.authorities.iter().cloned())
            .connect_timeout(self.waits.connect)
            .pool_idle_timeout(POOL_IDLE)
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PONG_WITHIN);
        if let Some(total) = self.waits.total {
            builder = builder.timeout(total);
        }
        if let Some(silence) = self.waits.silence {
            builder = builder.read_timeout(silence);
        }
        builder.build()
    }
}

/// The policy's verdict, where it is the cause of a request's failure.
pub fn refusal(error: &reqwest::Error) -> Option<&Refused> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(refused) = cause.downcast_ref() {
            return Some(refused);
        }
        source = cause.source();
    }
    None
}

/// What went wrong, for people, without the URL: its path and query may hold a receiver's secrets.
pub fn explain(error: &reqwest::Error) -> String {
    if let Some(refused) = refusal(error) {
        return refused.to_string();
    }
    let what = match (error.is_connect(), error.is_timeout()) {
        (true, true) => return "it could not be connected to in time".to_owned(),
        (false, true) => return "it did not answer in time".to_owned(),
        (true, false) => "it could not be connected to",
        (false, false) => "the connection broke",
    };
    let mut root = None;
    let mut source = error.source();
    while let Some(cause) = source {
        root = Some(cause);
        source = cause.source();
    }
    root.map_or_else(|| what.to_owned(), |root| format!("{what}: {root}"))
}
