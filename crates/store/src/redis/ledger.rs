//! The books as lines, read while the tenant goes on working.
//!
//! Its tasks are read, page by page, between two looks at its account. Where the journal has grown between
//! them, the tasks that the new entries name are read again, and so on until two looks are the same: so all
//! that was read last belongs to that account. Where tasks or entries have left meanwhile, the tenant begins
//! anew.

use std::collections::BTreeSet;

use evogate_models::idempotency;
use evogate_models::task::Task;
use evogate_models::{Credits, TaskId, TenantId};

use super::pack::{AccountRecord, corrupt, decode};
use super::reply::{maybe, pairs, text};
use super::stored::{self, Stored, unpack_lead};
use super::{CHUNK, Redis};
use crate::error::StoreError;
use crate::ledger::export::Pages;
use crate::ledger::{Counted, DaySums, GrantKey, Line, Standing, TaskRecord};
use crate::usage::{Day, KEPT, day};

/// How often a tenant is begun anew.
const TRIES: u32 = 10;
/// How often what has moved is read again before the tenant is begun anew.
const LOOKS: u32 = 50;

impl Redis {
    pub(crate) async fn export_tenant(
        &self,
        tenant: TenantId,
        mut pages: Pages,
    ) -> Result<(), StoreError> {
        let Some(view) = self.tenant(&tenant).await? else {
            return Ok(());
        };
        pages.push(Line::Tenant(view.tenant)).await?;
        for _ in 0..TRIES {
            if self.export_parts(&tenant, &mut pages).await? {
                return pages.flush().await;
            }
            pages.push(Line::Again).await?;
        }
        Err(StoreError::Unavailable(format!(
            "{tenant} does not stand still"
        )))
    }

    /// `false` when something left meanwhile.
    async fn export_parts(&self, tenant: &TenantId, pages: &mut Pages) -> Result<bool, StoreError> {
        for key in self.keys(tenant).await? {
            pages.push(Line::Key(key)).await?;
        }
        for endpoint in self.endpoints(tenant).await? {
            pages.push(Line::Endpoint(endpoint)).await?;
        }
        let mut seen = self.standing(tenant).await?;
        self.export_every_task(tenant, pages).await?;
        for _ in 0..LOOKS {
            let counts = self.counts_of(tenant).await?;
            let now = self.standing(tenant).await?;
            if now.departed != seen.departed {
                return Ok(false);
            }
            if now.seq == seen.seq {
                for line in counts {
                    pages.push(line).await?;
                }
                return self.export_journal(tenant, &now, pages).await;
            }
            let Some(moved) = self.moved(tenant, seen.seq, now.seq).await? else {
                return Ok(false);
            };
            for record in self.task_records(tenant, moved).await? {
                pages.push(Line::Task(Box::new(record))).await?;
            }
            seen = now;
        }
        Ok(false)
    }

    async fn standing(&self, tenant: &TenantId) -> Result<AccountRecord, StoreError> {
        let account = self.account(tenant).await?;
        account.ok_or_else(|| corrupt(format_args!("{tenant} has no account")))
    }

    async fn export_every_task(
        &self,
        tenant: &TenantId,
        pages: &mut Pages,
    ) -> Result<(), StoreError> {
        let place = self.layout.tenant(tenant);
        let mut read = 0_u64;
        loop {
            let ids = self.ids(place, read, CHUNK, false).await?;
            if ids.is_empty() {
                return Ok(());
            }
            read = read.saturating_add(ids.len() as u64);
            for record in self.task_records(tenant, ids).await? {
                pages.push(Line::Task(Box::new(record))).await?;
            }
        }
    }

    /// The tasks that the entries between two numbers name; none when some of the entries have left.
    async fn moved(
        &self,
        tenant: &TenantId,
        after: u64,
        to: u64,
    ) -> Result<Option<Vec<TaskId>>, StoreError> {
        let mut moved = BTreeSet::new();
        let mut at = after;
        while at < to {
            for entry in self.journal(tenant, at, CHUNK).await? {
                if entry.seq != at.saturating_add(1) {
                    return Ok(None);
                }
                at = entry.seq;
                moved.extend(entry.task);
            }
        }
        Ok(Some(moved.into_iter().collect()))
    }

