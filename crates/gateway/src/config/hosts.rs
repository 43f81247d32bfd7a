//! Hosts and addresses as settings name them.

use std::fmt;
use std::net::SocketAddr;

use evogate_models::address::{HostPattern, InvalidPattern};
use url::{Host, Url};

use super::setting::{Raw, Setting};

impl Setting for HostPattern {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        raw.text()?
            .parse()
            .map_err(|why: InvalidPattern| why.to_string())
    }
}

/// A proxy's address, which may hold a user and a password: prints without them.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Url);

impl ProxyUrl {
    /// The whole address, for the client that uses it.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        write!(out, "{}://{host}", self.0.scheme())?;
        self.0.port().map_or(Ok(()), |port| write!(out, ":{port}"))
    }
}

impl Setting for ProxyUrl {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let url = Url::read(raw)?;
        match url.scheme() {
            "http" | "https" => Ok(Self(url)),
            _ => Err("must begin with http:// or https://".into()),
        }
    }
}

/// An http or https address that paths are appended to: no user, query or fragment, and a `/` at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BaseUrl(pub(super) Url);

impl Setting for BaseUrl {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let mut url = Url::read(raw)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with https:// (or http://, where that is allowed)".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not contain a user or a password".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must not contain `?` or `#`".into());
        }
        let path = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Self(url))
    }
}

/// Whether the host of `url` is this machine, judged by its text.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

/// Whether two URLs lead to the same listener.
pub(super) fn same_origin(one: &Url, other: &Url) -> bool {
    one.host() == other.host() && one.port_or_known_default() == other.port_or_known_default()
}

/// Whether `url` leads to a listener of this process on `address`, judged by its text.
pub(super) fn leads_to(url: &Url, address: SocketAddr) -> bool {
    let host = match url.host() {
        Some(Host::Ipv4(host)) => host == address.ip(),
        Some(Host::Ipv6(host)) => host.to_canonical() == address.ip().to_canonical(),
        _ => false,
    };
    let here = address.ip().is_loopback() || address.ip().is_unspecified();
    address.port() != 0
        && url.port_or_known_default() == Some(address.port())
        && (host || (here && is_loopback(url)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_proxy_prints_without_its_password() {
        let url = "http://user:hunter2hunter2@proxy.example.com:3128";
        let shown = format!("{:?}", ProxyUrl(url.parse().unwrap()));
        assert_eq!(shown, "http://proxy.example.com:3128");
    }

    #[rstest]
    #[case("http://127.0.0.1:8080/v1", "127.0.0.1:8080")]
    #[case("http://localhost:8080", "0.0.0.0:8080")]
    #[case("https://10.1.2.3", "10.1.2.3:443")]
    #[case("http://[::1]:8080", "[::]:8080")]
    fn a_url_of_this_process_is_found(#[case] url: &str, #[case] address: &str) {
        assert!(leads_to(&url.parse().unwrap(), address.parse().unwrap()));
    }

    #[rstest]
    #[case("http://127.0.0.1:8081", "127.0.0.1:8080")]
    #[case("http://localhost:8080", "10.1.2.3:8080")]
    #[case("http://example.com:8080", "0.0.0.0:8080")]
    #[case("http://127.0.0.1:0", "127.0.0.1:0")]
    fn a_url_of_another_process_is_not(#[case] url: &str, #[case] address: &str) {
        assert!(!leads_to(&url.parse().unwrap(), address.parse().unwrap()));
    }
}
