//! Tenants, grants and keys.

use evogate_models::account::LedgerError;
use evogate_models::journal::{Entry, Posting};
use evogate_models::{Credits, KeyId, TenantId, Timestamp};
use redb::ReadableTable as _;

use super::Embedded;
use super::table::{AccountRecord, Write, decode, encode, get, unavailable};
use crate::error::{StoreError, TenantError, refusals_are_answers};
use crate::record::{KeyRecord, Tenant, TenantView};

impl Embedded {
    pub(crate) async fn create_tenant(&self, tenant: Tenant) -> Result<TenantView, TenantError> {
        self.write(move |tables| refusals_are_answers(tables.create_tenant(&tenant)))
            .await?
    }

    pub(crate) async fn tenant(&self, id: &TenantId) -> Result<Option<TenantView>, StoreError> {
        self.read(|tables| {
            let tenant: Option<Tenant> = get(&tables.tenants()?, id.as_str())?;
            let Some(tenant) = tenant else {
                return Ok(None);
            };
            let record: Option<AccountRecord> = get(&tables.accounts()?, id.as_str())?;
            Ok(Some(TenantView {
                tenant,
                account: record.unwrap_or_default().account,
            }))
        })
    }

    pub(crate) async fn tenants(&self) -> Result<Vec<TenantView>, StoreError> {
        self.read(|tables| {
            let accounts = tables.accounts()?;
            let mut views = Vec::new();
            for row in tables.tenants()?.iter().map_err(unavailable)? {
                let tenant: Tenant = decode(row.map_err(unavailable)?.1.value())?;
                let record: Option<AccountRecord> = get(&accounts, tenant.id.as_str())?;
                views.push(TenantView {
                    tenant,
                    account: record.unwrap_or_default().account,
                });
            }
            Ok(views)
        })
    }

    pub(crate) async fn grant(
        &self,
        tenant: &TenantId,
        amount: Credits,
        note: Option<String>,
    ) -> Result<TenantView, TenantError> {
        let (tenant, now) = (tenant.clone(), self.now());
        self.write(move |tables| {
            refusals_are_answers(tables.grant(&tenant, amount, note.as_ref(), now))
        })
        .await?
    }

    pub(crate) async fn add_key(&self, key: KeyRecord) -> Result<(), TenantError> {
        self.write(move |tables| refusals_are_answers(tables.add_key(&key)))
            .await?
    }

    pub(crate) async fn delete_key(
        &self,
        tenant: &TenantId,
        id: &KeyId,
    ) -> Result<(), TenantError> {
        let (tenant, id) = (tenant.clone(), id.clone());
        self.write(move |tables| refusals_are_answers(tables.delete_key(&tenant, &id)))
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
        self.read(|tables| {
            let digests = tables.digests()?;
            let Some(owner) = digests.get(digest.as_slice()).map_err(unavailable)? else {
                return Ok(None);
            };
            get(&tables.keys()?, owner.value())
        })
    }
}

impl Write<'_> {
    fn existing(&self, id: &TenantId) -> Result<Tenant, TenantError> {
        get(&self.tenants, id.as_str())?.ok_or(TenantError::NoTenant)
    }

    fn create_tenant(&mut self, tenant: &Tenant) -> Result<TenantView, TenantError> {
        if self
            .tenants
            .get(tenant.id.as_str())
            .map_err(unavailable)?
            .is_some()
        {
            return Err(TenantError::Exists);
        }
        let bytes = encode(tenant)?;
        self.tenants
            .insert(tenant.id.as_str(), bytes.as_slice())
            .map_err(unavailable)?;
        let record = AccountRecord::default();
        self.put_account(&tenant.id, &record)?;
        Ok(TenantView {
            tenant: tenant.clone(),
            account: record.account,
        })
    }

    fn grant(
        &mut self,
        id: &TenantId,
        amount: Credits,
        note: Option<&String>,
        now: Timestamp,
    ) -> Result<TenantView, TenantError> {
        let tenant = self.existing(id)?;
        let mut record = self.account(id)?;
        let posting = Posting::Granted { amount };
        let account = record.account.post(&posting)?;
        if amount.is_negative() && account.available.is_negative() && !tenant.unlimited {
            return Err(LedgerError::Impossible.into());
        }
        record = AccountRecord {
            account,
            seq: record.seq.saturating_add(1),
        };
        let entry = Entry {
            seq: record.seq,
            at: now,
            posting,
            task: None,
            note: note.cloned(),
        };
        self.append(id, &entry)?;
        self.put_account(id, &record)?;
        Ok(TenantView { tenant, account })
    }

    fn add_key(&mut self, key: &KeyRecord) -> Result<(), TenantError> {
        self.existing(&key.tenant)?;
        let name = (key.tenant.as_str(), key.id.as_str());
        let taken = self.keys.get(name).map_err(unavailable)?.is_some()
            || self
                .digests
                .get(key.digest.as_slice())
                .map_err(unavailable)?
                .is_some();
        if taken {
            return Err(TenantError::Exists);
        }
        let bytes = encode(key)?;
        self.keys
            .insert(name, bytes.as_slice())
            .map_err(unavailable)?;
        self.digests
            .insert(key.digest.as_slice(), name)
            .map_err(unavailable)?;
        Ok(())
    }

    fn delete_key(&mut self, tenant: &TenantId, id: &KeyId) -> Result<(), TenantError> {
        self.existing(tenant)?;
        let name = (tenant.as_str(), id.as_str());
        let key: KeyRecord = get(&self.keys, name)?.ok_or(TenantError::NoKey)?;
        self.keys.remove(name).map_err(unavailable)?;
        self.digests
            .remove(key.digest.as_slice())
            .map_err(unavailable)?;
        Ok(())
    }
}
