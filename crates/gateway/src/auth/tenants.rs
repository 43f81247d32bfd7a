//! The tenants as they were a moment ago: whether they are there, and what they may do. What is known is
//! never older than [`TRUSTED`], whatever the store does; what a submit may do is checked once more in the
//! step that takes its hold.

use std::sync::Arc;

use evogate_models::{Millis, TenantId, Timestamp};
use evogate_store::{Store, StoreError, Tenant};
use moka::sync::Cache;

/// How long a tenant that was there is not asked for again, in milliseconds.
const REMEMBERED: Millis = 1_000;
/// How long it counts as there while the store does not answer.
const TRUSTED: Millis = 2_000;
/// Tenants that are remembered.
const MOST: u64 = 10_000;

/// Each tenant as it was last seen in the store, and when.
#[derive(Debug)]
pub(super) struct KnownTenants(Cache<TenantId, (Timestamp, Arc<Tenant>)>);

impl Default for KnownTenants {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl KnownTenants {
    /// The tenant, if there is one. One that there is not is asked for each time.
    pub(super) async fn get(
        &self,
        store: &Store,
        id: &TenantId,
    ) -> Result<Option<Arc<Tenant>>, StoreError> {
        let asked = store.now();
        let known = self.0.get(id);
        let within = |now: Timestamp, limit| {
            let seen = known
                .as_ref()
                .filter(|(seen, _)| (0..limit).contains(&now.since(*seen)));
            seen.map(|(_, tenant)| Arc::clone(tenant))
        };
        if let Some(tenant) = within(asked, REMEMBERED) {
            return Ok(Some(tenant));
        }
        match store.tenant(id).await {
            Ok(Some(view)) => {
                let tenant = Arc::new(view.tenant);
                self.0.insert(id.clone(), (asked, Arc::clone(&tenant)));
                Ok(Some(tenant))
            }
            Ok(None) => {
                self.0.invalidate(id);
                Ok(None)
            }
            Err(error) => match within(store.now(), TRUSTED) {
                Some(tenant) => {
                    tracing::warn!(tenant = %id, %error, "the store failed; the tenant was there just now");
                    Ok(Some(tenant))
                }
                None => Err(error),
            },
        }
    }

    /// Forgets a tenant that turned out to have changed.
    pub(super) fn forget(&self, id: &TenantId) {
        self.0.invalidate(id);
    }
}
