//! Tenants' keys.

use evogate_models::{KeyId, TenantId, Timestamp};
use redb::ReadableTable as _;
use serde_json::Value;

use super::Embedded;
use super::table::{Write, decode, encode, get, unavailable};
use crate::admin::KeyChange;
use crate::audit::Actor;
use crate::error::{StoreError, TenantError, refusals_are_answers};
use crate::facts::key_facts;
use crate::record::KeyRecord;

impl Embedded {
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
}

impl Write<'_> {
    pub(super) fn put_key(&mut self, key: &KeyRecord) -> Result<(), StoreError> {
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
}
