//! Tenants' keys. A key is found by the digest of its secret, which stands in a place of its own: a
//! pointer is written before the key and removed after it, and one that leads nowhere does no harm.

use evogate_models::{Credits, KeyId, TenantId};
use serde_json::Value as Json;

use super::Redis;
use super::audit::entry;
use super::key::digest;
use super::pack::{decode, encode, or_none, pack};
use super::plan::Arguments;
use super::reply::{maybe, number, pairs, text};
use super::script;
use super::turn::Facts;
use crate::admin::KeyChange;
use crate::audit::Actor;
use crate::error::{StoreError, TenantError};
use crate::facts::key_facts;
use crate::record::KeyRecord;

const TRIES: u32 = 50;

impl Redis {
    pub(crate) async fn add_key(&self, key: KeyRecord, by: &Actor) -> Result<(), TenantError> {
        if self.policy(&key.tenant).await?.is_none() {
            return Err(TenantError::NoTenant);
        }
        let mut pointed = Vec::new();
        let mut taken = false;
        for secret in &key.secrets {
            if self.point(&secret.digest, &key).await? {
                pointed.push(secret.digest);
            } else {
                taken = true;
            }
        }
        let facts = (Json::Null, key_facts(&key));
        let added = if taken {
            Err(TenantError::Exists)
        } else {
            match self
                .put_key(None, Some(&key), by, Some(("key.create", facts)))
                .await
            {
                Ok(None) => Ok(()),
                Ok(Some(_)) => Err(TenantError::Exists),
                Err(error) => Err(error),
            }
        };
        // Of a failure that may have been none, nothing is taken back.
        if matches!(added, Err(TenantError::Exists | TenantError::NoTenant)) {
            self.unpoint(&pointed).await?;
        }
        added
    }

    pub(crate) async fn change_key(
        &self,
        tenant: &TenantId,
        id: &KeyId,
        change: KeyChange,
        by: &Actor,
    ) -> Result<KeyRecord, TenantError> {
        let mut pointed = false;
        for _ in 0..TRIES {
            let before = self.existing_key(tenant, id).await?;
            if let KeyChange::Rotate { digest, .. } = &change
                && !pointed
            {
                if !self.point(digest, &before).await? {
                    return Err(TenantError::Exists);
                }
                pointed = true;
            }
            let now = self.now();
            let mut key = change.apply(before.clone());
            // Secrets whose overlap is over lead nowhere any more.
            let (over, live) = key
                .secrets
                .into_iter()
                .partition(|secret| secret.until.is_some_and(|until| until <= now));
            let over: Vec<crate::record::KeySecret> = over;
            key.secrets = live;
            let audit = matches!(change, KeyChange::Rotate { .. })
                .then(|| ("key.rotate", (key_facts(&before), key_facts(&key))));
            if self
                .put_key(Some(&before), Some(&key), by, audit)
                .await?
                .is_none()
            {
                let over: Vec<_> = over.iter().map(|secret| secret.digest).collect();
                self.unpoint(&over).await?;
                return Ok(key);
            }
        }
        Err(StoreError::Unavailable(format!("{id} does not stand still")).into())
    }

    pub(crate) async fn delete_key(
        &self,
        tenant: &TenantId,
        id: &KeyId,
        by: &Actor,
    ) -> Result<(), TenantError> {
        for _ in 0..TRIES {
            let key = self.existing_key(tenant, id).await?;
            let audit = ("key.delete", (key_facts(&key), Json::Null));
            if self
                .put_key(Some(&key), None, by, Some(audit))
                .await?
                .is_none()
            {
                let digests: Vec<_> = key.secrets.iter().map(|secret| secret.digest).collect();
                self.unpoint(&digests).await?;
                return Ok(());
            }
        }
        Err(StoreError::Unavailable(format!("{id} does not stand still")).into())
    }

    pub(crate) async fn keys(&self, tenant: &TenantId) -> Result<Vec<KeyRecord>, StoreError> {
        let mut read = redis::cmd("HGETALL");
        read.arg(self.layout.tenant(tenant).keys());
        let records = pairs(self.link.command(read).await?)?;
        let keys = records.iter().map(|(_, record)| decode(record));
        let mut keys = keys.collect::<Result<Vec<KeyRecord>, _>>()?;
        keys.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(keys)
    }

