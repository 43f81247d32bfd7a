//! Which addresses may be used: as media URLs, as a request's `callback_url`, as webhook targets.
//!
//! Nothing here looks anything up. A URL is judged as the HTTP client will understand it (`127.1`,
//! `0x7f000001` and `①②⑦.0.0.1` are all 127.0.0.1), and whoever connects judges every address that a
//! name resolved to once more, with [`AddressPolicy::judge_ip`], and connects only to what was judged.
//! Private names and ranges are refused unless ops opened them by name; metadata services and the
//! gateway's own addresses stay closed, whatever is opened.

mod host;
mod ip;
mod media;
mod pattern;

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use url::{Host, Url};

pub use ip::{Reach, canonical, reach};
pub use media::judge_media_url;
pub use pattern::{HostPattern, InvalidPattern};

/// The longest URL that is taken as a callback or webhook target, in characters (EvoLink's limit of
/// `callback_url`).
pub const MAX_URL: usize = 2048;

/// Ports of webhook targets that nobody opened by name: HTTPS and its usual alternative.
pub const WEBHOOK_PORTS: [u16; 2] = [443, 8443];

/// What ops opened, and what is our own. The default opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressPolicy {
    /// Hosts for which plain http is allowed, on any port, also on private addresses
    /// (`webhooks.allow_insecure_hosts`; for development).
    pub allow_insecure_hosts: Vec<HostPattern>,
    /// Hosts that may be private names, resolve to private addresses and use any port
    /// (`webhooks.allow_hosts`).
    pub allow_hosts: Vec<HostPattern>,
    /// Networks that are opened (`webhooks.allow_networks`), also for addresses written into the URL,
    /// there on any port.
    pub allow_networks: Vec<IpNet>,
    /// The gateway's own names (`public_url`): closed always.
    pub own_hosts: Vec<HostPattern>,
    /// The gateway's own listeners: closed always. One that listens on every address (`0.0.0.0`)
    /// closes its port on every loopback address; list the machine's other addresses beside it.
    pub own_addresses: Vec<SocketAddr>,
}

/// A URL that was judged and found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The URL as parsed; connect to this, not to the text.
    pub url: Url,
    /// Its host, lower case, without a trailing dot, IPv6 without brackets.
    pub host: String,
    /// Its port, the scheme's where none is written.
    pub port: u16,
}

