//! Which addresses may be called: what the configuration opens, and what is the gateway's own.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use evogate_models::address::{AddressPolicy, HostPattern};
use url::{Host, Url};

use crate::config::Config;

/// Judges a request's `callback_url` by its text; `Err` is the reason, a clause for the caller. What its
/// name resolves to is judged at every connection.
pub fn judge_callback(policy: &AddressPolicy, url: &str) -> Result<(), String> {
    match policy.judge_url(url) {
        Ok(_) => Ok(()),
        Err(refused) => Err(refused.to_string()),
    }
}

/// The policy for webhooks and callbacks. `listeners` are the addresses that this process really
/// listens on, which the configuration can leave open (port 0).
pub fn address_policy(config: &Config, listeners: &[SocketAddr]) -> AddressPolicy {
    let webhooks = &config.webhooks;
    let own_addresses = listeners
        .iter()
        .flat_map(|listener| reachable_at(*listener))
        .collect();
    AddressPolicy {
        allow_insecure_hosts: webhooks.allow_insecure_hosts.clone(),
        allow_hosts: webhooks.allow_hosts.clone(),
        allow_networks: webhooks.allow_networks.clone(),
        own_hosts: own_host(config.callbacks.public_url.as_ref())
            .into_iter()
            .collect(),
        own_addresses,
    }
}

/// `public_url`'s host, on every port where the name is the gateway's alone; on its port where the host
/// is a machine that others listen on as well.
fn own_host(public_url: Option<&Url>) -> Option<HostPattern> {
    let url = public_url?;
    let name = url.host_str()?;
    let pattern = match url.host()? {
        Host::Domain(domain) if domain != "localhost" => name.to_owned(),
        _ => format!("{name}:{}", url.port_or_known_default()?),
    };
    pattern.parse().ok()
}

/// A listener's address; for one that listens everywhere also the address by which this machine
/// speaks to others.
fn reachable_at(listener: SocketAddr) -> Vec<SocketAddr> {
    let mut addresses = vec![listener];
    if listener.ip().is_unspecified() {
        let outward = ["0.0.0.0:0", "[::]:0"].into_iter().filter_map(outward);
        addresses.extend(outward.map(|ip| SocketAddr::new(ip, listener.port())));
    }
    addresses
}

/// The machine's address on its way out: a UDP socket that is connected sends nothing, but learns it.
fn outward(from: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind(from).ok()?;
    // Documentation addresses (RFC 5737, RFC 3849): routed like any other, and nobody's.
    let to = if from.starts_with('[') {
        "[2001:db8::1]:9"
    } else {
        "192.0.2.1:9"
    };
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SETTINGS: &str = r#"
        public_url = "https://gateway.example.com/"
        callbacks.secret = "0f1e2d3c4b5a69788796a5b4c3d2e1f0aa"
        evolink.api_key = "sk-a-key-of-evolinks"
        webhooks.allow_insecure_hosts = ["127.0.0.1"]
        webhooks.allow_hosts = ["hooks.team.internal"]
        webhooks.allow_networks = ["10.20.0.0/16"]
    "#;

    fn policy() -> AddressPolicy {
        let (config, _) = Config::load_from_str(SETTINGS).unwrap();
        let listeners = ["0.0.0.0:8080", "127.0.0.1:9090"].map(|text| text.parse().unwrap());
        address_policy(&config, &listeners)
    }

    #[rstest]
    #[case("https://hooks.example.com/x")]
    #[case("http://127.0.0.1:3000/x")]
    #[case("https://hooks.team.internal:9443/x")]
    #[case("https://10.20.1.2:8000/x")]
    fn what_ops_opened_is_open(#[case] url: &str) {
        assert_eq!(judge_callback(&policy(), url), Ok(()));
    }

    #[rstest]
    #[case("http://hooks.example.com/x", "it must begin with https://")]
    #[case(
        "https://192.168.0.1/x",
        "the host 192.168.0.1 is not a public address"
    )]
    #[case("https://hooks.local/x", "the host hooks.local is not public")]
    #[case("https://gateway.example.com/x", "gateway.example.com is this gateway")]
    #[case("https://gateway.example.com.:8443/x", "gateway.example.com is this")]
    #[case("http://127.0.0.1:8080/x", "127.0.0.1 is this gateway itself")]
    #[case("http://127.1:9090/x", "127.0.0.1 is this gateway itself")]
    #[case("http://169.254.169.254/x", "it must begin with https://")]
    #[case("https://169.254.169.254/x", "169.254.169.254 is a metadata service")]
    fn the_rest_is_refused_with_the_reason(#[case] url: &str, #[case] reason: &str) {
        let refused = judge_callback(&policy(), url).unwrap_err();
        assert!(refused.starts_with(reason), "{refused}");
    }

    #[rstest]
    #[case("https://gateway.example.com/", "gateway.example.com")]
    #[case("http://localhost:8080/", "localhost:8080")]
    #[case("http://[::1]:8080/", "[::1]:8080")]
    fn a_shared_machine_is_closed_on_our_port_alone(#[case] url: &str, #[case] pattern: &str) {
        let own = own_host(Some(&url.parse().unwrap())).unwrap();
        assert_eq!(own.to_string(), pattern);
    }
}
