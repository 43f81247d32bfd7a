//! The continuous check of the ledger: tenant after tenant, journal against account and tasks, as
//! `evogate ledger verify` does it for all at once.
//!
//! It costs little: between two tenants it rests, twenty times as long as it worked at least.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use evogate_models::TenantId;
use evogate_store::{Census, StoreError, Violation};
use tokio::time::{Instant, sleep};

use super::names::{LEDGER_CHECKS, LEDGER_VIOLATIONS};
use crate::state::Gateway;

/// The rest is so many times the work.
const REST: u32 = 20;
/// The shortest and the longest rest.
const RESTS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(15));
/// What was found is looked at again after this: an alarm must not come from something passing.
const AGAIN: Duration = Duration::from_secs(1);

/// What is known of the tenants' books.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// How many violations each tenant had when it was looked at last; none for one that never was.
    tenants: BTreeMap<TenantId, Option<usize>>,
    /// Who was looked at last.
    last: Option<TenantId>,
}

impl Ledger {
    /// Takes the tenants that there are.
    pub(super) fn learn(&self, census: &Census) {
        let mut known = self.known();
        let mut tenants = BTreeMap::new();
        for sums in &census.tenants {
            let found = known.tenants.remove(&sums.tenant).flatten();
            tenants.insert(sums.tenant.clone(), found);
        }
        known.tenants = tenants;
    }

    /// Whose turn it is, and how many tenants there are.
    fn next(&self) -> Option<(TenantId, usize)> {
        let mut known = self.known();
        let after = known.last.as_ref().and_then(|last| {
            let mut later = known.tenants.range(last.clone()..).map(|(id, _)| id);
            later.find(|id| *id != last)
        });
        let next = after.or_else(|| known.tenants.keys().next())?.clone();
        known.last = Some(next.clone());
        Some((next, known.tenants.len()))
    }

    /// Takes what was found of a tenant, and shows the sum.
    fn found(&self, tenant: &TenantId, violations: usize) {
        let mut known = self.known();
        if let Some(found) = known.tenants.get_mut(tenant) {
            *found = Some(violations);
        }
        let all: usize = known.tenants.values().flatten().sum();
        LEDGER_VIOLATIONS.set([], f64::from(u32::try_from(all).unwrap_or(u32::MAX)));
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks until the shutdown.
pub async fn run(gateway: Gateway) {
    tokio::select! {
        () = gateway.background.stopping() => {}
        () = check(&gateway) => {}
    }
}

async fn check(gateway: &Gateway) {
    let within = gateway.config.metrics.verify_within;
    loop {
        let Some((tenant, tenants)) = gateway.ledger.next() else {
            sleep(RESTS.0).await;
            continue;
        };
        let begun = Instant::now();
        match look(gateway, &tenant).await {
            Ok(violations) => {
                LEDGER_CHECKS.one([if violations.is_empty() {
                    "sound"
                } else {
                    "violated"
                }]);
                for violation in &violations {
                    tracing::error!(%tenant, what = violation.what, "the ledger is violated");
                }
                gateway.ledger.found(&tenant, violations.len());
            }
            Err(error) => {
                LEDGER_CHECKS.one(["failed"]);
                tracing::warn!(%tenant, %error, "a tenant's books could not be checked");
            }
        }
        let share = within / u32::try_from(tenants).unwrap_or(u32::MAX).max(1);
        let rest = share.clamp(RESTS.0, RESTS.1);
        sleep(rest.max(begun.elapsed() * REST)).await;
    }
}

async fn look(gateway: &Gateway, tenant: &TenantId) -> Result<Vec<Violation>, StoreError> {
    let found = gateway.store.verify_tenant(tenant).await?;
    if found.is_empty() {
        return Ok(found);
    }
    sleep(AGAIN).await;
    gateway.store.verify_tenant(tenant).await
}

#[cfg(test)]
mod tests {
    use evogate_models::Credits;
    use evogate_models::account::Account;
    use evogate_store::{OpenTasks, TenantSums};

    use super::*;

    fn census(ids: &[&str]) -> Census {
        let sums = |id: &&str| TenantSums {
            tenant: id.parse().unwrap(),
            account: Account::default(),
            refunded: Credits::ZERO,
            open: OpenTasks::default(),
        };
        Census {
            tenants: ids.iter().map(sums).collect(),
            ..Census::default()
        }
    }

    #[test]
    fn every_tenant_has_its_turn_also_those_that_come_and_go() {
        let ledger = Ledger::default();
        assert_eq!(ledger.next(), None);
        ledger.learn(&census(&["a", "b", "c"]));
        let turn = || ledger.next().unwrap().0.to_string();
        assert_eq!([turn(), turn()], ["a", "b"]);
        ledger.learn(&census(&["a", "bb", "d"]));
        assert_eq!([turn(), turn(), turn()], ["bb", "d", "a"]);
    }
}
