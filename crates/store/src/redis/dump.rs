//! Reads everything whole. For tests: it looks at every key of one server.

use std::collections::BTreeSet;

use evogate_models::delivery::Lane;
use evogate_models::idempotency;
use evogate_models::{KeyId, TenantId, Timestamp};

use super::Redis;
use super::deliveries::delivery_id;
use super::due::task_of;
use super::key;
use super::pack::{corrupt, decode, unpack_queue};
use super::reply::{bytes, pairs, text, texts};
use super::stored::unpack_lead;
use crate::dump::Dump;
use crate::error::StoreError;
use crate::outbox::Cursor;
use crate::usage::Day;

impl Redis {
    pub(crate) async fn dump(&self) -> Result<Dump, StoreError> {
        let mut dump = Dump::default();
        for tenant in self.tenant_ids().await? {
            self.dump_tenant(&tenant, &mut dump).await?;
        }
        for shard in self.layout.all() {
            self.dump_due(shard, &mut dump).await?;
        }
        for admin in self.admins().await? {
            dump.admin_digests
                .insert(admin.digest.to_vec(), admin.id.clone());
            dump.admins.insert(admin.id.clone(), admin);
        }
        dump.audit = self.audit(None, usize::from(u16::MAX)).await?;
        dump.audit.reverse();
        dump.refused = self.refused(None, None, usize::from(u16::MAX)).await?;
        dump.refused.reverse();
        self.dump_single(&mut dump).await?;
        Ok(dump)
    }

    async fn dump_tenant(&self, id: &TenantId, dump: &mut Dump) -> Result<(), StoreError> {
        let place = self.layout.tenant(id);
        let (Some(view), Some(account)) = (self.tenant(id).await?, self.account(id).await?) else {
            return Ok(());
        };
        dump.tenants.insert(id.clone(), view.tenant);
        dump.accounts
            .insert(id.clone(), (account.account, account.seq));
        let counters = (account.in_flight, account.rate, account.usage);
        dump.counters.insert(id.clone(), counters);
        dump.departed.insert(id.clone(), account.departed);
        if account.low {
            dump.low.insert(id.clone());
        }
        if let Some(opening) = self.opening(id).await? {
            dump.openings.insert(id.clone(), opening);
        }
        self.dump_webhooks(id, dump).await?;
        dump.platform_loss = dump.platform_loss.saturating_add(account.loss);
        let journal = self.journal(id, 0, usize::from(u16::MAX)).await?;
        if !journal.is_empty() {
            dump.journal.insert(id.clone(), journal);
        }
        for key in self.keys(id).await? {
            dump.keys.insert((id.clone(), key.id.clone()), key);
        }
        for (name, counted) in self.counted(id).await? {
            if let Some(usage) = counted.usage {
                dump.usage.insert((id.clone(), name), usage);
            }
        }
        for ((day, name), sums) in self.sums(id, 0, Day::MAX).await? {
            dump.daily.insert((id.clone(), day, name), sums);
        }
        for user in self.users(id).await? {
            dump.users.insert((id.clone(), user.user.clone()), user);
        }
        let mut grants = redis::cmd("HGETALL");
        grants.arg(place.grants());
        for (key, grant) in pairs(self.link.command(grants).await?)? {
            dump.grants
                .insert((id.clone(), text(key)?), decode(&grant)?);
        }
        let ids = self.ids(place, 0, usize::from(u16::MAX), false).await?;
        for task in ids {
            let name = (id.clone(), task);
            if let Some(task) = self.task(&name.0, &name.1).await? {
                dump.tasks.insert(name.clone(), task);
            }
            let notes = self.timeline(&name.0, &name.1).await?;
            if !notes.is_empty() {
                dump.notes.insert(name, notes);
            }
        }
        Ok(())
    }

    async fn dump_webhooks(&self, id: &TenantId, dump: &mut Dump) -> Result<(), StoreError> {
        let place = self.layout.tenant(id);
        for endpoint in self.endpoints(id).await? {
            dump.endpoints
                .insert((id.clone(), endpoint.id.clone()), endpoint);
        }
        let mut history = redis::cmd("ZRANGE");
        history.arg(place.history()).arg(0).arg(-1);
        for name in texts(self.link.command(history).await?)? {
            let name = delivery_id(&text(name)?)?;
            let Some((event, delivery)) = self.delivery(id, &name).await? else {
                return Err(corrupt("a row of the history that leads nowhere"));
            };
            dump.history.insert(Cursor::of(&delivery));
            dump.events.insert((id.clone(), event.id.clone()), event);
            dump.deliveries.insert((id.clone(), name), delivery);
        }
        Ok(())
    }

