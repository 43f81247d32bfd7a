//! What was kept long enough leaves, a bounded number at a time: each step is a short transaction of its
//! own, so that a sweep of a million tasks keeps nobody waiting.

use evogate_models::event::{Delivery, DeliveryState};
use evogate_models::idempotency::{KeyRecord, RepeatRecord};
use evogate_models::journal::{Entry, Opening};
use evogate_models::retention::Retention;
use evogate_models::task::Task;
use evogate_models::{EventId, TaskId, TenantId, Timestamp};
use redb::ReadableTable as _;

use super::Embedded;
use super::table::{Write, decode, encode, get, unavailable};
use crate::error::StoreError;
use crate::sweep::Retired;
use crate::{refused, usage};

impl Embedded {
    pub(crate) async fn retire(
        &self,
        tenant: &TenantId,
        keep: Retention,
        after: Option<TaskId>,
        limit: usize,
    ) -> Result<Retired, StoreError> {
        let (tenant, now) = (tenant.clone(), self.now());
        self.write(move |tables| tables.retire(&tenant, keep, after.as_ref(), limit, now))
            .await
    }

    pub(crate) async fn fold(
        &self,
        tenant: &TenantId,
        keep: Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let (tenant, now) = (tenant.clone(), self.now());
        self.write(move |tables| tables.fold(&tenant, keep, limit, now))
            .await
    }

    pub(crate) async fn sweep_days(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let (tenant, now) = (tenant.clone(), self.now());
        self.write(move |tables| tables.sweep_days(&tenant, limit, now))
            .await
    }

    pub(crate) async fn sweep_refused(&self, limit: usize) -> Result<usize, StoreError> {
        let now = self.now();
        self.write(move |tables| tables.sweep_refused(limit, now))
            .await
    }
}

