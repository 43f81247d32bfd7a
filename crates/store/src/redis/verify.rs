//! The proof that journal, accounts and tasks tell the same (invariant 2), while others go on writing.
//!
//! Of each tenant the account is read, then the tasks, then the account again and the journal up to it.
//! The journal only grows, so that both accounts can be compared with it exactly; and a task must be as
//! the journal has it at one of the entries between the two.

use std::collections::BTreeMap;

use evogate_models::journal::Rebuilt;
use evogate_models::task::Task;
use evogate_models::{Credits, TaskId, TenantId};

use super::pack::AccountRecord;
use super::{CHUNK, Redis};
use crate::error::StoreError;
use crate::record::{Verification, Violation};

/// What a task holds and was charged.
type Sums = (Option<Credits>, Credits);

/// What a task's record says of its money.
struct Kept {
    sums: Sums,
    loss: Credits,
}

impl Kept {
    fn of(task: &Task) -> Self {
        let open = (!task.state.is_ended()).then_some(task.hold);
        Self {
            sums: (open, task.charged),
            loss: task.loss(),
        }
    }
}

impl Redis {
    pub(crate) async fn verify(&self) -> Result<Verification, StoreError> {
        let mut found = Verification::default();
        let mut loss = 0_i64;
        for tenant in self.tenant_ids().await? {
            let (violations, of_tenant) = self.tenant_books(&tenant).await?;
            loss = loss.saturating_add(of_tenant);
            found.tenants = found.tenants.saturating_add(1);
            let violations = violations.into_iter().map(|what| Violation {
                tenant: Some(tenant.clone()),
                what,
            });
            found.violations.extend(violations);
        }
        found.platform_loss = Credits::from_micro(loss).unwrap_or(Credits::MAX);
        Ok(found)
    }

    pub(crate) async fn verify_tenant(&self, id: &TenantId) -> Result<Vec<Violation>, StoreError> {
        if self.account(id).await?.is_none() {
            return Ok(Vec::new());
        }
        let (violations, _) = self.tenant_books(id).await?;
        let violations = violations.into_iter().map(|what| Violation {
            tenant: Some(id.clone()),
            what,
        });
        Ok(violations.collect())
    }

    /// What is wrong with a tenant's books, and its part of the platform's loss, in micro-credits.
    async fn tenant_books(&self, tenant: &TenantId) -> Result<(Vec<String>, i64), StoreError> {
        let Some(first) = self.account(tenant).await? else {
            return Ok((vec!["it has no account".to_owned()], 0));
        };
        let tasks = self.every_task(tenant).await?;
        let Some(last) = self.account(tenant).await? else {
            return Ok((vec!["its account is gone".to_owned()], 0));
        };
        let opening = self.opening(tenant).await?.unwrap_or_default();
        let mut rebuilt = Rebuilt::from(opening);
        self.read_journal(tenant, &mut rebuilt, first.seq, |_, _| {})
            .await?;
        let mut violations = Vec::new();
        if rebuilt.account != first.account {
            violations.push(format!("the account is not what entry {} left", first.seq));
        }
        let mut passed: BTreeMap<TaskId, Vec<Sums>> = BTreeMap::new();
        for id in tasks.keys() {
            passed.insert(id.clone(), vec![sums(&rebuilt, id)]);
        }
        let mut note = |rebuilt: &Rebuilt, task: &TaskId| {
            let states = passed.entry(task.clone()).or_default();
            states.push(sums(rebuilt, task));
        };
        self.read_journal(tenant, &mut rebuilt, last.seq, &mut note)
            .await?;
        let mut holds = BTreeMap::new();
        let mut loss = first.departed.loss.micro();
        let mut paid = first.departed.charged.micro();
        for (id, task) in &tasks {
            loss = loss.saturating_add(task.loss.micro());
            paid = paid.saturating_add(task.sums.1.micro());
            if passed
                .get(id)
                .is_some_and(|passed| passed.contains(&task.sums))
            {
                // As the journal had it when it was read; where it has gone since is compared below.
                let now = rebuilt.holds.get(id);
                holds.extend(now.map(|hold| (id.clone(), *hold)));
                continue;
            }
            let (open, booked) = task.sums;
            let charged = rebuilt.charges.get(id).copied().unwrap_or_default();
            if charged != booked {
                violations.push(format!(
                    "{id} was charged {booked}, the journal says {charged}"
                ));
            }
            holds.extend(open.map(|hold| (id.clone(), hold)));
        }
        // Tasks that were made while the others were read.
        for (task, hold) in &rebuilt.holds {
            if passed.get(task).is_some_and(|passed| passed.len() > 1) {
                holds.entry(task.clone()).or_insert(*hold);
            }
        }
        compare(
            &first,
            &last,
            rebuilt,
            &holds,
            (loss, paid),
            &mut violations,
        );
        Ok((violations, last.loss))
    }

    /// Of each task only what is compared: a tenant may have very many.
    async fn every_task(&self, tenant: &TenantId) -> Result<BTreeMap<TaskId, Kept>, StoreError> {
        let place = self.layout.tenant(tenant);
        let mut tasks = BTreeMap::new();
        let mut read = 0_u64;
        loop {
            let ids = self.ids(place, read, CHUNK, false).await?;
            if ids.is_empty() {
                return Ok(tasks);
            }
            read = read.saturating_add(ids.len() as u64);
            let page = self.tasks_of(tenant, ids).await?.into_iter();
            tasks.extend(page.map(|task| (task.id.clone(), Kept::of(&task))));
        }
    }

    /// Reads a journal on to the entry numbered `to`.
    async fn read_journal(
        &self,
        tenant: &TenantId,
        rebuilt: &mut Rebuilt,
        to: u64,
        mut then: impl FnMut(&Rebuilt, &TaskId),
    ) -> Result<(), StoreError> {
        while rebuilt.seq < to {
            let left = usize::try_from(to.saturating_sub(rebuilt.seq)).unwrap_or(CHUNK);
            let entries = self.journal(tenant, rebuilt.seq, left.min(CHUNK)).await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in &entries {
                rebuilt.read(entry);
                if let Some(task) = &entry.task {
                    then(rebuilt, task);
                }
            }
        }
        Ok(())
    }
}

/// Compares the journal at its end with the account, and the tasks' sums with those that are kept.
fn compare(
    first: &AccountRecord,
    last: &AccountRecord,
    rebuilt: Rebuilt,
    holds: &BTreeMap<TaskId, Credits>,
    (loss, paid): (i64, i64),
    violations: &mut Vec<String>,
) {
    let open = u32::try_from(rebuilt.holds.len()).unwrap_or(u32::MAX);
    if last.in_flight != open {
        violations.push(format!(
            "{} tasks are counted in flight, {open} are",
            last.in_flight
        ));
    }
    // What EvoLink bills is learned, and tasks leave, without an entry: that is compared when nothing moved.
    if first == last && last.loss != loss {
        violations.push(format!(
            "the platform's loss is kept as {} micro-credits, the tasks, with those that have left, say {loss}",
            last.loss
        ));
    }
    let spent = last.account.spent.micro();
    if first == last && spent != paid {
        violations.push(format!(
            "the tasks, with those that have left, were charged {paid} micro-credits, spent is {spent}"
        ));
    }
    violations.extend(rebuilt.compare(&last.account, last.seq, holds));
}

fn sums(rebuilt: &Rebuilt, task: &TaskId) -> Sums {
    let charged = rebuilt.charges.get(task).copied().unwrap_or_default();
    (rebuilt.holds.get(task).copied(), charged)
}
