//! `webhooks`: where a tenant's webhook may go, and how long it may take.

use std::path::PathBuf;
use std::time::Duration;

use evogate_models::address::HostPattern;
use ipnet::IpNet;

use super::reader::Reader;
use crate::secret::Secret;

/// Enough characters for a key of 128 bits, in whatever way it is written.
const ENCRYPTION_KEY: usize = 32;

/// `webhooks`: what ops opened beside public https addresses.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// Hosts that may be called by plain http.
    pub allow_insecure_hosts: Vec<HostPattern>,
    /// Private networks that may be called.
    pub allow_networks: Vec<IpNet>,
    /// Hosts that may be called although their addresses are private.
    pub allow_hosts: Vec<HostPattern>,
    /// The certificates of authorities that webhooks may trust beside the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// What encrypts the secrets that sign webhooks.
    pub encryption_key: Option<Secret>,
    /// What encrypted them before.
    pub old_encryption_keys: Vec<Secret>,
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
        let ca_file = from.optional("webhooks.ca_file");
        let encryption_key = from.secret("webhooks.encryption_key", ENCRYPTION_KEY);
        let old_encryption_keys = from.secrets("webhooks.old_encryption_keys", ENCRYPTION_KEY);
        let bounds = Duration::from_millis(100)..=Duration::from_mins(2);
        let timeout = from.within("webhooks.timeout", bounds.clone());
        let connect_timeout = from.within("webhooks.connect_timeout", bounds);
        Some(Self {
            allow_insecure_hosts: allow_insecure_hosts?,
            allow_networks: allow_networks?,
            allow_hosts: allow_hosts?,
            ca_file: ca_file?,
            encryption_key: encryption_key?,
            old_encryption_keys: old_encryption_keys?,
            timeout: timeout?,
            connect_timeout: connect_timeout?,
        })
    }
}