impl Write<'_> {
    /// Looks at up to `limit` of a tenant's oldest tasks after `after`; those that may leave do.
    fn retire(
        &mut self,
        tenant: &TenantId,
        keep: Retention,
        after: Option<&TaskId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Retired, StoreError> {
        let name = tenant.as_str();
        let after = after.map_or("", TaskId::as_str);
        let past = TaskId::first_after(keep.newest_second(now));
        let mut looked_at: Vec<Task> = Vec::new();
        if after < past.as_str() {
            let range = (name, after)..(name, past.as_str());
            for row in self.tasks.range(range).map_err(unavailable)? {
                let (key, bytes) = row.map_err(unavailable)?;
                if key.value().1 == after {
                    continue;
                }
                if looked_at.len() >= limit {
                    break;
                }
                looked_at.push(decode(bytes.value())?);
            }
        }
        let mut retired = Retired {
            left: 0,
            next: None,
        };
        if looked_at.len() >= limit {
            retired.next = looked_at.last().map(|task| task.id.clone());
        }
        let mut record = self.account(tenant)?;
        for task in &looked_at {
            if !keep.lets_task_go(task, now) || self.is_still_told(task)? {
                continue;
            }
            let Some(departed) = record.departed.with(task) else {
                continue;
            };
            record.departed = departed;
            self.remove_task(task)?;
            retired.left = retired.left.saturating_add(1);
        }
        if retired.left > 0 {
            self.put_account(tenant, &record)?;
        }
        Ok(retired)
    }

    /// Is there a delivery of the task that is still to be made?
    fn is_still_told(&self, task: &Task) -> Result<bool, StoreError> {
        let (first, last) = events_of(&task.id);
        let tenant = task.tenant.as_str();
        let range = (tenant, first.as_str())..=(tenant, last.as_str());
        for row in self.deliveries.range(range).map_err(unavailable)? {
            let delivery: Delivery = decode(row.map_err(unavailable)?.1.value())?;
            if delivery.state == DeliveryState::Pending {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes a finished task and all that is its own.
    fn remove_task(&mut self, task: &Task) -> Result<(), StoreError> {
        let (tenant, id) = (task.tenant.as_str(), task.id.as_str());
        self.tasks.remove((tenant, id)).map_err(unavailable)?;
        self.notes
            .retain_in((tenant, id, 0)..=(tenant, id, u32::MAX), |_, _| false)
            .map_err(unavailable)?;
        let (first, last) = events_of(&task.id);
        self.deliveries
            .retain_in(
                (tenant, first.as_str())..=(tenant, last.as_str()),
                |_, _| false,
            )
            .map_err(unavailable)?;
        if let Some(upstream) = &task.upstream {
            let owner = self.owner(upstream)?;
            if owner.is_some_and(|(t, i)| t == tenant && i == id) {
                self.upstreams
                    .remove(upstream.as_str())
                    .map_err(unavailable)?;
            }
        }
        if let Some(key) = &task.idempotency_key {
            let key = (tenant, key.as_str());
            let record: Option<KeyRecord> = get(&self.idempotency, key)?;
            if record.is_some_and(|record| record.task == task.id) {
                self.idempotency.remove(key).map_err(unavailable)?;
            }
        }
        let request = (tenant, task.fingerprint.as_str());
        let record: Option<RepeatRecord> = get(&self.repeats, request)?;
        if record.is_some_and(|record| record.task == task.id) {
            self.repeats.remove(request).map_err(unavailable)?;
        }
        Ok(())
    }

    /// Takes up to `limit` of a tenant's first journal entries into its opening.
    fn fold(
        &mut self,
        tenant: &TenantId,
        keep: Retention,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let name = tenant.as_str();
        let mut entries: Vec<Entry> = Vec::new();
        let range = (name, 0)..=(name, u64::MAX);
        for row in self.journal.range(range).map_err(unavailable)? {
            if entries.len() >= limit {
                break;
            }
            let entry: Entry = decode(row.map_err(unavailable)?.1.value())?;
            let task = match &entry.task {
                Some(id) => self.task(tenant, id)?,
                None => None,
            };
            if !keep.lets_entry_go(&entry, task.as_ref(), now) {
                break;
            }
            entries.push(entry);
        }
        if entries.is_empty() {
            return Ok(0);
        }
        let mut opening: Opening = get(&self.openings, name)?.unwrap_or_default();
        let mut folded = 0_usize;
        for entry in &entries {
            // A wrong entry stays where `verify` shows it.
            if opening.take_in(entry).is_err() {
                break;
            }
            self.journal
                .remove((name, entry.seq))
                .map_err(unavailable)?;
            folded = folded.saturating_add(1);
        }
        if folded > 0 {
            let bytes = encode(&opening)?;
            self.openings
                .insert(name, bytes.as_slice())
                .map_err(unavailable)?;
        }
        Ok(folded)
    }

    /// Removes up to `limit` of a tenant's daily sums that are too old.
    fn sweep_days(
        &mut self,
        tenant: &TenantId,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let name = tenant.as_str();
        let oldest = usage::day(now).saturating_sub(usage::KEPT);
        let mut old = Vec::new();
        let range = (name, 0, "")..(name, oldest, "");
        for row in self.daily.range(range).map_err(unavailable)?.take(limit) {
            let key = row.map_err(unavailable)?.0;
            let (_, day, row) = key.value();
            old.push((day, row.to_owned()));
        }
        for (day, row) in &old {
            self.daily
                .remove((name, *day, row.as_str()))
                .map_err(unavailable)?;
        }
        Ok(old.len())
    }

    /// Removes up to `limit` refused submits that are too old.
    fn sweep_refused(&mut self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let oldest = now.plus(-refused::KEPT).millis();
        let mut old = Vec::new();
        for row in self
            .refused
            .range(..(oldest, ""))
            .map_err(unavailable)?
            .take(limit)
        {
            let key = row.map_err(unavailable)?.0;
            let (at, id) = key.value();
            old.push((at, id.to_owned()));
        }
        for (at, id) in &old {
            self.refused
                .remove((*at, id.as_str()))
                .map_err(unavailable)?;
        }
        Ok(old.len())
    }
}

/// The bounds of the ids of a task's events, which begin with the task's own.
fn events_of(task: &TaskId) -> (EventId, String) {
    let first = EventId::of_task(task, "");
    let last = format!("{first}\u{10ffff}");
    (first, last)
}
