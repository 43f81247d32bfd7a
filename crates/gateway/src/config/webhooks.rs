//! `webhooks`: where a tenant's webhook may go, and how long it may take.

use std::time::Duration;

use evogate_models::address::HostPattern;
use ipnet::IpNet;

use super::reader::Reader;

/// `webhooks`: what ops opened beside public https addresses.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// Hosts that may be called by plain http.
    pub allow_insecure_hosts: Vec<HostPattern>,
    /// Private networks that may be called.
    pub allow_networks: Vec<IpNet>,
    /// Hosts that may be called although their addresses are private.
    pub allow_hosts: Vec<HostPattern>,
    /// One delivery in all.
    pub timeout: Duration,
    /// The connection of one delivery.
    pub connect_timeout: Duration,
}

impl Webhooks {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let allow_insecure_hosts = from.required("webhooks.allow_insecure_hosts");
        let allow_networks = from.required("webhooks.allow_networks");
        let allow_hosts = from.required("webhooks.allow_hosts");
        let bounds = Duration::from_millis(100)..=Duration::from_mins(2);
        let timeout = from.within("webhooks.timeout", bounds.clone());
        let connect_timeout = from.within("webhooks.connect_timeout", bounds);
        Some(Self {
            allow_insecure_hosts: allow_insecure_hosts?,
            allow_networks: allow_networks?,
            allow_hosts: allow_hosts?,
            timeout: timeout?,
            connect_timeout: connect_timeout?,
        })
    }
}
