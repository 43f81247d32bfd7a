//! The address that a request comes from: the peer's, or the one that a proxy names which ops trust.
//!
//! `X-Forwarded-For` is a list to which each proxy adds the address that it was called from. Everybody can
//! begin one, so that only the entries from the right count, as far as trusted proxies have written them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

use crate::state::Gateway;

/// A client's address. IPv4 addresses in IPv6's clothes are IPv4 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The address of who sent the request.
    pub fn of(request: &Parts, trusted_proxies: &[IpNet]) -> Self {
        let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
        // Requests that came over no socket are made in tests.
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        Self(judge(peer, &request.headers, trusted_proxies))
    }

    /// The address.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// What limits go by: an IPv4 address, or the /64 of an IPv6 address, for whoever has one of its
    /// addresses has all of them.
    pub fn network(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()
            }
        }
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromRequestParts<Gateway> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        gateway: &Gateway,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts, &gateway.config.listen.trusted_proxies))
    }
}

/// Goes back from the peer as long as the address at hand is trusted to name the one before it.
fn judge(peer: IpAddr, headers: &HeaderMap, trusted_proxies: &[IpNet]) -> IpAddr {
    let trusted = |address: &IpAddr| trusted_proxies.iter().any(|net| net.contains(address));
    let mut address = peer.to_canonical();
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let mut named = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    while trusted(&address) {
        // What is no address was not written by a proxy that can be trusted.
        let Some(next) = named.next().and_then(parse) else {
            break;
        };
        address = next;
    }
    address
}

/// An address as proxies write it; some add the port.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    Some(address.or_else(with_port)?.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Request};
    use rstest::rstest;

    use super::*;

    /// Whom a request is from that `peer` sent with these lines, when `10.0.0.0/8` and `fd00::/8` are trusted.
    fn client(peer: &str, lines: &[&str]) -> ClientAddress {
        let mut request = Request::new(()).into_parts().0;
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions.insert(ConnectInfo(peer));
        for line in lines {
            let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            request.headers.append("x-forwarded-for", line);
        }
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap());
        ClientAddress::of(&request, &trusted)
    }

    #[rstest]
    #[case::nobody_in_between("192.0.2.1:4000", &[], "192.0.2.1")]
    #[case::not_trusted("192.0.2.1:4000", &["198.51.100.1"], "192.0.2.1")]
    #[case::trusted("10.0.0.1:4000", &["198.51.100.1"], "198.51.100.1")]
    #[case::trusted_and_silent("10.0.0.1:4000", &[], "10.0.0.1")]
    #[case::invented_in_front("10.0.0.1:4000", &["1.1.1.1, 198.51.100.1"], "198.51.100.1")]
    #[case::two_proxies("10.0.0.1:4000", &["198.51.100.1, 10.0.0.2"], "198.51.100.1")]
    #[case::two_lines("10.0.0.1:4000", &["1.1.1.1", "198.51.100.1,10.0.0.2"], "198.51.100.1")]
    #[case::proxies_alone("10.0.0.1:4000", &["10.0.0.3, 10.0.0.2"], "10.0.0.3")]
    #[case::no_address("10.0.0.1:4000", &["198.51.100.1, unknown"], "10.0.0.1")]
    #[case::no_address_further_on("10.0.0.1:4000", &["x, 10.0.0.2"], "10.0.0.2")]
    #[case::empty("10.0.0.1:4000", &[""], "10.0.0.1")]
    #[case::not_text("10.0.0.1:4000", &["198.51.100.1é"], "10.0.0.1")]
    #[case::with_a_port("10.0.0.1:4000", &["198.51.100.1:1234"], "198.51.100.1")]
    #[case::ipv6("[fd00::1]:4000", &["2001:db8::1"], "2001:db8::1")]
    #[case::ipv6_in_brackets("[fd00::1]:4000", &["[2001:db8::1]"], "2001:db8::1")]
    #[case::ipv6_with_a_port("[fd00::1]:4000", &["[2001:db8::1]:80"], "2001:db8::1")]
    #[case::ipv4_as_ipv6("[::ffff:10.0.0.1]:4000", &["::ffff:198.51.100.1"], "198.51.100.1")]
    fn the_last_address_that_no_trusted_proxy_has(
        #[case] peer: &str,
        #[case] lines: &[&str],
        #[case] expected: &str,
    ) {
        assert_eq!(client(peer, lines).to_string(), expected);
    }

    #[test]
    fn limits_go_by_an_ipv4_address_or_a_64() {
        let network = |peer| client(peer, &[]).network().to_string();
        assert_eq!(network("192.0.2.1:1"), "192.0.2.1");
        assert_eq!(network("[2001:db8:1:2:3:4:5:6]:1"), "2001:db8:1:2::");
        assert_eq!(network("[::ffff:192.0.2.1]:1"), "192.0.2.1");
    }
}
