//! The proof that journal, accounts and tasks tell the same, on one snapshot (invariant 2).

use std::collections::BTreeMap;

use evogate_models::journal::{Entry, Opening, Rebuilt};
use evogate_models::task::Task;
use evogate_models::{Credits, TenantId};
use redb::ReadableTable as _;

use super::Embedded;
use super::table::{AccountRecord, LOSS_KEY, Read, decode, get, unavailable};
use crate::error::StoreError;
use crate::record::{Tenant, Verification, Violation};

impl Embedded {
    pub(crate) async fn verify(&self) -> Result<Verification, StoreError> {
        self.read_long(|tables| {
            let mut found = Verification::default();
            let mut loss = 0_i64;
            for row in tables.tenants()?.iter().map_err(unavailable)? {
                let tenant: Tenant = decode(row.map_err(unavailable)?.1.value())?;
                let checked = tenant_books(tables, &tenant.id)?;
                loss = loss.saturating_add(checked.loss);
                found.tenants = found.tenants.saturating_add(1);
                found
                    .violations
                    .extend(checked.violations.into_iter().map(|what| Violation {
                        tenant: Some(tenant.id.clone()),
                        what,
                    }));
            }
            let kept = tables.meta()?.get(LOSS_KEY).map_err(unavailable)?;
            let kept = kept.map_or(0, |kept| kept.value());
            if kept != loss {
                let what = format!(
                    "the platform's loss is kept as {kept} micro-credits, the tasks, with those that have left, say {loss}"
                );
                found.violations.push(Violation { tenant: None, what });
            }
            found.platform_loss = Credits::from_micro(kept).unwrap_or(Credits::MAX);
            Ok(found)
        })
        .await
    }
}

impl Embedded {
    pub(crate) async fn verify_tenant(&self, id: &TenantId) -> Result<Vec<Violation>, StoreError> {
        let id = id.clone();
        self.read_long(move |tables| {
            let known = tables.tenants()?.get(id.as_str()).map_err(unavailable)?;
            if known.is_none() {
                return Ok(Vec::new());
            }
            let violations = tenant_books(tables, &id)?.violations.into_iter();
            let violations = violations.map(|what| Violation {
                tenant: Some(id.clone()),
                what,
            });
            Ok(violations.collect())
        })
        .await
    }
}

struct Checked {
    violations: Vec<String>,
    /// In micro-credits: the sum of many tasks' losses, also of those that have left, each within the
    /// range of [`Credits`].
    loss: i64,
}

fn tenant_books(tables: &Read, tenant: &TenantId) -> Result<Checked, StoreError> {
    let name = tenant.as_str();
    let record: AccountRecord = get(&tables.accounts()?, name)?.unwrap_or_default();
    let opening: Option<Opening> = get(&tables.openings()?, name)?;
    let mut rebuilt = Rebuilt::from(opening.unwrap_or_default());
    for row in tables
        .journal()?
        .range((name, 0)..=(name, u64::MAX))
        .map_err(unavailable)?
    {
        let entry: Entry = decode(row.map_err(unavailable)?.1.value())?;
        rebuilt.read(&entry);
    }
    let mut holds = BTreeMap::new();
    let mut loss = record.departed.loss.micro();
    let mut paid = record.departed.charged.micro();
    let mut violations = Vec::new();
    for row in tables
        .tasks()?
        .range((name, "")..=(name, "\u{10ffff}"))
        .map_err(unavailable)?
    {
        let task: Task = decode(row.map_err(unavailable)?.1.value())?;
        loss = loss.saturating_add(task.loss().micro());
        paid = paid.saturating_add(task.charged.micro());
        let charged = rebuilt.charges.get(&task.id).copied().unwrap_or_default();
        if charged != task.charged {
            violations.push(format!(
                "{} was charged {}, the journal says {charged}",
                task.id, task.charged
            ));
        }
        if !task.state.is_ended() {
            holds.insert(task.id, task.hold);
        }
    }
    if paid != record.account.spent.micro() {
        violations.push(format!(
            "the tasks, with those that have left, were charged {paid} micro-credits, spent is {}",
            record.account.spent.micro()
        ));
    }
    let open = u32::try_from(holds.len()).unwrap_or(u32::MAX);
    if record.in_flight != open {
        violations.push(format!(
            "{} tasks are counted in flight, {open} are",
            record.in_flight
        ));
    }
    violations.extend(rebuilt.compare(&record.account, record.seq, &holds));
    Ok(Checked { violations, loss })
}
