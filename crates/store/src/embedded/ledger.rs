//! The books as lines: a tenant is read on one snapshot, and written in one transaction.

use std::sync::Arc;

use evogate_models::TenantId;
use evogate_models::idempotency;
use evogate_models::task::Task;
use redb::{ReadableTable as _, ReadableTableMetadata as _};
use serde_json::Value;

use super::Embedded;
use super::table::{AccountRecord, LOSS_KEY, Read, Write, decode, encode, get, unavailable};
use crate::audit::Actor;
use crate::error::{ImportError, StoreError, refusals_are_answers};
use crate::facts::tenant_facts;
use crate::ledger::export::Pages;
use crate::ledger::{Counted, DaySums, GrantKey, Line, Standing, TaskRecord, TenantBooks};
use crate::record::Tenant;

/// Set while an import is going on, or after one that broke off.
const IMPORT_KEY: &str = "import";
/// Above every name.
const LAST: &str = "\u{10ffff}";

impl Embedded {
    pub(crate) async fn note_audit(
        &self,
        by: &Actor,
        action: &'static str,
        target: String,
        facts: Value,
    ) -> Result<(), StoreError> {
        let (by, now) = (by.clone(), self.now());
        self.write(move |tables| {
            let facts = (Value::Null, facts.clone());
            tables.record(&by, now, action, target.clone(), facts)
        })
        .await
    }

    pub(crate) async fn export_tenant(
        &self,
        tenant: TenantId,
        mut pages: Pages,
    ) -> Result<(), StoreError> {
        self.read_long(move |tables| tables.export(&tenant, &mut pages))
            .await
    }

    pub(crate) async fn may_import(&self) -> Result<(), ImportError> {
        self.write(move |tables| refusals_are_answers(tables.may_import()))
            .await?
    }

    pub(crate) async fn begin_import(&self) -> Result<(), ImportError> {
        self.write(move |tables| {
            refusals_are_answers(tables.may_import().and_then(|()| tables.mark(true)))
        })
        .await?
    }

    pub(crate) async fn end_import(&self, by: &Actor, facts: Value) -> Result<(), StoreError> {
        let (by, now) = (by.clone(), self.now());
        self.write(move |tables| {
            tables.meta.remove(IMPORT_KEY).map_err(unavailable)?;
            let facts = (Value::Null, facts.clone());
            tables.record(&by, now, "ledger.import", "ledger".to_owned(), facts)
        })
        .await
    }

    pub(crate) async fn import_tenant(
        &self,
        books: TenantBooks,
        by: &Actor,
    ) -> Result<(), ImportError> {
        let (books, by, now) = (Arc::new(books), by.clone(), self.now());
        self.write(move |tables| {
            refusals_are_answers(tables.import(&books).and_then(|()| {
                let facts = (Value::Null, tenant_facts(&books.tenant));
                let target = books.tenant.id.to_string();
                Ok(tables.record(&by, now, "tenant.import", target, facts)?)
            }))
        })
        .await?
    }
}

impl Read {
    fn export(&self, id: &TenantId, pages: &mut Pages) -> Result<(), StoreError> {
        let name = id.as_str();
        let Some(tenant) = get(&self.tenants()?, name)? else {
            return Ok(());
        };
        let record: AccountRecord = get(&self.accounts()?, name)?.unwrap_or_default();
        let own = (name, "")..=(name, LAST);
        let tenant: Tenant = tenant;
        pages.push_blocking(Line::Tenant(tenant))?;
        for row in self.keys()?.range(own.clone()).map_err(unavailable)? {
            let key = decode(row.map_err(unavailable)?.1.value())?;
            pages.push_blocking(Line::Key(key))?;
        }
        for row in self.endpoints()?.range(own.clone()).map_err(unavailable)? {
            let endpoint = decode(row.map_err(unavailable)?.1.value())?;
            pages.push_blocking(Line::Endpoint(endpoint))?;
        }
        for row in self.tasks()?.range(own.clone()).map_err(unavailable)? {
            let task = decode(row.map_err(unavailable)?.1.value())?;
            pages.push_blocking(Line::Task(Box::new(self.task_record(task)?)))?;
        }
        self.export_counts(name, pages)?;
        if let Some(opening) = get(&self.openings()?, name)? {
            pages.push_blocking(Line::Opening(opening))?;
        }
        let journal = (name, 0)..=(name, u64::MAX);
        for row in self.journal()?.range(journal).map_err(unavailable)? {
            let entry = decode(row.map_err(unavailable)?.1.value())?;
            pages.push_blocking(Line::Entry(entry))?;
        }
        pages.push_blocking(Line::Account(Standing {
            tenant: id.clone(),
            account: record.account,
            seq: record.seq,
            rate: record.rate,
            usage: record.usage,
            departed: record.departed,
            low: record.low,
            refunded: record.refunded,
        }))?;
        pages.flush_blocking()
    }

    fn task_record(&self, task: Task) -> Result<TaskRecord, StoreError> {
        let (tenant, id) = (task.tenant.as_str(), task.id.as_str());
        let mut notes = Vec::new();
        let rows = (tenant, id, 0)..=(tenant, id, u32::MAX);
        for row in self.notes()?.range(rows).map_err(unavailable)? {
            notes.push(decode(row.map_err(unavailable)?.1.value())?);
        }
        let idempotency = match &task.idempotency_key {
            Some(key) => get(&self.idempotency()?, (tenant, key.as_str()))?,
            None => None,
        };
        let leads_here = |record: &idempotency::KeyRecord| record.task == task.id;
        Ok(TaskRecord {
            idempotency: idempotency.filter(leads_here),
            notes,
            task,
        })
    }

