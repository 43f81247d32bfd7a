//! Reads.

use evogate_models::journal::Entry;
use evogate_models::note::Note;
use evogate_models::task::Task;
use evogate_models::{TaskId, TenantId, UpstreamId};

use super::journal::unpack_entry;
use super::key::{self, Place, upstream};
use super::pack::{AccountRecord, corrupt, decode, number, pack};
use super::reply::{Reply, list, maybe, text, texts};
use super::stored::{self, Stored};
use super::{CHUNK, Redis, script};
use crate::error::StoreError;
use crate::refused::{KEPT, Refused};
use crate::store::{TaskFilter, TaskPage};

impl Redis {
    pub(crate) async fn task(
        &self,
        tenant: &TenantId,
        id: &TaskId,
    ) -> Result<Option<Task>, StoreError> {
        let mut read = redis::cmd("GET");
        read.arg(self.layout.tenant(tenant).task(id));
        let record = maybe(self.link.command(read).await?)?;
        let stored = record.map(|record| Stored::unpack(tenant, id, &record));
        Ok(stored.transpose()?.map(|stored| stored.task))
    }

    /// Many tasks at once, each as it is or none.
    pub(super) async fn read_tasks(
        &self,
        names: &[(TenantId, TaskId)],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        let mut tasks = Vec::with_capacity(names.len());
        for names in names.chunks(CHUNK) {
            for ((tenant, id), record) in names.iter().zip(self.records(names).await?) {
                let stored = record.map(|record| Stored::unpack(tenant, id, &record));
                tasks.push(stored.transpose()?);
            }
        }
        Ok(tasks)
    }

    /// The records of not too many tasks.
    pub(super) async fn records(
        &self,
        names: &[(TenantId, TaskId)],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let reads = names.iter().map(|(tenant, id)| {
            let mut read = redis::cmd("GET");
            read.arg(self.layout.tenant(tenant).task(id));
            read
        });
        let records = self.all(reads.collect()).await?;
        records.into_iter().map(maybe).collect()
    }

    /// `count` of a tenant's task ids from the `first` on, in order, the newest first if so asked.
    pub(super) async fn ids(
        &self,
        place: Place<'_>,
        first: u64,
        count: usize,
        newest_first: bool,
    ) -> Result<Vec<TaskId>, StoreError> {
        let first = number(first);
        let last = first.saturating_add(i64::try_from(count).unwrap_or(i64::MAX)) - 1;
        let mut read = redis::cmd("ZRANGE");
        read.arg(place.index()).arg(first).arg(last);
        if newest_first {
            read.arg("REV");
        }
        read.arg("WITHSCORES");
        let mut rows = texts(self.link.command(read).await?)?.into_iter();
        let mut ids = Vec::new();
        while let (Some(rest), Some(second)) = (rows.next(), rows.next()) {
            let id = format!("task-unified-{}-{}", text(second)?, text(rest)?);
            ids.push(id.parse().map_err(corrupt)?);
        }
        Ok(ids)
    }

    pub(crate) async fn tasks(
        &self,
        tenant: &TenantId,
        filter: TaskFilter,
        page: u32,
        page_size: u32,
    ) -> Result<TaskPage, StoreError> {
        let place = self.layout.tenant(tenant);
        let size = usize::try_from(page_size).unwrap_or(usize::MAX);
        let first = u64::from(page.saturating_sub(1)).saturating_mul(u64::from(page_size));
        let mut found = TaskPage::default();
        if filter.is_everything() {
            let mut count = redis::cmd("ZCARD");
            count.arg(place.index());
            let total = super::reply::number(self.link.command(count).await?)?;
            found.total = total.unsigned_abs();
            if size > 0 {
                let ids = self.ids(place, first, size, true).await?;
                found.tasks = self.tasks_of(tenant, ids).await?;
            }
            return Ok(found);
        }
        let on_page = first..first.saturating_add(u64::from(page_size));
        let mut seen = 0;
        loop {
            let ids = self.ids(place, seen, CHUNK, true).await?;
            if ids.is_empty() {
                return Ok(found);
            }
            seen = seen.saturating_add(ids.len() as u64);
            for task in self.tasks_of(tenant, ids).await? {
                if filter.matches(&task) {
                    if on_page.contains(&found.total) {
                        found.tasks.push(task);
                    }
                    found.total = found.total.saturating_add(1);
                }
            }
        }
    }

    pub(super) async fn tasks_of(
        &self,
        tenant: &TenantId,
        ids: Vec<TaskId>,
    ) -> Result<Vec<Task>, StoreError> {
        let names: Vec<_> = ids.into_iter().map(|id| (tenant.clone(), id)).collect();
        let tasks = self.read_tasks(&names).await?;
        Ok(tasks
            .into_iter()
            .flatten()
            .map(|stored| stored.task)
            .collect())
    }

