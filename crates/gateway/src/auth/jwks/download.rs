//! Documents of an identity provider, over the network: small, soon or not at all, and from exactly the
//! address that was asked for.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::Client;
use reqwest::redirect::Policy;
use url::Url;

use crate::webhooks::guard::explain;

/// The longest that one document may take.
const TOTAL: Duration = Duration::from_secs(5);
/// The longest that connecting may take.
const CONNECT: Duration = Duration::from_secs(3);
/// The largest document: the key sets of large providers have some 20 KiB.
const LARGEST: usize = 256 * 1024;

/// A client that follows nothing and knows no proxy.
#[derive(Debug, Clone)]
pub(super) struct Downloads(Client);

impl Downloads {
    /// For documents on `host_of`'s host, and those that it leads to.
    pub(super) fn new(host_of: &Url) -> Result<Self, reqwest::Error> {
        let mut client = Client::builder()
            .user_agent(concat!("evogate/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(TOTAL);
        if host_of.scheme() == "http" {
            // On this machine, where nothing is encrypted; certificates may be missing there.
            client = client.tls_certs_only([]);
        }
        Ok(Self(client.build()?))
    }

    /// The document at `url`. The reason of a failure shows no URL.
    pub(super) async fn get(&self, url: Url) -> Result<Bytes, String> {
        let shown = |error: reqwest::Error| explain(&error.without_url());
        let mut response = self.0.get(url).send().await.map_err(shown)?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("it answered {status}"));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(shown)? {
            if body.len().saturating_add(chunk.len()) > LARGEST {
                return Err(format!("the document has more than {LARGEST} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}
