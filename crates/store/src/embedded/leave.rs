//! What was kept long enough leaves, a bounded number at a time: each step is a short transaction of its
//! own, so that a sweep of a million tasks keeps nobody waiting.

use evogate_models::delivery::{Delivery, DeliveryState};
use evogate_models::idempotency::{KeyRecord, RepeatRecord};
use evogate_models::journal::{Entry, Opening};
use evogate_models::life::results::run_out;
use evogate_models::retention::Retention;
use evogate_models::task::Task;
use evogate_models::{TaskId, TenantId, Timestamp};
use redb::ReadableTable as _;

use super::Embedded;
use super::table::{Write, decode, encode, get, unavailable};
use crate::error::StoreError;
use crate::outbox::Cursor;
use crate::sweep::{Retired, RetiredEvents};
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

    pub(crate) async fn retire_events(
        &self,
        tenant: &TenantId,
        keep: Retention,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<RetiredEvents, StoreError> {
        let (tenant, now) = (tenant.clone(), self.now());
        self.write(move |tables| tables.retire_events(&tenant, keep, after.as_ref(), limit, now))
            .await
    }

    pub(crate) async fn sweep_queues(&self, tenant: &TenantId) -> Result<usize, StoreError> {
        let (tenant, now) = (tenant.clone(), self.now());
        self.write(move |tables| tables.sweep_queues(&tenant, now))
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
            if !keep.lets_task_go(task, now) || self.is_still_told(task, keep, now)? {
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

    /// Is there a delivery of the task that is still to be made, and waited for?
    fn is_still_told(
        &self,
        task: &Task,
        keep: Retention,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let deliveries = self.deliveries_of(&task.tenant, &task.id)?;
        Ok(deliveries.iter().any(|delivery| {
            let pending = delivery.state == DeliveryState::Pending;
            pending && !keep.lets_event_go(delivery.at, true, now)
        }))
    }

    /// Removes a finished task and all that is its own.
    fn remove_task(&mut self, task: &Task) -> Result<(), StoreError> {
        let (tenant, id) = (task.tenant.as_str(), task.id.as_str());
        self.tasks.remove((tenant, id)).map_err(unavailable)?;
        self.notes
            .retain_in((tenant, id, 0)..=(tenant, id, u32::MAX), |_, _| false)
            .map_err(unavailable)?;
        if let Some(due) = task.due {
            self.due
                .remove((due.millis(), tenant, id))
                .map_err(unavailable)?;
        }
        if run_out(task) {
            self.keep_expiring(task, false)?;
        }
        self.forget_events_of(&task.tenant, &task.id)?;
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

    /// Looks at up to `limit` of a tenant's oldest deliveries after `after`; those of events that are about
    /// no task, and may leave, do, with their events. Tasks take theirs with them.
    fn retire_events(
        &mut self,
        tenant: &TenantId,
        keep: Retention,
        after: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<RetiredEvents, StoreError> {
        let name = tenant.as_str();
        let from = match after {
            Some(cursor) => (
                name,
                cursor.at.millis(),
                cursor.id.event.as_str(),
                cursor.id.target.as_str(),
            ),
            None => (name, i64::MIN, "", ""),
        };
        let past = (
            name,
            now.plus(-keep.tasks).millis().saturating_add(1),
            "",
            "",
        );
        let mut looked_at: Vec<Delivery> = Vec::new();
        if from < past {
            for row in self.history.range(from..past).map_err(unavailable)? {
                let key = row.map_err(unavailable)?.0;
                let (tenant, _, event, target) = key.value();
                if after.is_some() && key.value() == from {
                    continue;
                }
                if looked_at.len() >= limit {
                    break;
                }
                looked_at.extend(get::<_, Delivery>(
                    &self.deliveries,
                    (tenant, event, target),
                )?);
            }
        }
        let last = looked_at.last().filter(|_| looked_at.len() >= limit);
        let mut retired = RetiredEvents {
            left: 0,
            next: last.map(Cursor::of),
        };
        for delivery in looked_at.iter().filter(|delivery| delivery.task.is_none()) {
            let deliveries = self.deliveries_to(tenant, &delivery.event)?;
            let pending = |delivery: &Delivery| delivery.state == DeliveryState::Pending;
            let pending = deliveries.iter().any(pending);
            if !deliveries.is_empty() && keep.lets_event_go(delivery.at, pending, now) {
                self.forget_event(tenant, &delivery.event)?;
                retired.left = retired.left.saturating_add(1);
            }
        }
        Ok(retired)
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
