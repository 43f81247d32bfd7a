//! Compares a whole store with the model, and with itself.

use std::collections::{BTreeMap, BTreeSet};

use evogate_models::account::Account;
use evogate_models::task::{State, Task as Stored};
use evogate_models::{TenantId, Timestamp};
use evogate_store::Verification;
use evogate_store::dump::Dump;
use proptest::prelude::*;

use super::{Judged, Model, Name, Phase};

impl Model {
    /// Is the store what it must be?
    pub(crate) fn check(&mut self, dump: &Dump) -> Judged {
        self.watch_balances(dump);
        prop_assert!(dump.tenants.keys().eq(self.tenants.keys()));
        for id in self.tenants.keys() {
            let (account, _) = dump.accounts[id];
            self.check_account(id, &account)?;
            let (stored, tenant) = (&dump.tenants[id], &self.tenants[id]);
            prop_assert_eq!(stored.suspended, tenant.suspended);
            prop_assert_eq!(&stored.quota, &tenant.quota);
        }
        prop_assert!(dump.tasks.keys().eq(self.tasks.keys()));
        for (name, stored) in &dump.tasks {
            self.check_task(name, stored, dump)?;
        }
        prop_assert_eq!(dump.platform_loss, self.loss());
        self.check_departed(dump)?;
        self.check_requests(dump)?;
        self.check_keys(dump)?;
        self.check_counters(dump)?;
        self.check_deliveries(dump)?;
        check_indexes(dump)
    }

    /// Invariant 1, and the sums of the model's tasks.
    pub(super) fn check_account(&self, id: &TenantId, account: &Account) -> Judged {
        let granted = self.tenants[id].granted;
        let (held, spent) = self.sums(id);
        prop_assert_eq!(account.granted.micro(), granted);
        prop_assert_eq!(account.held.micro(), held);
        prop_assert_eq!(account.spent.micro(), spent);
        prop_assert_eq!(account.available.micro(), granted - held - spent);
        Ok(())
    }

    fn check_task(&self, name: &Name, stored: &Stored, dump: &Dump) -> Judged {
        let task = &self.tasks[name];
        prop_assert_eq!(stored.state.name(), task.phase.name(), "{:?}", stored);
        prop_assert_eq!(stored.hold.micro(), task.held, "{:?}", stored);
        prop_assert_eq!(stored.charged.micro(), task.charged, "{:?}", stored);
        prop_assert_eq!(stored.billed.micro(), task.billed, "{:?}", stored);
        prop_assert_eq!(&stored.upstream, &task.upstream);
        prop_assert_eq!(stored.told, task.told);
        prop_assert_eq!(stored.cancel_wanted.is_some(), task.cancel_wanted);
        let lease = stored.lease.map(|lease| (lease.fence, lease.until));
        prop_assert_eq!(lease, task.lease, "{:?}", stored);
        prop_assert_eq!(stored.fence, task.fences);
        prop_assert_eq!(stored.ended, task.ended);
        if let Some(end) = self.ends.get(name) {
            prop_assert_eq!(*end, task.phase, "an end is an end");
        }
        prop_assert!(dump.notes.contains_key(name), "a task without a timeline");
        if let Some(latest) = self.latest_look(stored) {
            prop_assert!(
                stored.due.is_some_and(|due| due <= latest),
                "nobody looks: {:?}",
                stored
            );
        }
        let sought = task.upstream.is_none() && (task.phase.is_open() || stored.due.is_some());
        prop_assert_eq!(dump.unbound.contains(name), sought);
        if task.phase == Phase::Completed {
            prop_assert_eq!(
                stored.due.is_none(),
                task.results_settled,
                "somebody looks after its results: {:?}",
                stored
            );
        } else if task.verdict {
            prop_assert_eq!(
                stored.due,
                None,
                "EvoLink has said all there is: {:?}",
                stored
            );
        }
        Ok(())
    }

    /// When somebody must have looked at an open task: when whoever works on it falls silent, or at
    /// its deadline.
    fn latest_look(&self, stored: &Stored) -> Option<Timestamp> {
        let deadline = match stored.state {
            State::Queued { .. } | State::Submitting { .. } => self.now,
            State::Unknown { until, .. } => until,
            State::Pending | State::Processing => stored.deadline,
            _ => return None,
        };
        let lease = stored.lease.map_or(deadline, |lease| lease.until);
        Some(deadline.max(lease).max(self.now))
    }

    /// Does the store's own check find the same?
    pub(crate) fn check_verification(&self, verified: &Verification) -> Judged {
        prop_assert!(verified.violations.is_empty(), "{:?}", verified.violations);
        prop_assert_eq!(verified.tenants, self.tenants.len() as u64);
        prop_assert_eq!(verified.platform_loss.micro(), self.loss());
        Ok(())
    }

    /// What EvoLink bills beyond what was charged, for what has ended.
    fn loss(&self) -> i64 {
        let all = self.tasks.values().chain(self.gone.values());
        let ended = all.filter(|task| !task.phase.is_open());
        ended.map(|task| task.billed - task.charged).sum()
    }

    /// Keys and repeats lead where they should, and no others are kept.
    fn check_requests(&self, dump: &Dump) -> Judged {
        let keys: BTreeMap<_, _> = dump
            .idempotency
            .iter()
            .map(|(key, r)| {
                (
                    key.clone(),
                    (r.fingerprint.clone(), r.task.clone(), r.until),
                )
            })
            .collect();
        prop_assert_eq!(&keys, &self.keys);
        let repeats: BTreeMap<_, _> = dump
            .repeats
            .iter()
            .map(|(key, r)| (key.clone(), (r.task.clone(), r.until)))
            .collect();
        prop_assert_eq!(&repeats, &self.repeats);
        Ok(())
    }

    /// Every key is found by its digests and by nothing else.
    fn check_keys(&self, dump: &Dump) -> Judged {
        let digests: BTreeMap<Vec<u8>, _> = self
            .digests
            .iter()
            .map(|(digest, owner)| (digest.to_vec(), owner.clone()))
            .collect();
        prop_assert_eq!(&dump.digests, &digests);
        prop_assert!(dump.keys.keys().eq(self.credentials.keys()));
        for (name, stored) in &dump.keys {
            let secrets: Vec<_> = stored
                .secrets
                .iter()
                .map(|secret| (secret.digest, secret.until))
                .collect();
            prop_assert_eq!(&secrets, &self.credentials[name].secrets);
        }
        Ok(())
    }
}

/// The tables that are made from others say what those say.
fn check_indexes(dump: &Dump) -> Judged {
    let due: BTreeSet<_> = dump
        .tasks
        .values()
        .filter_map(|task| Some((task.due?, task.tenant.clone(), task.id.clone())))
        .collect();
    prop_assert_eq!(&dump.due, &due);
    let owners: Vec<_> = dump
        .tasks
        .iter()
        .filter_map(|(name, task)| Some((task.upstream.clone()?, name.clone())))
        .collect();
    prop_assert_eq!(
        dump.upstreams.len(),
        owners.len(),
        "an id of EvoLink's with two owners"
    );
    prop_assert_eq!(&dump.upstreams, &owners.into_iter().collect());
    Ok(())
}
