//! `store`: where everything is kept that must survive.

use std::path::PathBuf;
use std::time::Duration;

use evogate_store::{RedisUrl, TlsFiles};

use super::reader::Reader;
use super::setting::{Raw, Setting};
use super::units::ByteSize;

/// `store`: which engine, and how.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The engine and its place.
    pub url: StoreUrl,
    /// The embedded engine's cache, in bytes.
    pub cache: usize,
    /// Into how many shards Redis's data is divided: the same for as long as it lives.
    pub shards: u16,
    /// The most that one call to Redis takes.
    pub timeout: Duration,
    /// Whether a set-up that can lose something is refused.
    pub require_durable: bool,
    /// Whether a change waits until Redis has it on its disk.
    pub wait_aof: bool,
}

/// An engine and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// The embedded engine with this file.
    Embedded(PathBuf),
    /// Redis: one server, Sentinel or Cluster.
    Redis(Box<RedisUrl>),
}

impl StoreConfig {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let url = from.required("store.url");
        let cache = ByteSize::from_bytes(1 << 20)..=ByteSize::from_bytes(64 << 30);
        let cache = from.within("store.cache", cache);
        let shards = from.within("store.shards", 1..=1000);
        let timeout = Duration::from_millis(100)..=Duration::from_secs(10);
        let timeout = from.within("store.timeout", timeout);
        let require_durable = from.required("store.require_durable");
        let wait_aof = from.required("store.wait_aof");
        let ca = from.optional("store.tls_ca");
        let certificate = from.optional("store.tls_certificate");
        let key = from.optional("store.tls_key");
        let files = TlsFiles {
            ca: ca?,
            certificate: certificate?,
            key: key?,
        };
        let url = match url? {
            StoreUrl::Redis(url) => StoreUrl::Redis(Box::new(url.with_files(files))),
            embedded @ StoreUrl::Embedded(_) => embedded,
        };
        Some(Self {
            url,
            cache: cache?.bytes(),
            shards: u16::try_from(shards?).ok()?,
            timeout: timeout?,
            require_durable: require_durable?,
            wait_aof: wait_aof?,
        })
    }
}

impl Setting for StoreUrl {
    // A Redis URL carries a password, so that no reason quotes it.
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let text = String::read(raw)?;
        let (scheme, place) = text.split_once(':').unwrap_or_default();
        match scheme {
            "embedded" if place.trim().is_empty() => Err("names no file after `embedded:`".into()),
            "embedded" => Ok(Self::Embedded(place.trim().into())),
            scheme if scheme.starts_with("redis") || scheme == "unix" => {
                let url = text.parse().map_err(|error| format!("{error}"))?;
                Ok(Self::Redis(Box::new(url)))
            }
            _ => Err(
                "must be embedded:FILE, such as embedded:/var/lib/evogate/evogate.redb, or the URL of a \
                 Redis, such as redis://127.0.0.1:6379"
                    .into(),
            ),
        }
    }
}
