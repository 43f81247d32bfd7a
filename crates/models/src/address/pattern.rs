//! Hosts as ops write them into the configuration.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::Deserialize;
use url::Host;

use super::{canonical, host};

/// `hooks.team.internal`, `hooks.team.internal:8080`, `*.team.internal` (everything below, not the
/// name itself), `10.1.2.3`, `[fd00::1]:8080`. Without a port it means every port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HostPattern {
    host: HostPart,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPart {
    Name(String),
    Below(String),
    Address(IpAddr),
}

/// A text that is no host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a host: write a name, *.suffix, or an address, with or without :port")]
pub struct InvalidPattern(String);

impl HostPattern {
    /// Whether the pattern means this host (a name or an address, as in [`super::Target`]) and port.
    pub fn matches(&self, name: &str, port: u16) -> bool {
        if self.port.is_some_and(|only| only != port) {
            return false;
        }
        let name = host::normal(name);
        match &self.host {
            HostPart::Name(own) => *own == name,
            HostPart::Below(suffix) => name != *suffix && host::under(&name, suffix),
            HostPart::Address(own) => name.parse().is_ok_and(|ip| canonical(ip) == *own),
        }
    }
}

impl FromStr for HostPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let invalid = || InvalidPattern(text.to_owned());
        if let Ok(ip) = text.parse::<IpAddr>() {
            let host = HostPart::Address(canonical(ip));
            return Ok(Self { host, port: None });
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, digits)) if !digits.ends_with(']') => {
                (name, Some(digits.parse().map_err(|_| invalid())?))
            }
            _ => (text, None),
        };
        let (name, below) = match name.strip_prefix("*.") {
            Some(suffix) => (suffix, true),
            None => (name, false),
        };
        let host = match Host::parse(name).map_err(|_| invalid())? {
            Host::Domain(name) => {
                let name = host::normal(&name);
                if name.is_empty() || name.contains('*') || name.split('.').any(str::is_empty) {
                    return Err(invalid());
                }
                if below {
                    HostPart::Below(name)
                } else {
                    HostPart::Name(name)
                }
            }
            _ if below => return Err(invalid()),
            Host::Ipv4(ip) => HostPart::Address(ip.into()),
            Host::Ipv6(ip) => HostPart::Address(canonical(ip.into())),
        };
        Ok(Self { host, port })
    }
}

impl TryFrom<String> for HostPattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (HostPart::Name(name), _) => f.write_str(name)?,
            (HostPart::Below(suffix), _) => write!(f, "*.{suffix}")?,
            (HostPart::Address(IpAddr::V6(ip)), Some(_)) => write!(f, "[{ip}]")?,
            (HostPart::Address(ip), _) => write!(f, "{ip}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}
