//! What was kept long enough leaves, step by step.

use evogate_models::delivery::Queue;
use evogate_models::journal::Opening;
use evogate_models::retention::{Retention, WAITED_FOR};
use evogate_models::{TaskId, TenantId, Timestamp};

use super::deliveries::{delivery_id, events_of};
use super::key::upstream;
use super::pack::{corrupt, decode, encode, number, pack};
use super::plan::Arguments;
use super::reply::{Reply, maybe, text, texts};
use super::stored::Stored;
use super::{Redis, script};
use crate::error::StoreError;
use crate::outbox::Cursor;
use crate::sweep::{Retired, RetiredEvents};
use crate::{refused, usage};

impl Redis {
    pub(crate) async fn retire(
        &self,
        tenant: &TenantId,
        keep: Retention,
        after: Option<TaskId>,
        limit: usize,
    ) -> Result<Retired, StoreError> {
        let ids = self.old_tasks(tenant, keep, after.as_ref(), limit).await?;
        let mut retired = Retired {
            left: 0,
            next: None,
        };
        if ids.len() >= limit {
            retired.next = ids.last().cloned();
        }
        let names: Vec<_> = ids.into_iter().map(|id| (tenant.clone(), id)).collect();
        for stored in self.read_tasks(&names).await?.into_iter().flatten() {
            let goes = keep.lets_task_go(&stored.task, self.now());
            if goes && self.let_go(&stored, self.patient(keep)).await? {
                retired.left = retired.left.saturating_add(1);
            }
        }
        Ok(retired)
    }

