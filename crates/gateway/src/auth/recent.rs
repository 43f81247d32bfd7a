//! Keys that were found good within the last half second, and whose they are: each thread knows its own, so that a
//! client that comes again and again costs one look into a small map.
//!
//! What this process itself changes about a tenant or a key counts at once; what another replica changes,
//! within that time and the second for which the store knows a key without asking.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use evogate_models::{Millis, Timestamp};
use evogate_store::{KeyRecord, Store};

use super::presented::Print;
use super::principal::Principal;

/// How long a key is not looked up again, in milliseconds.
const REMEMBERED: Millis = 500;
/// So many keys are remembered by one thread; more begin anew.
const MOST: usize = 4_096;

thread_local! {
    static KEYS: RefCell<HashMap<(u64, Print), Recent>> = RefCell::default();
}

/// What a key was good for when it was looked up.
struct Recent {
    principal: Principal,
    seen: Timestamp,
    until: Timestamp,
    version: u64,
}

/// Keys that were good lately.
#[derive(Debug)]
pub(super) struct RecentKeys {
    /// Tells one gateway from another in the same process.
    id: u64,
}

impl Default for RecentKeys {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id }
    }
}

impl RecentKeys {
    /// Whose the key is, if that was seen a moment ago.
    pub(super) fn recall(&self, store: &Store, print: &Print) -> Option<Principal> {
        let (now, version) = (store.now(), store.access_version());
        KEYS.with_borrow(|keys| {
            let known = keys.get(&(self.id, *print))?;
            let fresh = known.version == version && (known.seen..known.until).contains(&now);
            fresh.then(|| known.principal.clone())
        })
    }

    /// The key was looked up at `seen`, when `version` was the store's, and found good.
    pub(super) fn remember(
        &self,
        print: Print,
        key: &KeyRecord,
        principal: &Principal,
        seen: Timestamp,
        version: u64,
    ) {
        let ends = key.secrets.iter().filter_map(|secret| secret.until);
        let end = ends.chain(key.expires).filter(|end| *end > seen).min();
        let until = seen.plus(REMEMBERED);
        let recent = Recent {
            principal: principal.clone(),
            seen,
            until: end.map_or(until, |end| end.min(until)),
            version,
        };
        KEYS.with_borrow_mut(|keys| {
            if keys.len() >= MOST {
                keys.clear();
            }
            keys.insert((self.id, print), recent);
        });
    }
}
