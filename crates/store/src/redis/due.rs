//! What is due, in all shards.

use evogate_models::task::Task;
use evogate_models::{Millis, TaskId, TenantId, Timestamp};

use super::Redis;
use super::key::{self, Shard};
use super::link;
use super::pack::{corrupt, pack};
use super::plan::Arguments;
use super::reply::{self, texts};
use super::script;
use super::stored::Stored;
use crate::error::StoreError;

impl Redis {
    pub(crate) async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let firsts = self.firsts().await?;
        Ok(firsts.into_iter().map(|(_, due)| due).min())
    }

    /// When the first task of each shard is due, for the shards that have one.
    async fn firsts(&self) -> Result<Vec<(Shard, Timestamp)>, StoreError> {
        let keys = self.layout.all().map(Shard::due).collect();
        let firsts = self.first_of(keys).await?.into_iter();
        let firsts = self.layout.all().zip(firsts);
        Ok(firsts
            .filter_map(|(shard, due)| Some((shard, due?)))
            .collect())
    }

    /// When the first members of sorted sets are due: one call, or in a cluster one for each.
    pub(super) async fn first_of(
        &self,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Timestamp>>, StoreError> {
        let scores = if self.link.is_cluster() {
            let alone =
                |key| link::Call::Script(&script::FIRST, vec![key].into(), Vec::new().into());
            let answers = self.link.pipeline(keys.into_iter().map(alone).collect());
            let mut scores = Vec::new();
            for answer in answers.await {
                scores.extend(texts(answer?)?);
            }
            scores
        } else {
            texts(self.link.script(&script::FIRST, &keys, &[]).await?)?
        };
        let time = |score: Vec<u8>| -> Result<Option<Timestamp>, StoreError> {
            if score.is_empty() {
                return Ok(None);
            }
            let score = reply::text(score)?.parse().map_err(corrupt)?;
            Ok(Some(Timestamp::from_millis(score)))
        };
        scores.into_iter().map(time).collect()
    }

    pub(crate) async fn claim_due(
        &self,
        limit: usize,
        lease: Millis,
    ) -> Result<Vec<Task>, StoreError> {
        let now = self.now();
        let mut shards = self.firsts().await?;
        shards.retain(|(_, due)| *due <= now);
        // The shard whose work is due longest comes first, and what one leaves of the places is for the
        // next; but none takes more than its share while others have work too.
        shards.sort_unstable_by_key(|(_, due)| *due);
        let mut claimed: Vec<Task> = Vec::new();
        for (n, (shard, _)) in shards.iter().enumerate() {
            let left = limit.saturating_sub(claimed.len());
            let share = left.div_ceil(shards.len().saturating_sub(n).max(1));
            if share == 0 {
                break;
            }
            claimed.append(&mut self.claim_in(*shard, share, lease).await?);
        }
        Ok(claimed)
    }

    async fn claim_in(
        &self,
        shard: Shard,
        limit: usize,
        lease: Millis,
    ) -> Result<Vec<Task>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let call = Arguments {
            keys: vec![shard.due(), shard.sequence(), shard.tasks()],
            args: vec![pack(&[self.now().millis(), self.valid_for(), limit, lease])],
        };
        let value = self
            .link
            .script(&script::CLAIM_DUE, &call.keys, &call.args)
            .await?;
        let mut reply = reply::Reply::read(value)?;
        if reply.word == "LATE" {
            self.heard_time(reply.number()?);
            return Ok(Vec::new());
        }
        let mut parts = reply.all()?.into_iter();
        let mut claimed = Vec::new();
        while let (Some(member), Some(record)) = (parts.next(), parts.next()) {
            let (tenant, id) = task_of(&member)?;
            let stored = Stored::unpack(&tenant, &id, &record)?;
            self.remember(&stored.task, stored.version);
            claimed.push(stored.task);
        }
        Ok(claimed)
    }

    pub(crate) async fn may_refresh(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        refresh_after: Millis,
    ) -> Result<bool, StoreError> {
        let call = Arguments {
            keys: vec![self.layout.tenant(tenant).task(id)],
            args: vec![pack(&[self.now().millis(), refresh_after])],
        };
        let value = self
            .link
            .script(&script::MAY_REFRESH, &call.keys, &call.args)
            .await?;
        Ok(reply::number(value)? == 1)
    }

    pub(crate) async fn unbound(&self) -> Result<Vec<Task>, StoreError> {
        let reads = self.layout.all().map(|shard| {
            let mut read = redis::cmd("ZRANGE");
            read.arg(shard.due()).arg(0).arg(-1);
            read
        });
        let mut names = Vec::new();
        for members in self.all(reads.collect()).await? {
            for member in texts(members)? {
                if member.last() == Some(&b'u') {
                    names.push(task_of(&member)?);
                }
            }
        }
        names.sort_unstable();
        let mut tasks = Vec::new();
        for stored in self.read_tasks(&names).await? {
            // It may have been bound since.
            tasks.extend(
                stored
                    .map(|stored| stored.task)
                    .filter(crate::rule::is_unbound),
            );
        }
        Ok(tasks)
    }
}

/// The task that a member of a due set stands for.
pub(super) fn task_of(member: &[u8]) -> Result<(TenantId, TaskId), StoreError> {
    let (_letter, name) = member
        .split_last()
        .ok_or_else(|| corrupt("a member of a due set"))?;
    key::owner(name)
}
