//! `reads_per_minute`: coarse, of this replica alone. What submits may do is counted in the store.

use std::sync::{Arc, Mutex, PoisonError};

use evogate_models::quota::{Rate, RateState};
use evogate_models::{TenantId, Timestamp};
use moka::sync::Cache;

/// Tenants whose rates are remembered.
const MOST: u64 = 10_000;

/// The tenants' rates of reads.
#[derive(Debug)]
pub(super) struct ReadRates(Cache<TenantId, Arc<Mutex<Rate>>>);

impl Default for ReadRates {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl ReadRates {
    /// Lets a read pass, or says when to come back.
    pub(super) fn pass(
        &self,
        tenant: &TenantId,
        per_minute: u32,
        now: Timestamp,
    ) -> Result<(), RateState> {
        let rate = self.0.get_with_by_ref(tenant, Arc::default);
        let mut rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, _) = rate.pass(per_minute, per_minute, now)?;
        *rate = next;
        Ok(())
    }
}