/// Why an address is refused, as a clause for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too long.
    #[error("a URL may have at most {MAX_URL} characters")]
    TooLong,
    /// A path on somebody's disk, a `file:` or `data:` URL.
    #[error("{0}")]
    NotOnTheNet(&'static str),
    /// Characters that a URL can't have.
    #[error("{0}")]
    Characters(&'static str),
    /// No URL.
    #[error("it is not a valid URL ({0})")]
    Invalid(String),
    /// Another scheme.
    #[error("it must begin with {0}")]
    Scheme(&'static str),
    /// User name or password in the URL.
    #[error("it must not carry a user name or password")]
    UserInfo,
    /// A port that is not opened.
    #[error("the port {0} is not allowed; use 443 or 8443")]
    Port(u16),
    /// A name that means something else on every machine.
    #[error("the host {host} is not public: {why}")]
    Name {
        /// The host.
        host: String,
        /// What it is.
        why: &'static str,
    },
    /// An address that is not on the public internet.
    #[error("{} is not a public address: {range}", resolved(host, *ip))]
    Address {
        /// The host as written.
        host: String,
        /// Its address.
        ip: IpAddr,
        /// The range that the address is in.
        range: &'static str,
    },
    /// A cloud's metadata service.
    #[error("{0} is a metadata service")]
    Metadata(String),
    /// The gateway itself.
    #[error("{0} is this gateway itself")]
    Own(String),
}

fn resolved(host: &str, ip: IpAddr) -> String {
    if host.parse() == Ok(ip) {
        format!("the host {host}")
    } else {
        format!("the host {host} is {ip}, which")
    }
}

impl AddressPolicy {
    /// Judges a callback or webhook URL by its text. A name that passes must still be judged by what
    /// it resolves to.
    pub fn judge_url(&self, text: &str) -> Result<Target, Refused> {
        if text.chars().count() > MAX_URL {
            return Err(Refused::TooLong);
        }
        let target = parse(text, "https://")?;
        let named = self.allows_host(&target.host, target.port);
        let insecure = self.allows_insecure(&target.host, target.port);
        if target.url.scheme() != "https" && !insecure {
            return Err(Refused::Scheme("https://"));
        }
        if any(&self.own_hosts, &target.host, target.port) {
            return Err(Refused::Own(target.host));
        }
        let ip = literal(&target.url);
        match ip {
            Some(ip) => self.judge_ip(&target.host, target.port, ip)?,
            None => host::judge(&target.host, named)?,
        }
        let opened = named || ip.is_some_and(|ip| self.allows_network(ip));
        if !opened && !WEBHOOK_PORTS.contains(&target.port) {
            return Err(Refused::Port(target.port));
        }
        Ok(target)
    }

    /// Judges one address that `host` resolved to, right before a connection to it.
    pub fn judge_ip(&self, host: &str, port: u16, ip: IpAddr) -> Result<(), Refused> {
        let ip = canonical(ip);
        if self.is_own(ip, port) {
            return Err(Refused::Own(host.to_owned()));
        }
        match reach(ip) {
            Reach::Public => Ok(()),
            Reach::Metadata => Err(Refused::Metadata(host.to_owned())),
            Reach::Special(_) if self.allows_host(host, port) || self.allows_network(ip) => Ok(()),
            Reach::Special(range) => Err(Refused::Address {
                host: host.to_owned(),
                ip,
                range,
            }),
        }
    }

    fn allows_insecure(&self, host: &str, port: u16) -> bool {
        any(&self.allow_insecure_hosts, host, port)
    }

    /// Opened by name, for private addresses and any port.
    fn allows_host(&self, host: &str, port: u16) -> bool {
        any(&self.allow_hosts, host, port) || self.allows_insecure(host, port)
    }

    fn allows_network(&self, ip: IpAddr) -> bool {
        self.allow_networks
            .iter()
            .any(|network| network.contains(&ip))
    }

    fn is_own(&self, ip: IpAddr, port: u16) -> bool {
        self.own_addresses.iter().any(|own| {
            let address = canonical(own.ip());
            let everywhere = address.is_unspecified() && (ip.is_loopback() || ip.is_unspecified());
            // Connecting to 0.0.0.0 or :: reaches this machine's loopback.
            let loopback = address.is_loopback() && ip.is_unspecified();
            own.port() == port && (address == ip || everywhere || loopback)
        })
    }
}

fn any(patterns: &[HostPattern], host: &str, port: u16) -> bool {
    patterns.iter().any(|pattern| pattern.matches(host, port))
}

/// What every URL must be, whoever it is for. `wanted` is the scheme that a message asks for.
fn parse(text: &str, wanted: &'static str) -> Result<Target, Refused> {
    // The URL parser would drop tabs and newlines and turn `\` into `/`; others don't.
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        let why = "it must not contain spaces or control characters; percent-encode them";
        return Err(Refused::Characters(why));
    }
    if text.contains('\\') {
        return Err(Refused::Characters("it must not contain a backslash"));
    }
    let scheme = text
        .split_once("://")
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Err(Refused::Scheme(wanted));
    }
    let url = Url::parse(text).map_err(|error| Refused::Invalid(error.to_string()))?;
    // `https://@host` has an empty user name, which the parser drops.
    let authority = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    if !url.username().is_empty() || url.password().is_some() || authority.contains('@') {
        return Err(Refused::UserInfo);
    }
    if authority.is_empty() {
        return Err(Refused::Invalid("it has no host".to_owned()));
    }
    let host = match url.host() {
        Some(Host::Domain(name)) => host::normal(name),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        None => return Err(Refused::Invalid("it has no host".to_owned())),
    };
    let Some(port) = url.port_or_known_default() else {
        return Err(Refused::Scheme(wanted));
    };
    Ok(Target { url, host, port })
}

/// The address that is written into the URL, if it is one.
fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
    }
}

#[cfg(test)]
mod tests;