    /// What is counted beside the account.
    fn export_counts(&self, name: &str, pages: &mut Pages) -> Result<(), StoreError> {
        let own = (name, "")..=(name, LAST);
        for row in self.grants()?.range(own.clone()).map_err(unavailable)? {
            let (key, bytes) = row.map_err(unavailable)?;
            pages.push_blocking(Line::Grant(GrantKey {
                key: key.value().1.to_owned(),
                grant: decode(bytes.value())?,
            }))?;
        }
        for row in self.usage()?.range(own.clone()).map_err(unavailable)? {
            let (key, bytes) = row.map_err(unavailable)?;
            pages.push_blocking(Line::Usage(Counted {
                name: key.value().1.to_owned(),
                usage: decode(bytes.value())?,
            }))?;
        }
        let days = (name, 0, "")..=(name, u32::MAX, LAST);
        for row in self.daily()?.range(days).map_err(unavailable)? {
            let (key, bytes) = row.map_err(unavailable)?;
            let (_, day, row) = key.value();
            pages.push_blocking(Line::Day(DaySums {
                day,
                name: row.to_owned(),
                sums: decode(bytes.value())?,
            }))?;
        }
        for row in self.users()?.range(own).map_err(unavailable)? {
            let user = decode(row.map_err(unavailable)?.1.value())?;
            pages.push_blocking(Line::User(user))?;
        }
        Ok(())
    }
}

impl Write<'_> {
    fn may_import(&self) -> Result<(), ImportError> {
        if self.meta.get(IMPORT_KEY).map_err(unavailable)?.is_some() {
            return Err(ImportError::BrokenOff);
        }
        if self.tenants.is_empty().map_err(unavailable)? {
            return Ok(());
        }
        Err(ImportError::NotEmpty)
    }

    fn mark(&mut self, going_on: bool) -> Result<(), ImportError> {
        self.meta
            .insert(IMPORT_KEY, i64::from(going_on))
            .map_err(unavailable)?;
        Ok(())
    }

    /// Everything is looked for before anything is written.
    fn import(&mut self, books: &TenantBooks) -> Result<(), ImportError> {
        self.may_place(books)?;
        let (name, standing) = (books.tenant.id.as_str(), &books.standing);
        self.put_tenant(&books.tenant)?;
        for key in &books.keys {
            self.put_key(key)?;
        }
        for endpoint in &books.endpoints {
            self.put_endpoint(endpoint)?;
            if endpoint.disabled.is_some() {
                self.open_queue(&endpoint.tenant, &endpoint.id, true)?;
            }
        }
        if let Some(opening) = &books.opening {
            let bytes = encode(opening)?;
            self.openings
                .insert(name, bytes.as_slice())
                .map_err(unavailable)?;
        }
        for entry in &books.entries {
            self.append(&books.tenant.id, entry)?;
        }
        for record in books.tasks.values() {
            self.put_task(None, &record.task)?;
            self.note(&record.task, &record.notes)?;
            if let (Some(key), Some(kept)) = (&record.task.idempotency_key, &record.idempotency) {
                let bytes = encode(kept)?;
                self.idempotency
                    .insert((name, key.as_str()), bytes.as_slice())
                    .map_err(unavailable)?;
            }
        }
        self.import_counts(name, books)?;
        self.put_account(
            &books.tenant.id,
            &AccountRecord {
                account: standing.account,
                seq: standing.seq,
                in_flight: books.in_flight(),
                rate: standing.rate,
                usage: standing.usage,
                departed: standing.departed,
                low: standing.low,
                open: books.open_tasks(),
                refunded: standing.refunded,
            },
        )?;
        Ok(())
    }

    /// Is the tenant new, and is nothing of it somebody else's?
    fn may_place(&self, books: &TenantBooks) -> Result<(), ImportError> {
        let known = self.tenants.get(books.tenant.id.as_str());
        if known.map_err(unavailable)?.is_some() {
            return Err(ImportError::Taken("it is there already".to_owned()));
        }
        for key in &books.keys {
            for secret in &key.secrets {
                let known = self.digests.get(secret.digest.as_slice());
                if known.map_err(unavailable)?.is_some() {
                    return Err(ImportError::Taken(format!("{} is another's key", key.id)));
                }
            }
        }
        for record in books.tasks.values() {
            let Some(upstream) = &record.task.upstream else {
                continue;
            };
            if self.owner(upstream)?.is_some() {
                return Err(ImportError::Taken(format!("{upstream} is another's task")));
            }
        }
        Ok(())
    }

    fn import_counts(&mut self, name: &str, books: &TenantBooks) -> Result<(), StoreError> {
        for grant in &books.grants {
            let bytes = encode(&grant.grant)?;
            self.grants
                .insert((name, grant.key.as_str()), bytes.as_slice())
                .map_err(unavailable)?;
        }
        for counted in &books.usage {
            let bytes = encode(&counted.usage)?;
            self.usage
                .insert((name, counted.name.as_str()), bytes.as_slice())
                .map_err(unavailable)?;
        }
        for sums in &books.days {
            let bytes = encode(&sums.sums)?;
            self.daily
                .insert((name, sums.day, sums.name.as_str()), bytes.as_slice())
                .map_err(unavailable)?;
        }
        for user in &books.users {
            let bytes = encode(user)?;
            self.users
                .insert((name, user.user.as_str()), bytes.as_slice())
                .map_err(unavailable)?;
        }
        // The tasks that are here were counted when they were put.
        let departed = books.standing.departed.loss.micro();
        let loss = self.meta.get(LOSS_KEY).map_err(unavailable)?;
        let loss = loss.map_or(0, |loss| loss.value());
        self.meta
            .insert(LOSS_KEY, loss.saturating_add(departed))
            .map_err(unavailable)?;
        Ok(())
    }
}