    /// The first of a tenant's tasks that may be old enough, after `after`.
    async fn old_tasks(
        &self,
        tenant: &TenantId,
        keep: Retention,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<TaskId>, StoreError> {
        let place = self.layout.tenant(tenant);
        let first = after.map_or(0, TaskId::seconds);
        let past = keep.newest_second(self.now());
        let mut found = Vec::new();
        let mut seen = 0_usize;
        while found.len() < limit {
            let mut read = redis::cmd("ZRANGE");
            read.arg(place.index()).arg(first).arg(past);
            read.arg("BYSCORE")
                .arg("LIMIT")
                .arg(seen)
                .arg(limit)
                .arg("WITHSCORES");
            let mut rows = texts(self.link.command(read).await?)?.into_iter();
            let before = seen;
            while let (Some(rest), Some(second)) = (rows.next(), rows.next()) {
                seen = seen.saturating_add(1);
                let id = format!("task-unified-{}-{}", text(second)?, text(rest)?);
                let id: TaskId = id.parse().map_err(corrupt)?;
                if after.is_none_or(|after| id > *after) && found.len() < limit {
                    found.push(id);
                }
            }
            if seen == before {
                break;
            }
        }
        Ok(found)
    }

    /// Removes a finished task and all that is its own, unless something came between.
    async fn let_go(&self, stored: &Stored, patient: Timestamp) -> Result<bool, StoreError> {
        let task = &stored.task;
        let place = self.layout.tenant(&task.tenant);
        let none = || place.shard.sequence();
        let owned = task.upstream.as_ref().filter(|_| !self.link.is_cluster());
        let mut args = vec![
            pack(&[
                stored.version,
                task.charged.micro(),
                task.loss().micro(),
                i64::from(owned.is_some()),
                patient.millis(),
            ]),
            task.tenant.as_str().into(),
            task.id.short().into_bytes(),
            place.owner(&task.id),
        ];
        args.extend(events_of(&task.id).map(|event| event.as_str().into()));
        let call = Arguments {
            keys: vec![
                place.account(),
                place.task(&task.id),
                place.index(),
                task.idempotency_key
                    .as_deref()
                    .map_or_else(none, |key| place.idempotency(key)),
                place.repeat(&task.fingerprint),
                place.shard.sequence(),
                place.shard.prefix(),
                owned.map_or_else(none, upstream),
                place.shard.due(),
            ],
            args,
        };
        let value = self
            .link
            .script(&script::RETIRE, &call.keys, &call.args)
            .await?;
        let left = Reply::read(value)?.word == "OK";
        if let (true, true, Some(id)) = (left, self.link.is_cluster(), &task.upstream) {
            self.disclaim(id, &place.owner(&task.id)).await?;
        }
        Ok(left)
    }

    /// Events that are not younger leave also while a delivery of them is still to be made.
    fn patient(&self, keep: Retention) -> Timestamp {
        self.now().plus(-keep.tasks.saturating_add(WAITED_FOR))
    }

    pub(crate) async fn retire_events(
        &self,
        tenant: &TenantId,
        keep: Retention,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<RetiredEvents, StoreError> {
        let place = self.layout.tenant(tenant);
        let now = self.now();
        let past = now.plus(-keep.tasks).millis();
        let first = after.as_ref().map_or_else(
            || "-inf".to_owned(),
            |cursor| cursor.at.millis().to_string(),
        );
        let mut looked_at = Vec::new();
        let mut seen = 0_usize;
        while looked_at.len() < limit {
            let mut read = redis::cmd("ZRANGE");
            read.arg(place.history()).arg(&first).arg(past);
            read.arg("BYSCORE")
                .arg("LIMIT")
                .arg(seen)
                .arg(limit)
                .arg("WITHSCORES");
            let mut rows = texts(self.link.command(read).await?)?.into_iter();
            let before = seen;
            while let (Some(name), Some(at)) = (rows.next(), rows.next()) {
                seen = seen.saturating_add(1);
                let row = Cursor {
                    tenant: tenant.clone(),
                    at: Timestamp::from_millis(text(at)?.parse().map_err(corrupt)?),
                    id: delivery_id(&text(name)?)?,
                };
                if after.as_ref().is_none_or(|after| row > *after) && looked_at.len() < limit {
                    looked_at.push(row);
                }
            }
            if seen == before {
                break;
            }
        }
        let mut retired = RetiredEvents {
            left: 0,
            next: looked_at
                .last()
                .filter(|_| looked_at.len() >= limit)
                .cloned(),
        };
        for row in looked_at {
            // One that went with another of its deliveries is there no more.
            let Some((event, _)) = self.delivery(tenant, &row.id).await? else {
                continue;
            };
            if event.task.is_some() {
                continue;
            }
            let keys = [place.shard.sequence(), place.shard.prefix()];
            let args = [
                pack(&[self.patient(keep).millis()]),
                tenant.as_str().into(),
                event.id.as_str().into(),
            ];
            let value = self
                .link
                .script(&script::RETIRE_EVENT, &keys, &args)
                .await?;
            if Reply::read(value)?.word == "OK" {
                retired.left = retired.left.saturating_add(1);
            }
        }
        Ok(retired)
    }

    pub(crate) async fn sweep_queues(&self, tenant: &TenantId) -> Result<usize, StoreError> {
        let place = self.layout.tenant(tenant);
        let keys = [place.shard.sequence(), place.shard.prefix()];
        let args = [
            pack(&[self.now().millis(), Queue::KEPT_IDLE]),
            tenant.as_str().into(),
        ];
        let value = self
            .link
            .script(&script::SWEEP_QUEUES, &keys, &args)
            .await?;
        let forgotten = Reply::read(value)?.number()?;
        Ok(usize::try_from(forgotten).unwrap_or(0))
    }

    pub(crate) async fn opening(&self, tenant: &TenantId) -> Result<Option<Opening>, StoreError> {
        let mut read = redis::cmd("GET");
        read.arg(self.layout.tenant(tenant).opening());
        let opening = maybe(self.link.command(read).await?)?;
        opening.map(|opening| decode(&opening)).transpose()
    }

    pub(crate) async fn fold(
        &self,
        tenant: &TenantId,
        keep: Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let place = self.layout.tenant(tenant);
        let mut opening = self.opening(tenant).await?.unwrap_or_default();
        let left_before = opening.seq;
        let now = self.now();
        let mut folded = 0_usize;
        for entry in self.journal(tenant, left_before, limit).await? {
            let task = match &entry.task {
                Some(id) => self.task(tenant, id).await?,
                None => None,
            };
            // A wrong entry stays where `verify` shows it.
            let goes = keep.lets_entry_go(&entry, task.as_ref(), now);
            if !goes || opening.take_in(&entry).is_err() {
                break;
            }
            folded = folded.saturating_add(1);
        }
        if folded == 0 {
            return Ok(0);
        }
        let call = Arguments {
            keys: vec![
                place.account(),
                place.journal(),
                place.opening(),
                place.shard.sequence(),
            ],
            args: vec![
                pack(&[number(left_before), number(folded as u64)]),
                encode(&opening)?,
            ],
        };
        let value = self
            .link
            .script(&script::FOLD, &call.keys, &call.args)
            .await?;
        let done = Reply::read(value)?.word == "OK";
        Ok(if done { folded } else { 0 })
    }

    pub(crate) async fn sweep_days(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let place = self.layout.tenant(tenant);
        let oldest = usage::day(self.now()).saturating_sub(usage::KEPT);
        let mut removed = 0_usize;
        // Buckets before the last two were emptied by the sweeps before.
        let first = oldest.saturating_sub(2 * super::key::BUCKET);
        for day in [first, oldest.saturating_sub(super::key::BUCKET), oldest] {
            let mut read = redis::cmd("SMEMBERS");
            read.arg(place.day_rows(day));
            let names = texts(self.link.command(read).await?)?;
            let mut old = Vec::new();
            for name in names {
                let name = text(name)?;
                let of = name.split(usage::BETWEEN).next();
                let of: Option<u32> = of.and_then(|day| day.parse().ok());
                if of.is_some_and(|of| of < oldest) && removed < limit {
                    removed = removed.saturating_add(1);
                    old.push(name);
                }
            }
            if !old.is_empty() {
                let mut rows = redis::cmd("DEL");
                rows.arg(
                    old.iter()
                        .map(|name| place.day_row(name))
                        .collect::<Vec<_>>(),
                );
                let mut names = redis::cmd("SREM");
                names.arg(place.day_rows(day)).arg(old);
                self.all(vec![rows, names]).await?;
            }
        }
        Ok(removed)
    }

    pub(crate) async fn sweep_refused(&self, _limit: usize) -> Result<usize, StoreError> {
        let oldest = self.now().plus(-refused::KEPT).millis();
        let removals = self.layout.all().map(|shard| {
            let mut remove = redis::cmd("ZREMRANGEBYSCORE");
            remove
                .arg(shard.refused())
                .arg("-inf")
                .arg(format!("({oldest}"));
            remove
        });
        for removed in self.all(removals.collect()).await? {
            super::reply::number(removed)?;
        }
        Ok(0)
    }
}
