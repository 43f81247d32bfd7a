//! Tenants, grants, keys, admins, and the record of who changed them.

use evogate_models::account::LedgerError;
use evogate_models::journal::{Entry, Posting};
use evogate_models::{KeyId, TenantId, Timestamp};
use redb::ReadableTable as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Embedded;
use super::table::{AccountRecord, Write, decode, encode, get, unavailable};
use crate::admin::{AdminRecord, Grant, Granted, KeyChange, TenantChange};
use crate::audit::{Actor, AuditEntry};
use crate::error::{StoreError, TenantError, refusals_are_answers};
use crate::record::{KeyRecord, Tenant, TenantView};

/// A grant that was made under an idempotency key.
#[derive(Serialize, Deserialize)]
struct GrantRecord {
    amount: evogate_models::Credits,
    note: Option<String>,
}

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

    pub(crate) async fn add_key(&self, key: KeyRecord, by: &Actor) -> Result<(), TenantError> {
        let (by, now) = (by.clone(), self.now());
        self.write(move |tables| refusals_are_answers(tables.add_key(&key, &by, now)))
            .await?
    }

    pub(crate) async fn change_key(
        &self,
        tenant: &TenantId,
        id: &KeyId,
        change: KeyChange,
        by: &Actor,
    ) -> Result<KeyRecord, TenantError> {
        let (tenant, id, by, now) = (tenant.clone(), id.clone(), by.clone(), self.now());
        self.write(move |tables| {
            refusals_are_answers(tables.change_key(&tenant, &id, &change, &by, now))
        })
        .await?
    }

    pub(crate) async fn delete_key(
        &self,
        tenant: &TenantId,
        id: &KeyId,
        by: &Actor,
    ) -> Result<(), TenantError> {
        let (tenant, id, by, now) = (tenant.clone(), id.clone(), by.clone(), self.now());
        self.write(move |tables| refusals_are_answers(tables.delete_key(&tenant, &id, &by, now)))
            .await?
    }

    pub(crate) async fn keys(&self, tenant: &TenantId) -> Result<Vec<KeyRecord>, StoreError> {
        self.read(|tables| {
            let mut keys = Vec::new();
            let range = (tenant.as_str(), "")..=(tenant.as_str(), "\u{10ffff}");
            for row in tables.keys()?.range(range).map_err(unavailable)? {
                keys.push(decode(row.map_err(unavailable)?.1.value())?);
            }
            Ok(keys)
        })
    }

    pub(crate) async fn key_by_digest(
        &self,
        digest: &[u8; 32],
    ) -> Result<Option<KeyRecord>, StoreError> {
        let now = self.now();
        self.read(|tables| {
            let digests = tables.digests()?;
            let Some(owner) = digests.get(digest.as_slice()).map_err(unavailable)? else {
                return Ok(None);
            };
            let key: Option<KeyRecord> = get(&tables.keys()?, owner.value())?;
            Ok(key.filter(|key| key.accepts(digest, now)))
        })
    }

    pub(crate) async fn add_admin(
        &self,
        admin: AdminRecord,
        by: &Actor,
    ) -> Result<(), TenantError> {
        let (by, now) = (by.clone(), self.now());
        self.write(move |tables| refusals_are_answers(tables.add_admin(&admin, &by, now)))
            .await?
    }

    pub(crate) async fn delete_admin(&self, id: &KeyId, by: &Actor) -> Result<(), TenantError> {
        let (id, by, now) = (id.clone(), by.clone(), self.now());
        self.write(move |tables| refusals_are_answers(tables.delete_admin(&id, &by, now)))
            .await?
    }

    pub(crate) async fn admins(&self) -> Result<Vec<AdminRecord>, StoreError> {
        self.read(|tables| {
            let mut admins = Vec::new();
            for row in tables.admins()?.iter().map_err(unavailable)? {
                admins.push(decode(row.map_err(unavailable)?.1.value())?);
            }
            Ok(admins)
        })
    }

    pub(crate) async fn admin_by_digest(
        &self,
        digest: &[u8; 32],
    ) -> Result<Option<AdminRecord>, StoreError> {
        self.read(|tables| {
            let digests = tables.admin_digests()?;
            let Some(id) = digests.get(digest.as_slice()).map_err(unavailable)? else {
                return Ok(None);
            };
            get(&tables.admins()?, id.value())
        })
    }
}

impl AccountRecord {
    fn view(&self, tenant: Tenant) -> TenantView {
        TenantView {
            tenant,
            account: self.account,
            tasks_in_flight: self.in_flight,
            usage: self.usage,
        }
    }
}

/// What the audit trail keeps of a tenant.
fn tenant_facts(tenant: &Tenant) -> Value {
    json!({ "name": tenant.name, "suspended": tenant.suspended, "quota": tenant.quota })
}

/// What the audit trail keeps of a key: nothing of its secrets.
fn key_facts(key: &KeyRecord) -> Value {
    json!({
        "name": key.name, "user": key.user, "scopes": key.scopes, "expires": key.expires,
        "credit_cap": key.credit_cap.map(|cap| cap.to_decimal()), "secrets": key.secrets.len(),
    })
}

fn admin_facts(admin: &AdminRecord) -> Value {
    json!({ "name": admin.name, "role": admin.role })
}

