//! `store`: where everything is kept that must survive.

use std::path::PathBuf;

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
}

/// An engine and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// The embedded engine with this file.
    Embedded(PathBuf),
}

impl StoreConfig {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let url = from.required("store.url");
        let cache = ByteSize::from_bytes(1 << 20)..=ByteSize::from_bytes(64 << 30);
        let cache = from.within("store.cache", cache);
        Some(Self {
            url: url?,
            cache: cache?.bytes(),
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
            "redis" | "rediss" | "redis+unix" | "unix" => Err(
                "is a Redis URL, but this build has only the embedded engine; write embedded:FILE"
                    .into(),
            ),
            _ => {
                Err("must be embedded:FILE, such as embedded:/var/lib/evogate/evogate.redb".into())
            }
        }
    }
}
