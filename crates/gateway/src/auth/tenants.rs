//! The tenants that tokens name: they must exist here. What is known of that is never older than
//! [`TRUSTED`], whatever the store does.

use evogate_models::{Millis, TenantId, Timestamp};
use evogate_store::{Store, StoreError};
use moka::sync::Cache;

/// How long a tenant that was there is not asked for again, in milliseconds.
const REMEMBERED: Millis = 1_000;
/// How long it counts as there while the store does not answer.
const TRUSTED: Millis = 2_000;
/// Tenants that are remembered.
const MOST: u64 = 10_000;

/// When each tenant was last seen in the store.
#[derive(Debug)]
pub(super) struct KnownTenants(Cache<TenantId, Timestamp>);

impl Default for KnownTenants {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl KnownTenants {
    /// Is there such a tenant? One that there is not is asked for each time.
    pub(super) async fn exists(&self, store: &Store, id: &TenantId) -> Result<bool, StoreError> {
        let asked = store.now();
        let seen = self.0.get(id);
        let within =
            |now: Timestamp, limit| seen.is_some_and(|seen| (0..limit).contains(&now.since(seen)));
        if within(asked, REMEMBERED) {
            return Ok(true);
        }
        match store.tenant(id).await {
            Ok(Some(_)) => {
                self.0.insert(id.clone(), asked);
                Ok(true)
            }
            Ok(None) => {
                self.0.invalidate(id);
                Ok(false)
            }
            Err(error) if within(store.now(), TRUSTED) => {
                tracing::warn!(tenant = %id, %error, "the store failed; the tenant was there just now");
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }
}