    pub(crate) async fn all_tasks(
        &self,
        after: Option<(TenantId, TaskId)>,
        limit: usize,
        keep: impl Fn(&Task) -> bool + Send + 'static,
    ) -> Result<Vec<Task>, StoreError> {
        let mut kept = Vec::new();
        for tenant in self.tenant_ids().await? {
            let last = match &after {
                Some((before, _)) if tenant < *before => continue,
                Some((same, id)) if tenant == *same => Some(id.clone()),
                _ => None,
            };
            let mut first = match &last {
                Some(id) => self.rank_after(self.layout.tenant(&tenant), id).await?,
                None => 0,
            };
            loop {
                if kept.len() >= limit {
                    return Ok(kept);
                }
                let ids = self
                    .ids(self.layout.tenant(&tenant), first, CHUNK, false)
                    .await?;
                if ids.is_empty() {
                    break;
                }
                first = first.saturating_add(ids.len() as u64);
                let tasks = self.tasks_of(&tenant, ids).await?;
                let later = |task: &Task| last.as_ref().is_none_or(|last| task.id > *last);
                let wanted = tasks.into_iter().filter(later).filter(&keep);
                kept.extend(wanted);
                kept.truncate(limit);
            }
        }
        Ok(kept)
    }

    /// How many of a tenant's tasks come before and with the second of `id`, at most.
    async fn rank_after(&self, place: Place<'_>, id: &TaskId) -> Result<u64, StoreError> {
        let mut count = redis::cmd("ZCOUNT");
        let second = id.as_str().split('-').nth(2).unwrap_or("0");
        count
            .arg(place.index())
            .arg("-inf")
            .arg(format!("({second}"));
        let before = super::reply::number(self.link.command(count).await?)?;
        Ok(before.unsigned_abs())
    }

    pub(crate) async fn timeline(
        &self,
        tenant: &TenantId,
        id: &TaskId,
    ) -> Result<Vec<Note>, StoreError> {
        let mut read = redis::cmd("GET");
        read.arg(self.layout.tenant(tenant).task(id));
        match maybe(self.link.command(read).await?)? {
            Some(record) => stored::timeline(id, &record),
            None => Ok(Vec::new()),
        }
    }

    pub(crate) async fn owner(
        &self,
        id: &UpstreamId,
    ) -> Result<Option<(TenantId, TaskId)>, StoreError> {
        let mut read = redis::cmd("GET");
        read.arg(upstream(id));
        let Some(owner) = maybe(self.link.command(read).await?)? else {
            return Ok(None);
        };
        key::owner(&owner).map(Some)
    }

    pub(crate) async fn journal(
        &self,
        tenant: &TenantId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let place = self.layout.tenant(tenant);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let keys = [place.account(), place.journal()];
        let args = [pack(&[number(after), limit])];
        let value = self.link.script(&script::JOURNAL, &keys, &args).await?;
        let mut reply = Reply::read(value)?;
        let mut seq = reply.number()?.unsigned_abs();
        let mut journal = Vec::new();
        for entry in reply.all()? {
            seq = seq.saturating_add(1);
            journal.push(unpack_entry(&entry, seq)?);
        }
        Ok(journal)
    }

    /// A tenant's account; none for a tenant that is not there.
    pub(super) async fn account(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<AccountRecord>, StoreError> {
        let mut read = redis::cmd("GET");
        read.arg(self.layout.tenant(tenant).account());
        let account = maybe(self.link.command(read).await?)?;
        account
            .map(|account| AccountRecord::unpack(&account))
            .transpose()
    }

    pub(crate) async fn note_refused(&self, refused: Refused) -> Result<(), StoreError> {
        let shard = self.layout.of(&refused.tenant);
        let oldest = self.now().plus(-KEPT).millis();
        let mut add = redis::cmd("ZADD");
        add.arg(shard.refused()).arg(refused.at.millis());
        add.arg(super::pack::encode(&refused)?);
        let mut forget = redis::cmd("ZREMRANGEBYSCORE");
        forget
            .arg(shard.refused())
            .arg("-inf")
            .arg(format!("({oldest}"));
        self.all(vec![add, forget]).await?;
        Ok(())
    }

    pub(crate) async fn refused(
        &self,
        tenant: Option<&TenantId>,
        request_id: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Refused>, StoreError> {
        let oldest = self.now().plus(-KEPT).millis();
        let shards: Vec<_> = match tenant {
            Some(tenant) => vec![self.layout.of(tenant)],
            None => self.layout.all().collect(),
        };
        let mut found: Vec<Refused> = Vec::new();
        for shard in shards {
            let mut first = 0_usize;
            let mut here = 0;
            while here < limit {
                let mut read = redis::cmd("ZRANGE");
                read.arg(shard.refused()).arg("+inf").arg(oldest);
                read.arg("BYSCORE")
                    .arg("REV")
                    .arg("LIMIT")
                    .arg(first)
                    .arg(CHUNK);
                let rows = list(self.link.command(read).await?)?;
                if rows.is_empty() {
                    break;
                }
                first = first.saturating_add(rows.len());
                for row in rows {
                    let refused: Refused = decode(&super::reply::bytes(row)?)?;
                    let asked = request_id.is_none_or(|id| *id == refused.request_id)
                        && tenant.is_none_or(|tenant| *tenant == refused.tenant);
                    if asked {
                        here = here.saturating_add(1);
                        found.push(refused);
                    }
                }
            }
        }
        found.sort_by(|a, b| (b.at, &b.request_id).cmp(&(a.at, &a.request_id)));
        found.truncate(limit);
        Ok(found)
    }
}
