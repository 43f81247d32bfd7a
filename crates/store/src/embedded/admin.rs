//! Tenants and grants, and the record of who changed what.

use evogate_models::account::LedgerError;
use evogate_models::journal::{Entry, Posting};
use evogate_models::{TenantId, Timestamp};
use redb::ReadableTable as _;
use serde_json::{Value, json};

use super::Embedded;
use super::table::{AccountRecord, Write, decode, encode, get, unavailable};
use crate::admin::{Grant, GrantRecord, Granted, TenantChange};
use crate::audit::{Actor, AuditEntry};
use crate::error::{StoreError, TenantError, refusals_are_answers};
use crate::facts::tenant_facts;
use crate::record::{Tenant, TenantView};

impl Embedded {
    pub(crate) async fn create_tenant(
        &self,
        tenant: Tenant,
        by: &Actor,
    ) -> Result<TenantView, TenantError> {
        let (by, now) = (by.clone(), self.now());
        self.write(move |tables| refusals_are_answers(tables.create_tenant(&tenant, &by, now)))
            .await?
    }

    pub(crate) async fn change_tenant(
        &self,
        id: &TenantId,
        change: TenantChange,
        by: &Actor,
    ) -> Result<TenantView, TenantError> {
        let (id, by, now) = (id.clone(), by.clone(), self.now());
        self.write(move |tables| refusals_are_answers(tables.change_tenant(&id, &change, &by, now)))
            .await?
    }

    pub(crate) async fn tenant(&self, id: &TenantId) -> Result<Option<TenantView>, StoreError> {
        self.read(|tables| {
            let tenant: Option<Tenant> = get(&tables.tenants()?, id.as_str())?;
            let Some(tenant) = tenant else {
                return Ok(None);
            };
            let record: AccountRecord = get(&tables.accounts()?, id.as_str())?.unwrap_or_default();
            Ok(Some(record.view(tenant)))
        })
    }

    pub(crate) async fn tenants(&self) -> Result<Vec<TenantView>, StoreError> {
        self.read(|tables| {
            let accounts = tables.accounts()?;
            let mut views = Vec::new();
            for row in tables.tenants()?.iter().map_err(unavailable)? {
                let tenant: Tenant = decode(row.map_err(unavailable)?.1.value())?;
                let record: Option<AccountRecord> = get(&accounts, tenant.id.as_str())?;
                views.push(record.unwrap_or_default().view(tenant));
            }
            Ok(views)
        })
    }

    pub(crate) async fn grant(&self, grant: Grant, by: &Actor) -> Result<Granted, TenantError> {
        let (by, now) = (by.clone(), self.now());
        self.write(move |tables| refusals_are_answers(tables.grant(&grant, &by, now)))
            .await?
    }
}

impl AccountRecord {
    pub(super) fn view(&self, tenant: Tenant) -> TenantView {
        TenantView {
            tenant,
            account: self.account,
            tasks_in_flight: self.in_flight,
            usage: self.usage,
        }
    }
}

impl Write<'_> {
    pub(super) fn existing(&self, id: &TenantId) -> Result<Tenant, TenantError> {
        get(&self.tenants, id.as_str())?.ok_or(TenantError::NoTenant)
    }

    pub(super) fn put_tenant(&mut self, tenant: &Tenant) -> Result<(), StoreError> {
        let bytes = encode(tenant)?;
        self.tenants
            .insert(tenant.id.as_str(), bytes.as_slice())
            .map_err(unavailable)?;
        Ok(())
    }

    /// Records a change in the step that makes it.
    pub(super) fn record(
        &mut self,
        by: &Actor,
        now: Timestamp,
        action: &str,
        target: String,
        (before, after): (Value, Value),
    ) -> Result<(), StoreError> {
        let last = self
            .audit
            .last()
            .map_err(unavailable)?
            .map_or(0, |(seq, _)| seq.value());
        let entry = AuditEntry {
            seq: last.saturating_add(1),
            at: now,
            actor: by.clone(),
            action: action.to_owned(),
            target,
            before,
            after,
        };
        let bytes = encode(&entry)?;
        self.audit
            .insert(entry.seq, bytes.as_slice())
            .map_err(unavailable)?;
        Ok(())
    }

    fn create_tenant(
        &mut self,
        tenant: &Tenant,
        by: &Actor,
        now: Timestamp,
    ) -> Result<TenantView, TenantError> {
        if self
            .tenants
            .get(tenant.id.as_str())
            .map_err(unavailable)?
            .is_some()
        {
            return Err(TenantError::Exists);
        }
        self.put_tenant(tenant)?;
        let record = AccountRecord::default();
        self.put_account(&tenant.id, &record)?;
        let facts = (Value::Null, tenant_facts(tenant));
        self.record(by, now, "tenant.create", tenant.id.to_string(), facts)?;
        Ok(record.view(tenant.clone()))
    }

    fn change_tenant(
        &mut self,
        id: &TenantId,
        change: &TenantChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<TenantView, TenantError> {
        let before = self.existing(id)?;
        let mut tenant = change.apply(before.clone());
        let record = self.account(id)?;
        if tenant == before {
            return Ok(record.view(tenant));
        }
        tenant.version = tenant.version.saturating_add(1);
        self.put_tenant(&tenant)?;
        let facts = (tenant_facts(&before), tenant_facts(&tenant));
        self.record(by, now, "tenant.change", id.to_string(), facts)?;
        Ok(record.view(tenant))
    }

    fn grant(&mut self, grant: &Grant, by: &Actor, now: Timestamp) -> Result<Granted, TenantError> {
        let Grant {
            tenant: id,
            amount,
            note,
            idempotency_key,
        } = grant;
        let tenant = self.existing(id)?;
        let mut record = self.account(id)?;
        if let Some(key) = idempotency_key {
            let known: Option<GrantRecord> = get(&self.grants, (id.as_str(), key.as_str()))?;
            if let Some(known) = known {
                if known.amount != *amount || known.note != *note {
                    return Err(TenantError::KeyMismatch);
                }
                return Ok(Granted {
                    view: record.view(tenant),
                    replay: true,
                });
            }
        }
        let before = record.account;
        let posting = Posting::Granted { amount: *amount };
        record.account = before.post(&posting)?;
        let overdrawn = amount.is_negative() && record.account.available.is_negative();
        if overdrawn && !tenant.quota.unlimited {
            return Err(LedgerError::Impossible.into());
        }
        record.seq = record.seq.saturating_add(1);
        let entry = Entry {
            seq: record.seq,
            at: now,
            posting,
            task: None,
            note: note.clone(),
            by: Some(by.who.clone()),
        };
        self.append(id, &entry)?;
        self.watch_balance(id, &mut record, before.available, now)?;
        self.put_account(id, &record)?;
        if let Some(key) = idempotency_key {
            let bytes = encode(&GrantRecord {
                amount: *amount,
                note: note.clone(),
            })?;
            let row = (id.as_str(), key.as_str());
            self.grants
                .insert(row, bytes.as_slice())
                .map_err(unavailable)?;
        }
        let balance = |account: evogate_models::account::Account| json!({ "granted": account.granted.to_decimal(), "available": account.available.to_decimal() });
        let mut after = balance(record.account);
        if let Some(fields) = after.as_object_mut() {
            fields.insert("credits".to_owned(), json!(amount.to_decimal()));
            fields.insert("note".to_owned(), json!(note));
        }
        self.record(by, now, "grant", id.to_string(), (balance(before), after))?;
        Ok(Granted {
            view: record.view(tenant),
            replay: false,
        })
    }
}
