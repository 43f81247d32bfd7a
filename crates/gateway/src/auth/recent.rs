//! Credentials that were found good within the last half second, and whose they are: each thread knows its own, so
//! that a client that comes again and again costs one look into a small map.
//!
//! What this process itself changes about a tenant or a key, and an identity provider's new keys, count at once;
//! what another replica changes, within that time and the second for which the store knows a key without asking.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use evogate_models::{Millis, Timestamp};

use super::presented::Print;
use super::principal::Principal;

/// How long a credential is not judged again, in milliseconds.
const REMEMBERED: Millis = 500;
/// So many are remembered by one thread; more begin anew.
const MOST: usize = 4_096;

thread_local! {
    static GOOD: RefCell<HashMap<(u64, Print), Recent>> = RefCell::default();
}

/// Whom a credential was good for when it was judged.
struct Recent {
    principal: Principal,
    moment: Moment,
    until: Timestamp,
}

/// When a credential is judged, and by what: a version that grows with whatever could change the verdict.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The time.
    pub(super) now: Timestamp,
    /// The version.
    pub(super) version: u64,
}

/// Credentials that were good lately.
#[derive(Debug)]
pub(super) struct RecentlyGood {
    /// Tells one gateway from another in the same process.
    id: u64,
}

impl Default for RecentlyGood {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id }
    }
}

impl RecentlyGood {
    /// Whose the credential is, if that was seen a moment ago.
    pub(super) fn recall(&self, print: &Print, moment: Moment) -> Option<Principal> {
        GOOD.with_borrow(|good| {
            let known = good.get(&(self.id, *print))?;
            let fresh = known.moment.version == moment.version
                && (known.moment.now..known.until).contains(&moment.now);
            fresh.then(|| known.principal.clone())
        })
    }

    /// The credential was judged from that moment on, and found good until `end`, if it ends by itself.
    pub(super) fn remember(
        &self,
        print: Print,
        principal: &Principal,
        moment: Moment,
        end: Option<Timestamp>,
    ) {
        let until = moment.now.plus(REMEMBERED);
        let recent = Recent {
            principal: principal.clone(),
            moment,
            until: end.map_or(until, |end| end.min(until)),
        };
        GOOD.with_borrow_mut(|good| {
            if good.len() >= MOST {
                good.clear();
            }
            good.insert((self.id, print), recent);
        });
    }
}