impl Write<'_> {
    fn existing(&self, id: &TenantId) -> Result<Tenant, TenantError> {
        get(&self.tenants, id.as_str())?.ok_or(TenantError::NoTenant)
    }

    fn put_tenant(&mut self, tenant: &Tenant) -> Result<(), StoreError> {
        let bytes = encode(tenant)?;
        self.tenants
            .insert(tenant.id.as_str(), bytes.as_slice())
            .map_err(unavailable)?;
        Ok(())
    }

    /// Records a change in the step that makes it.
    fn record(
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
        let mut tenant = before.clone();
        let TenantChange {
            name,
            suspended,
            quota,
        } = change.clone();
        tenant.name = name.unwrap_or(tenant.name);
        tenant.suspended = suspended.unwrap_or(tenant.suspended);
        tenant.quota = quota.unwrap_or(tenant.quota);
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

    fn put_key(&mut self, key: &KeyRecord) -> Result<(), StoreError> {
        let name = (key.tenant.as_str(), key.id.as_str());
        let bytes = encode(key)?;
        self.keys
            .insert(name, bytes.as_slice())
            .map_err(unavailable)?;
        for secret in &key.secrets {
            self.digests
                .insert(secret.digest.as_slice(), name)
                .map_err(unavailable)?;
        }
        Ok(())
    }

    fn add_key(&mut self, key: &KeyRecord, by: &Actor, now: Timestamp) -> Result<(), TenantError> {
        self.existing(&key.tenant)?;
        let name = (key.tenant.as_str(), key.id.as_str());
        let mut taken = self.keys.get(name).map_err(unavailable)?.is_some();
        for secret in &key.secrets {
            taken |= self
                .digests
                .get(secret.digest.as_slice())
                .map_err(unavailable)?
                .is_some();
        }
        if taken {
            return Err(TenantError::Exists);
        }
        self.put_key(key)?;
        let target = format!("{}/{}", key.tenant, key.id);
        self.record(by, now, "key.create", target, (Value::Null, key_facts(key)))?;
        Ok(())
    }

    fn existing_key(&self, tenant: &TenantId, id: &KeyId) -> Result<KeyRecord, TenantError> {
        self.existing(tenant)?;
        get(&self.keys, (tenant.as_str(), id.as_str()))?.ok_or(TenantError::NoKey)
    }

    fn change_key(
        &mut self,
        tenant: &TenantId,
        id: &KeyId,
        change: &KeyChange,
        by: &Actor,
        now: Timestamp,
    ) -> Result<KeyRecord, TenantError> {
        let before = self.existing_key(tenant, id)?;
        if let KeyChange::Rotate { digest, .. } = change
            && self
                .digests
                .get(digest.as_slice())
                .map_err(unavailable)?
                .is_some()
        {
            return Err(TenantError::Exists);
        }
        let mut key = change.apply(before.clone());
        // Secrets whose overlap is over lead nowhere any more.
        let over = |until: Option<Timestamp>| until.is_some_and(|until| until <= now);
        for secret in key.secrets.iter().filter(|secret| over(secret.until)) {
            self.digests
                .remove(secret.digest.as_slice())
                .map_err(unavailable)?;
        }
        key.secrets.retain(|secret| !over(secret.until));
        self.put_key(&key)?;
        if matches!(change, KeyChange::Rotate { .. }) {
            let facts = (key_facts(&before), key_facts(&key));
            self.record(by, now, "key.rotate", format!("{tenant}/{id}"), facts)?;
        }
        Ok(key)
    }

    fn delete_key(
        &mut self,
        tenant: &TenantId,
        id: &KeyId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), TenantError> {
        let key = self.existing_key(tenant, id)?;
        self.keys
            .remove((tenant.as_str(), id.as_str()))
            .map_err(unavailable)?;
        for secret in &key.secrets {
            self.digests
                .remove(secret.digest.as_slice())
                .map_err(unavailable)?;
        }
        let target = format!("{tenant}/{id}");
        self.record(
            by,
            now,
            "key.delete",
            target,
            (key_facts(&key), Value::Null),
        )?;
        Ok(())
    }

    fn add_admin(
        &mut self,
        admin: &AdminRecord,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), TenantError> {
        let digest = admin.digest.as_slice();
        let taken = self
            .admins
            .get(admin.id.as_str())
            .map_err(unavailable)?
            .is_some()
            || self
                .admin_digests
                .get(digest)
                .map_err(unavailable)?
                .is_some();
        if taken {
            return Err(TenantError::Exists);
        }
        let bytes = encode(admin)?;
        self.admins
            .insert(admin.id.as_str(), bytes.as_slice())
            .map_err(unavailable)?;
        self.admin_digests
            .insert(digest, admin.id.as_str())
            .map_err(unavailable)?;
        let facts = (Value::Null, admin_facts(admin));
        self.record(by, now, "admin.create", admin.id.to_string(), facts)?;
        Ok(())
    }

    fn delete_admin(&mut self, id: &KeyId, by: &Actor, now: Timestamp) -> Result<(), TenantError> {
        let admin: AdminRecord = get(&self.admins, id.as_str())?.ok_or(TenantError::NoKey)?;
        self.admins.remove(id.as_str()).map_err(unavailable)?;
        self.admin_digests
            .remove(admin.digest.as_slice())
            .map_err(unavailable)?;
        let facts = (admin_facts(&admin), Value::Null);
        self.record(by, now, "admin.delete", id.to_string(), facts)?;
        Ok(())
    }
}
