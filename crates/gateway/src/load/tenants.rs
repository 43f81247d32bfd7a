//! One tenant's part of the places.
//!
//! A tenant may take up to [`PART`] times as much as is still free. So one that is alone gets all but a ninth,
//! several that want all get equal parts, and there is always something free for one that comes new: what
//! switches do with their buffers (Choudhury and Hahne, "Dynamic queue length thresholds", 1998). Nobody has
//! to know who else is there, so that it takes two counters and no lock.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use evogate_models::TenantId;

use super::{Kind, Load, shed};
use crate::error::ApiError;
use crate::metrics::RATE_LIMITED;

/// How much a tenant may have for each that is free.
const PART: usize = 8;
/// In so many parts the tenants are kept, so that those who look for theirs seldom meet.
const SHARDS: usize = 16;
/// When a part has more, it lets go of those who have nothing under way.
const MANY: usize = 256;

/// Does it fit, with so many taken by the tenant and so many free for all?
pub(super) const fn fits(taken: usize, free: usize) -> bool {
    taken < free.saturating_mul(PART)
}

/// What one tenant has under way.
#[derive(Debug, Default)]
pub struct TenantLoad {
    reads: AtomicU32,
    submits: AtomicU32,
    downloads: AtomicU32,
    pub(super) bodies: AtomicUsize,
}

impl TenantLoad {
    /// Callbacks and admins are no tenant's.
    const fn of(&self, kind: Kind) -> &AtomicU32 {
        match kind {
            Kind::Submit => &self.submits,
            Kind::Download => &self.downloads,
            Kind::Read | Kind::Callback | Kind::Admin => &self.reads,
        }
    }
}

/// A request's place among its tenant's. Dropped, it is free again.
#[derive(Debug)]
#[must_use = "a place that is dropped is free again"]
pub struct TenantPlace {
    tenant: Arc<TenantLoad>,
    kind: Kind,
}

impl Drop for TenantPlace {
    fn drop(&mut self) {
        self.tenant.of(self.kind).fetch_sub(1, Ordering::AcqRel);
    }
}

/// The tenants that had something under way lately.
#[derive(Debug, Default)]
pub(super) struct Tenants {
    hasher: RandomState,
    shards: [RwLock<HashMap<TenantId, Arc<TenantLoad>>>; SHARDS],
}

impl Tenants {
    fn get(&self, id: &TenantId) -> Arc<TenantLoad> {
        let hash = usize::try_from(self.hasher.hash_one(id) >> 32).unwrap_or_default();
        let Some(shard) = self.shards.get(hash % SHARDS) else {
            return Arc::default();
        };
        if let Some(known) = shard.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Arc::clone(known);
        }
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= MANY {
            shard.retain(|_, load| Arc::strong_count(load) > 1);
        }
        Arc::clone(shard.entry(id.clone()).or_default())
    }
}

impl Load {
    /// What the tenant has under way.
    pub fn tenant(&self, id: &TenantId) -> Arc<TenantLoad> {
        self.tenants.get(id)
    }

    /// A place among the tenant's, for a request that has one of its kind's already.
    pub fn enter_as(&self, tenant: &Arc<TenantLoad>, kind: Kind) -> Result<TenantPlace, ApiError> {
        let taken = tenant.of(kind).fetch_add(1, Ordering::AcqRel);
        let place = TenantPlace {
            tenant: Arc::clone(tenant),
            kind,
        };
        // The request's own place is not free any more, and is this tenant's all the same.
        let free = self.pool(kind).free().saturating_add(1);
        let number = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        if fits(number(taken), number(free)) {
            return Ok(place);
        }
        shed("tenant");
        RATE_LIMITED.one(["tenant_requests"]);
        Err(ApiError::too_many_at_once())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;
    use crate::config::Config;

    /// Requests of a tenant's, as many as it gets.
    fn greedy(load: &Arc<Load>, id: &str) -> Vec<(Place, TenantPlace)> {
        let tenant = load.tenant(&id.parse().unwrap());
        let one = || {
            let place = load.enter(Kind::Read).ok()?;
            let own = load.enter_as(&tenant, Kind::Read).ok()?;
            Some((place, own))
        };
        std::iter::from_fn(one).collect()
    }

    fn load(places: u32) -> Arc<Load> {
        let settings = format!("evolink.api_key = 'sk-0123456789'\nserver.max_requests = {places}");
        let (config, _) = Config::load_from_str(&settings).unwrap();
        Arc::new(Load::new(&config.server))
    }

    #[test]
    fn one_that_is_alone_gets_nearly_all_and_a_second_one_finds_something_at_once() {
        let load = load(90);
        let first = greedy(&load, "first");
        assert!((79..=82).contains(&first.len()), "{}", first.len());
        assert!(!greedy(&load, "second").is_empty());
    }

    #[test]
    fn those_that_want_all_end_with_equal_parts() {
        let load = load(900);
        let (mut first, mut second) = (greedy(&load, "first"), greedy(&load, "second"));
        // Requests end in any order, and their tenants ask for more.
        for _ in 0..3000 {
            first.pop();
            first.extend(greedy(&load, "first"));
            second.pop();
            second.extend(greedy(&load, "second"));
            let longer = if first.len() > second.len() {
                &mut first
            } else {
                &mut second
            };
            longer.pop();
        }
        let apart = first.len().abs_diff(second.len());
        assert!(apart <= 60, "{} and {}", first.len(), second.len());
        assert!(first.len() + second.len() > 800);
    }

    #[test]
    fn a_tenant_with_one_place_in_a_full_house_keeps_it() {
        let load = load(1);
        assert_eq!(greedy(&load, "only").len(), 1);
    }

    #[test]
    fn tenants_with_nothing_under_way_are_let_go_of() {
        let load = load(10);
        let busy = load.tenant(&"busy".parse().unwrap());
        for n in 0..20_000 {
            let _ = load.tenant(&format!("t{n}").parse().unwrap());
        }
        let kept: usize = load
            .tenants
            .shards
            .iter()
            .map(|s| s.read().unwrap().len())
            .sum();
        assert!(kept <= SHARDS * MANY, "{kept}");
        assert!(Arc::ptr_eq(&busy, &load.tenant(&"busy".parse().unwrap())));
    }
}