    async fn dump_due(&self, shard: super::key::Shard, dump: &mut Dump) -> Result<(), StoreError> {
        for lane in Lane::ALL {
            let mut read = redis::cmd("ZRANGE");
            read.arg(shard.outbox(lane))
                .arg(0)
                .arg(-1)
                .arg("WITHSCORES");
            let mut rows = texts(self.link.command(read).await?)?.into_iter();
            while let (Some(member), Some(score)) = (rows.next(), rows.next()) {
                let member = text(member)?;
                let (tenant, target) = member.split_once('\0').ok_or_else(|| corrupt("a queue"))?;
                let at = Timestamp::from_millis(text(score)?.parse().map_err(corrupt)?);
                let tenant = tenant.parse().map_err(corrupt)?;
                let target = target.parse().map_err(corrupt)?;
                dump.outbox.insert((lane, at, tenant, target));
            }
        }
        let mut read = redis::cmd("ZRANGE");
        read.arg(shard.due()).arg(0).arg(-1).arg("WITHSCORES");
        let mut rows = texts(self.link.command(read).await?)?.into_iter();
        while let (Some(member), Some(score)) = (rows.next(), rows.next()) {
            let (tenant, id) = task_of(&member)?;
            let score: i64 = text(score)?.parse().map_err(corrupt)?;
            let at = Timestamp::from_millis(score);
            dump.due.insert((at, tenant.clone(), id.clone()));
            if member.last() == Some(&b'u') {
                dump.unbound.insert((tenant, id));
            }
        }
        Ok(())
    }

    /// What has a key of its own.
    async fn dump_single(&self, dump: &mut Dump) -> Result<(), StoreError> {
        let mut all = redis::cmd("KEYS");
        all.arg("*");
        let keys: BTreeSet<Vec<u8>> = texts(self.link.command(all).await?)?.into_iter().collect();
        for key in keys {
            let value = async {
                let mut read = redis::cmd("GET");
                read.arg(&key);
                bytes(self.link.command(read).await?)
            };
            if let Some(digest) = key.strip_prefix(b"eg:k:") {
                dump.digests.insert(digest.to_vec(), owner(value.await?)?);
            } else if let Some(id) = key.strip_prefix(b"eg:up:") {
                let id = text(id.to_vec())?.parse().map_err(corrupt)?;
                dump.upstreams.insert(id, key::owner(&value.await?)?);
            } else if let Some((kind, tenant, name)) = parts(&key) {
                let name = (
                    tenant.parse::<TenantId>().map_err(corrupt)?,
                    name.to_owned(),
                );
                if kind == 'q' {
                    let target = name.1.parse().map_err(corrupt)?;
                    dump.queues
                        .insert((name.0, target), unpack_queue(&value.await?)?);
                    continue;
                }
                let (until, task) = unpack_lead(&value.await?)?;
                if kind == 'i' {
                    let leads_to = dump.tasks.get(&(name.0.clone(), task.clone()));
                    let leads_to = leads_to.ok_or_else(|| corrupt("a key that leads nowhere"))?;
                    let record = idempotency::KeyRecord {
                        fingerprint: leads_to.fingerprint.clone(),
                        task,
                        until,
                    };
                    dump.idempotency.insert(name, record);
                } else {
                    let record = idempotency::RepeatRecord { task, until };
                    dump.repeats.insert(name, record);
                }
            }
        }
        Ok(())
    }
}

/// Kind, tenant and name of the key of an idempotency key or a repeat.
fn parts(key: &[u8]) -> Option<(char, &str, &str)> {
    let key = std::str::from_utf8(key).ok()?;
    let (_, rest) = key.split_once("}:")?;
    let (kind, rest) = rest.split_once(':')?;
    let (tenant, name) = rest.split_once(':')?;
    match kind {
        "i" => Some(('i', tenant, name)),
        "r" => Some(('r', tenant, name)),
        "q" => Some(('q', tenant, name)),
        _ => None,
    }
}

fn owner(stored: Vec<u8>) -> Result<(TenantId, KeyId), StoreError> {
    let owner = text(stored)?;
    let wrong = || corrupt("the owner of a key");
    let (tenant, name) = owner.split_once('/').ok_or_else(wrong)?;
    let tenant = tenant.parse().map_err(corrupt)?;
    Ok((tenant, name.parse().map_err(corrupt)?))
}
