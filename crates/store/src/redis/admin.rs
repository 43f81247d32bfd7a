//! Tenants, grants, admins' keys.

use evogate_models::account::LedgerError;
use evogate_models::endpoint::{Rotation, rotate};
use evogate_models::event::EventKind;
use evogate_models::journal::{Entry, Posting};
use evogate_models::{KeyId, TenantId};
use serde_json::{Value as Json, json};

use super::Redis;
use super::audit::entry;
use super::journal::pack_entry;
use super::key::Admins;
use super::pack::{AccountRecord, decode, encode, flags, number, pack, threshold};
use super::plan::Arguments;
use super::reply::{bytes, list, maybe, pairs, text, texts};
use super::script;
use super::turn::ledger;
use crate::admin::{AdminRecord, Grant, GrantRecord, Granted, TenantChange};
use crate::audit::Actor;
use crate::error::{StoreError, TenantError};
use crate::facts::{admin_facts, tenant_facts};
use crate::record::{Tenant, TenantView};

/// How often a change is made anew because somebody else changed the same.
const TRIES: u32 = 50;

impl Redis {
    pub(crate) async fn create_tenant(
        &self,
        tenant: Tenant,
        by: &Actor,
    ) -> Result<TenantView, TenantError> {
        let place = self.layout.tenant(&tenant.id);
        let now = self.now();
        let record = encode(&tenant)?;
        let facts = (Json::Null, tenant_facts(&tenant));
        let call = Arguments {
            keys: vec![
                place.account(),
                place.record(),
                place.shard.tenants(),
                place.shard.audit(),
                place.shard.sequence(),
            ],
            args: vec![
                pack(&[
                    now.millis(),
                    number(tenant.version),
                    flags(&tenant),
                    i64::from(place.shard.0),
                    threshold(&tenant),
                ]),
                tenant.id.as_str().into(),
                record.clone(),
                entry(by, now, "tenant.create", tenant.id.to_string(), facts)?,
            ],
        };
        let (mut reply, again) = self.run_twice(&script::CREATE_TENANT, &call).await?;
        let account = AccountRecord::unpack(&reply.bytes()?)?;
        // One of that id that is there may be our own, whose answer was lost.
        if reply.word == "OK" || (again && reply.bytes()? == record) {
            return Ok(account.view(tenant));
        }
        Err(TenantError::Exists)
    }

    pub(crate) async fn change_tenant(
        &self,
        id: &TenantId,
        change: TenantChange,
        by: &Actor,
    ) -> Result<TenantView, TenantError> {
        for _ in 0..TRIES {
            let TenantView { tenant: before, .. } =
                self.tenant(id).await?.ok_or(TenantError::NoTenant)?;
            let mut tenant = change.apply(before.clone());
            if tenant == before {
                return self.tenant(id).await?.ok_or(TenantError::NoTenant);
            }
            tenant.version = tenant.version.saturating_add(1);
            let facts = (tenant_facts(&before), tenant_facts(&tenant));
            let audit = entry(by, self.now(), "tenant.change", id.to_string(), facts)?;
            // A change of ours whose answer was lost changes nothing the next time.
            if let Some(view) = self.replace_tenant(&before, tenant, audit).await? {
                return Ok(view);
            }
        }
        Err(StoreError::Unavailable(format!("{id} does not stand still")).into())
    }

    pub(crate) async fn rotate_webhook_secret(
        &self,
        id: &TenantId,
        rotation: Rotation,
        by: &Actor,
    ) -> Result<TenantView, TenantError> {
        for _ in 0..TRIES {
            let before = self.tenant(id).await?.ok_or(TenantError::NoTenant)?.tenant;
            let mut tenant = before.clone();
            let now = self.now();
            rotate(&mut tenant.webhook_secrets, &rotation, now);
            let secrets = |tenant: &Tenant| json!({ "secrets": tenant.webhook_secrets.len() });
            let facts = (secrets(&before), secrets(&tenant));
            let audit = entry(by, now, "webhook_secret.rotate", id.to_string(), facts)?;
            if let Some(view) = self.replace_tenant(&before, tenant, audit).await? {
                return Ok(view);
            }
        }
        Err(StoreError::Unavailable(format!("{id} does not stand still")).into())
    }

