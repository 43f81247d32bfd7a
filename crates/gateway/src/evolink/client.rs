//! How EvoLink is connected to: what the HTTP client must never do by itself, and its limits.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use evogate_store::lane::{self, Lanes};
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Proxy};

use crate::config;

/// The longest that connecting, TLS included, may take.
const CONNECT: Duration = Duration::from_secs(5);
/// An idle connection is closed after this: the longer it waits, the likelier EvoLink has closed it already,
/// and a submit on a connection that dies under it has an unknown outcome.
const IDLE: Duration = Duration::from_secs(15);
/// A connection that is in use and does not answer a ping in twice this is dead (HTTP/2 only: with HTTP/1.1 a
/// dead connection takes one call with it, here all that share it).
const PING: Duration = Duration::from_secs(10);
/// The longest cause that is passed on, in characters.
const CAUSE: usize = 300;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum EvoLinkError {
    /// The key has characters that a header can't carry.
    #[error("evolink.api_key can't be sent in a header")]
    Key,
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

/// A client for each lane, with connections of its own.
pub(super) struct Clients {
    first: Client,
    lanes: Lanes<Client>,
    config: config::EvoLink,
    adapt: fn(ClientBuilder) -> ClientBuilder,
}

impl fmt::Debug for Clients {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Clients").field(&self.first).finish()
    }
}

impl Clients {
    pub(super) fn new(
        config: &config::EvoLink,
        adapt: fn(ClientBuilder) -> ClientBuilder,
    ) -> Result<Self, EvoLinkError> {
        Ok(Self {
            first: build(config, adapt)?,
            lanes: Lanes::default(),
            config: config.clone(),
            adapt,
        })
    }

    /// The one of the lane that this is called on.
    pub(super) fn get(&self) -> &Client {
        self.lanes.get(|| match lane::current() {
            0 => self.first.clone(),
            // What could be built once can be built again; if not, the first one works on every lane.
            _ => build(&self.config, self.adapt).unwrap_or_else(|_| self.first.clone()),
        })
    }
}

/// A client that sends every request at most once, follows nothing, and carries the key.
fn build(
    config: &config::EvoLink,
    adapt: fn(ClientBuilder) -> ClientBuilder,
) -> Result<Client, EvoLinkError> {
    let bearer = format!("Bearer {}", config.api_key.expose());
    let mut bearer = HeaderValue::try_from(bearer).map_err(|_| EvoLinkError::Key)?;
    // Prints as `Sensitive`, and is left out of HTTP/2's header tables.
    bearer.set_sensitive(true);
    // For every request of this client: all of them go to the origin of `base_url`, redirects included,
    // since none is followed.
    let headers = HeaderMap::from_iter([
        (AUTHORIZATION, bearer),
        (ACCEPT, HeaderValue::from_static("application/json")),
    ]);
    let mut client = Client::builder()
        .default_headers(headers)
        .user_agent(concat!("evogate/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING);
    if let Some(proxy) = &config.proxy {
        let proxy = Proxy::all(proxy.expose().as_str()).map_err(|_| EvoLinkError::Proxy)?;
        client = client.proxy(proxy);
    } else if config.base_url.scheme() == "http" {
        // Nothing is ever encrypted, so a machine without certificates will do.
        client = client.tls_certs_only([]);
    }
    adapt(client)
        .build()
        .map_err(|error| EvoLinkError::Setup(causes(&error)))
}

/// An error with its causes in one line. Shows no URL, no header and no body.
pub(super) fn describe(error: reqwest::Error) -> String {
    causes(&error.without_url())
}

fn causes(error: &dyn Error) -> String {
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
        assert_eq!(causes(&error), "sending failed: io: reset");
    }
}