    pub(crate) async fn key_by_digest(
        &self,
        secret: &[u8; 32],
    ) -> Result<Option<KeyRecord>, StoreError> {
        if let Some(key) = self.credentials.get(secret) {
            return Ok(Some(key).filter(|key| key.accepts(secret, self.now())));
        }
        let mut find = redis::cmd("GET");
        find.arg(digest(secret));
        let Some(owner) = maybe(self.link.command(find).await?)? else {
            return Ok(None);
        };
        let owner = text(owner)?;
        let Some((tenant, id)) = owner.split_once('/') else {
            return Err(super::pack::corrupt("the owner of a key"));
        };
        let (Ok(tenant), Ok(id)) = (tenant.parse::<TenantId>(), id.parse::<KeyId>()) else {
            return Err(super::pack::corrupt("the owner of a key"));
        };
        let key = self.key(&tenant, &id).await?;
        let now = self.now();
        let key = key.filter(|key| key.accepts(secret, now));
        if let Some(key) = &key {
            self.credentials.insert(*secret, key.clone());
        }
        Ok(key)
    }

    async fn key(&self, tenant: &TenantId, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let mut read = redis::cmd("HGET");
        read.arg(self.layout.tenant(tenant).keys()).arg(id.as_str());
        let record = maybe(self.link.command(read).await?)?;
        record.map(|record| decode(&record)).transpose()
    }

    async fn existing_key(&self, tenant: &TenantId, id: &KeyId) -> Result<KeyRecord, TenantError> {
        if self.policy(tenant).await?.is_none() {
            return Err(TenantError::NoTenant);
        }
        self.key(tenant, id).await?.ok_or(TenantError::NoKey)
    }

    /// Puts a key in the place of what it was. Answers what is there, where that is something else.
    async fn put_key(
        &self,
        before: Option<&KeyRecord>,
        after: Option<&KeyRecord>,
        by: &Actor,
        audit: Option<(&str, Facts)>,
    ) -> Result<Option<Vec<u8>>, TenantError> {
        let Some(key) = after.or(before) else {
            return Ok(None);
        };
        let place = self.layout.tenant(&key.tenant);
        let now = self.now();
        let record = |key: Option<&KeyRecord>| key.map_or_else(|| Ok(Vec::new()), encode);
        let target = format!("{}/{}", key.tenant, key.id);
        let name = format!("k:{}", key.id);
        let audit = audit.map(|(action, facts)| entry(by, now, action, target, facts));
        let call = Arguments {
            keys: vec![
                place.account(),
                place.keys(),
                place.counted(&name),
                place.counted_names(),
                place.shard.sequence(),
                place.shard.audit(),
            ],
            args: vec![
                pack(&[
                    now.millis(),
                    i64::from(place.shard.0),
                    or_none(key.expires),
                    key.credit_cap.map_or(-1, Credits::micro),
                ]),
                key.id.as_str().into(),
                record(before)?,
                record(after)?,
                name.into_bytes(),
                audit.transpose()?.unwrap_or_default(),
            ],
        };
        let changed = self.run_twice(&script::CHANGE_KEY, &call).await;
        // Whatever came of it: this replica goes by it at once, the others within a second.
        self.credentials.invalidate_all();
        let (mut reply, _) = changed?;
        match reply.word.as_str() {
            "OK" => Ok(None),
            "NO_TENANT" => Err(TenantError::NoTenant),
            _ => Ok(Some(reply.bytes()?)),
        }
    }

    /// Lets a digest lead to a key, unless it leads to one already.
    async fn point(&self, secret: &[u8; 32], key: &KeyRecord) -> Result<bool, StoreError> {
        let mut point = redis::cmd("SETNX");
        point.arg(digest(secret));
        point.arg(format!("{}/{}", key.tenant, key.id));
        Ok(number(self.link.command(point).await?)? == 1)
    }

    async fn unpoint(&self, secrets: &[[u8; 32]]) -> Result<(), StoreError> {
        for secret in secrets {
            let mut remove = redis::cmd("DEL");
            remove.arg(digest(secret));
            self.link.command(remove).await?;
        }
        Ok(())
    }
}