    /// Puts a tenant in the place of what it was; none where it is something else by now.
    async fn replace_tenant(
        &self,
        before: &Tenant,
        after: Tenant,
        audit: Vec<u8>,
    ) -> Result<Option<TenantView>, TenantError> {
        let place = self.layout.tenant(&after.id);
        let call = Arguments {
            keys: vec![
                place.account(),
                place.record(),
                place.shard.sequence(),
                place.shard.audit(),
            ],
            args: vec![
                pack(&[
                    self.now().millis(),
                    number(after.version),
                    flags(&after),
                    i64::from(place.shard.0),
                    threshold(&after),
                ]),
                encode(before)?,
                encode(&after)?,
                audit,
            ],
        };
        let (mut reply, _) = self.run_twice(&script::CHANGE_TENANT, &call).await?;
        match reply.word.as_str() {
            "OK" => Ok(Some(AccountRecord::unpack(&reply.bytes()?)?.view(after))),
            "NO_TENANT" => Err(TenantError::NoTenant),
            _ => Ok(None),
        }
    }

    pub(crate) async fn tenant(&self, id: &TenantId) -> Result<Option<TenantView>, StoreError> {
        let place = self.layout.tenant(id);
        let mut read = redis::cmd("MGET");
        read.arg(place.record()).arg(place.account());
        view(list(self.link.command(read).await?)?)
    }