    /// Opening, entries and account. `false` when entries left meanwhile.
    async fn export_journal(
        &self,
        tenant: &TenantId,
        account: &AccountRecord,
        pages: &mut Pages,
    ) -> Result<bool, StoreError> {
        let opening = self.opening(tenant).await?;
        let mut at = opening.as_ref().map_or(0, |opening| opening.seq);
        if let Some(opening) = opening {
            pages.push(Line::Opening(opening)).await?;
        }
        while at < account.seq {
            let left = usize::try_from(account.seq.saturating_sub(at)).unwrap_or(CHUNK);
            let entries = self.journal(tenant, at, left.min(CHUNK)).await?;
            if entries.first().map(|entry| entry.seq) != Some(at.saturating_add(1)) {
                return Ok(false);
            }
            for entry in entries {
                at = entry.seq;
                pages.push(Line::Entry(entry)).await?;
            }
        }
        let standing = Standing {
            tenant: tenant.clone(),
            account: account.account,
            seq: account.seq,
            rate: account.rate,
            usage: account.usage,
            departed: account.departed,
            low: account.low,
            refunded: Credits::from_micro(account.refunded).unwrap_or(Credits::MAX),
        };
        pages.push(Line::Account(standing)).await?;
        Ok(true)
    }

    /// Tasks with their timelines, and what is kept under their clients' keys.
    async fn task_records(
        &self,
        tenant: &TenantId,
        ids: Vec<TaskId>,
    ) -> Result<Vec<TaskRecord>, StoreError> {
        let place = self.layout.tenant(tenant);
        let names: Vec<_> = ids.into_iter().map(|id| (tenant.clone(), id)).collect();
        let mut kept = Vec::new();
        for names in names.chunks(CHUNK) {
            for ((tenant, id), record) in names.iter().zip(self.records(names).await?) {
                let Some(record) = record else { continue };
                let task = Stored::unpack(tenant, id, &record)?.task;
                kept.push((task, stored::timeline(id, &record)?));
            }
        }
        let mut records = Vec::with_capacity(kept.len());
        for kept in kept.chunks(CHUNK) {
            let reads = kept.iter().map(|(task, _)| {
                let mut key = redis::cmd("GET");
                let name = task.idempotency_key.as_deref().unwrap_or_default();
                key.arg(place.idempotency(name));
                key
            });
            let leads = self.all(reads.collect()).await?;
            for ((task, notes), lead) in kept.iter().zip(leads) {
                records.push(TaskRecord {
                    notes: notes.clone(),
                    idempotency: idempotency_of(task, maybe(lead)?)?,
                    task: task.clone(),
                });
            }
        }
        Ok(records)
    }

    /// What is counted beside the account. A row for a user and a day, so it is read whole.
    async fn counts_of(&self, tenant: &TenantId) -> Result<Vec<Line>, StoreError> {
        let place = self.layout.tenant(tenant);
        let mut lines = Vec::new();
        let mut grants = redis::cmd("HGETALL");
        grants.arg(place.grants());
        for (key, grant) in pairs(self.link.command(grants).await?)? {
            lines.push(Line::Grant(GrantKey {
                key: text(key)?,
                grant: decode(&grant)?,
            }));
        }
        for (name, counted) in self.counted(tenant).await? {
            // Until when keys are valid follows from the keys.
            if let Some(usage) = counted.usage {
                lines.push(Line::Usage(Counted { name, usage }));
            }
        }
        let from = day(self.now()).saturating_sub(KEPT);
        for ((day, name), sums) in self.sums(tenant, from, Day::MAX).await? {
            lines.push(Line::Day(DaySums { day, name, sums }));
        }
        lines.extend(self.users(tenant).await?.into_iter().map(Line::User));
        Ok(lines)
    }
}

/// What is kept under a client's key, if that leads to the task.
fn idempotency_of(
    task: &Task,
    stored: Option<Vec<u8>>,
) -> Result<Option<idempotency::KeyRecord>, StoreError> {
    let Some(stored) = stored.filter(|_| task.idempotency_key.is_some()) else {
        return Ok(None);
    };
    let (until, leads_to) = unpack_lead(&stored)?;
    Ok((leads_to == task.id).then(|| idempotency::KeyRecord {
        fingerprint: task.fingerprint.clone(),
        task: leads_to,
        until,
    }))
}
