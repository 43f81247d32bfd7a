//! A JWK set in a file: read again when the file changes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use evogate_models::{Millis, Timestamp};

use crate::auth::jwks::KeySet;

/// How often the file is looked at, in milliseconds.
const LOOK: Millis = 2_000;

/// What changes when a file does.
type Stamp = (Option<SystemTime>, u64);

/// The file.
#[derive(Debug)]
pub(super) struct KeyFile {
    path: PathBuf,
    looked: AtomicI64,
    /// Of the file that was read last; none when there was none.
    stamp: Mutex<Option<Stamp>>,
}

impl KeyFile {
    pub(super) fn new(path: PathBuf, now: Timestamp) -> Self {
        Self {
            path,
            looked: AtomicI64::new(now.millis()),
            stamp: Mutex::default(),
        }
    }

    /// Reads the file at the start.
    pub(super) fn read_now(&self, issuer: &str) -> Option<KeySet> {
        self.remember(std::fs::metadata(&self.path).ok().as_ref().map(stamp));
        judge(issuer, &self.path, std::fs::read(&self.path))
    }

    /// What the file has now, if it has changed. It is looked at every few seconds, by whoever comes.
    pub(super) async fn changed(&self, issuer: &str, now: Timestamp) -> Option<KeySet> {
        let looked = self.looked.load(Ordering::SeqCst);
        if (0..LOOK).contains(&now.since(Timestamp::from_millis(looked))) {
            return None;
        }
        let mine =
            self.looked
                .compare_exchange(looked, now.millis(), Ordering::SeqCst, Ordering::SeqCst);
        mine.ok()?;
        let stamp = tokio::fs::metadata(&self.path)
            .await
            .ok()
            .as_ref()
            .map(stamp);
        if self.remember(stamp) == stamp {
            return None;
        }
        judge(issuer, &self.path, tokio::fs::read(&self.path).await)
    }

    /// Answers the stamp before.
    fn remember(&self, stamp: Option<Stamp>) -> Option<Stamp> {
        let mut known = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *known, stamp)
    }
}

fn stamp(metadata: &std::fs::Metadata) -> Stamp {
    (metadata.modified().ok(), metadata.len())
}

/// A file that can't be read leaves the keys as they are.
fn judge(issuer: &str, path: &Path, read: io::Result<Vec<u8>>) -> Option<KeySet> {
    let read = read.map_err(|why| why.to_string());
    let set = read.and_then(|text| KeySet::parse(&text));
    set.map_err(|why| {
        tracing::warn!(issuer, file = %path.display(), why,
            "the file of keys can't be used; those that are known stay");
    })
    .ok()
}