    /// The ids of all tenants, in order.
    pub(super) async fn tenant_ids(&self) -> Result<Vec<TenantId>, StoreError> {
        let reads = self.layout.all().map(|shard| {
            let mut read = redis::cmd("SMEMBERS");
            read.arg(shard.tenants());
            read
        });
        let mut ids = Vec::new();
        for members in self.all(reads.collect()).await? {
            for id in texts(members)? {
                ids.extend(text(id)?.parse::<TenantId>().ok());
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    pub(crate) async fn tenants(&self) -> Result<Vec<TenantView>, StoreError> {
        let ids = self.tenant_ids().await?;
        let mut views = Vec::with_capacity(ids.len());
        for ids in ids.chunks(super::CHUNK) {
            let reads = ids.iter().map(|id| {
                let place = self.layout.tenant(id);
                let mut read = redis::cmd("MGET");
                read.arg(place.record()).arg(place.account());
                read
            });
            for values in self.all(reads.collect()).await? {
                views.extend(view(list(values)?)?);
            }
        }
        Ok(views)
    }

    pub(crate) async fn grant(&self, grant: Grant, by: &Actor) -> Result<Granted, TenantError> {
        let Grant {
            tenant: id,
            amount,
            note,
            idempotency_key,
        } = grant;
        let place = self.layout.tenant(&id);
        let tenant = self.tenant(&id).await?.ok_or(TenantError::NoTenant)?.tenant;
        let record = GrantRecord {
            amount,
            note: note.clone(),
        };
        let operation = self.operation();
        for _ in 0..TRIES {
            let now = self.now();
            let endpoints = self.known_endpoints(&id);
            let facts = (
                Json::Null,
                json!({ "credits": amount.to_decimal(), "note": note }),
            );
            let call = Arguments {
                keys: vec![
                    place.account(),
                    place.grants(),
                    place.journal(),
                    place.shard.sequence(),
                    place.shard.audit(),
                    place.operation(operation),
                    place.shard.prefix(),
                ],
                args: vec![
                    pack(&[
                        now.millis(),
                        self.valid_for(),
                        amount.micro(),
                        i64::from(place.shard.0),
                        endpoints.version,
                    ]),
                    idempotency_key.clone().unwrap_or_default().into_bytes(),
                    encode(&record)?,
                    pack_entry(&Entry {
                        seq: 0,
                        at: now,
                        posting: Posting::Granted { amount },
                        task: None,
                        note: note.clone(),
                        by: Some(by.who.clone()),
                    })?,
                    entry(by, now, "grant", id.to_string(), facts)?,
                    endpoints
                        .subscribers(EventKind::CreditsLow)
                        .join(",")
                        .into_bytes(),
                    id.as_str().into(),
                ],
            };
            let mut reply = self.run(&script::GRANT, &call).await?;
            let granted = |account: Vec<u8>, replay| -> Result<Granted, TenantError> {
                let view = AccountRecord::unpack(&account)?.view(tenant.clone());
                Ok(Granted { view, replay })
            };
            match reply.word.as_str() {
                "OK" => {
                    // It may have lowered the balance to where the tenant is told.
                    self.wake_for(&id);
                    return granted(reply.bytes()?, false);
                }
                "KNOWN" => {
                    let known: GrantRecord = decode(&reply.bytes()?)?;
                    if known.amount != amount || known.note != note {
                        return Err(TenantError::KeyMismatch);
                    }
                    return granted(reply.bytes()?, true);
                }
                "LATE" => self.heard_time(reply.number()?),
                "ENDPOINTS" => drop(self.read_endpoints(&id).await?),
                "NO_TENANT" => return Err(TenantError::NoTenant),
                other => {
                    let error: Option<LedgerError> = ledger(other);
                    return Err(error.map_or_else(|| reply.unexpected().into(), Into::into));
                }
            }
        }
        Err(StoreError::Unavailable("the grant is not taken in time".to_owned()).into())
    }

    pub(crate) async fn add_admin(
        &self,
        admin: AdminRecord,
        by: &Actor,
    ) -> Result<(), TenantError> {
        let facts = (Json::Null, admin_facts(&admin));
        let now = self.now();
        let audit = entry(by, now, "admin.create", admin.id.to_string(), facts)?;
        let record = encode(&admin)?;
        let call = self.admin_call(&admin, record.clone(), audit);
        let (mut reply, again) = self.run_twice(&script::CHANGE_ADMIN, &call).await?;
        if reply.word == "OK" || (again && reply.bytes()? == record) {
            return Ok(());
        }
        Err(TenantError::Exists)
    }

    pub(crate) async fn delete_admin(&self, id: &KeyId, by: &Actor) -> Result<(), TenantError> {
        let mut read = redis::cmd("HGET");
        read.arg(Admins::by_id()).arg(id.as_str());
        let admin = maybe(self.link.command(read).await?)?.ok_or(TenantError::NoKey)?;
        let admin: AdminRecord = decode(&admin)?;
        let facts = (admin_facts(&admin), Json::Null);
        let audit = entry(by, self.now(), "admin.delete", id.to_string(), facts)?;
        let call = self.admin_call(&admin, Vec::new(), audit);
        let (reply, again) = self.run_twice(&script::CHANGE_ADMIN, &call).await?;
        match reply.word.as_str() {
            "OK" => Ok(()),
            "NO_KEY" if again => Ok(()),
            _ => Err(TenantError::NoKey),
        }
    }

    fn admin_call(&self, admin: &AdminRecord, record: Vec<u8>, audit: Vec<u8>) -> Arguments {
        Arguments {
            keys: vec![
                Admins::by_id(),
                Admins::by_digest(),
                Admins::by_name(),
                Admins::sequence(),
                Admins::audit(),
            ],
            args: vec![
                pack(&[self.now().millis(), i64::from(self.layout.shards)]),
                admin.id.as_str().into(),
                admin.digest.to_vec(),
                admin.name.clone().into_bytes(),
                record,
                audit,
            ],
        }
    }

    pub(crate) async fn admins(&self) -> Result<Vec<AdminRecord>, StoreError> {
        let mut read = redis::cmd("HGETALL");
        read.arg(Admins::by_id());
        let records = pairs(self.link.command(read).await?)?;
        let admins = records.iter().map(|(_, record)| decode(record));
        let mut admins = admins.collect::<Result<Vec<AdminRecord>, _>>()?;
        admins.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(admins)
    }

    pub(crate) async fn admin_by_digest(
        &self,
        digest: &[u8; 32],
    ) -> Result<Option<AdminRecord>, StoreError> {
        let mut find = redis::cmd("HGET");
        find.arg(Admins::by_digest()).arg(digest.as_slice());
        let Some(id) = maybe(self.link.command(find).await?)? else {
            return Ok(None);
        };
        let mut read = redis::cmd("HGET");
        read.arg(Admins::by_id()).arg(id);
        let record = maybe(self.link.command(read).await?)?;
        record.map(|record| decode(&record)).transpose()
    }
}

/// A tenant and its account, as MGET answers them.
fn view(values: Vec<redis::Value>) -> Result<Option<TenantView>, StoreError> {
    let mut values = values.into_iter();
    let (Some(tenant), Some(account)) = (values.next(), values.next()) else {
        return Ok(None);
    };
    let Some(tenant) = maybe(tenant)? else {
        return Ok(None);
    };
    let account = AccountRecord::unpack(&bytes(account)?)?;
    Ok(Some(account.view(decode(&tenant)?)))
}
