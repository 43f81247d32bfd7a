//! What leaves the store by itself, and in which steps.

use evogate_models::retention::Retention;
use evogate_models::{TaskId, TenantId};

use crate::error::StoreError;
use crate::outbox::Cursor;
use crate::store::Store;

/// The most tasks that one step looks at: each may have a timeline of hundreds of rows.
const TASKS: usize = 100;
/// The most small records that one step removes.
const RECORDS: usize = 500;

/// What a step that looks for old tasks did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retired {
    /// How many tasks left.
    pub(crate) left: usize,
    /// The last task that was looked at, where there may be more after it.
    pub(crate) next: Option<TaskId>,
}

/// What a step that looks for old events did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RetiredEvents {
    /// How many events left.
    pub(crate) left: usize,
    /// The last delivery that was looked at, where there may be more after it.
    pub(crate) next: Option<Cursor>,
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Finished tasks, each with all that is its own.
    pub tasks: usize,
    /// Journal entries, taken into the opening balances.
    pub entries: usize,
    /// Daily sums.
    pub sums: usize,
    /// Refused submits.
    pub refused: usize,
    /// Events that are about no task, with their deliveries.
    pub events: usize,
    /// What was known of callbacks that nothing was sent to for a day.
    pub queues: usize,
}

impl Store {
    /// Removes what was kept long enough: finished tasks, events and journal entries by `keep`, daily sums after 25
    /// months, refused submits after a week. In steps of a bounded size, so that others get their turn;
    /// whoever stops waiting stops it between two steps, and the next sweep goes on from there.
    pub async fn sweep(&self, keep: Retention) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        for view in self.tenants().await? {
            let tenant = view.tenant.id;
            swept.tasks = swept
                .tasks
                .saturating_add(self.retire(&tenant, keep).await?);
            // After the tasks that they speak of.
            let entries = self.fold(&tenant, keep).await?;
            swept.entries = swept.entries.saturating_add(entries);
            let sums = self.sweep_days(&tenant).await?;
            swept.sums = swept.sums.saturating_add(sums);
            let events = self.retire_events(&tenant, keep).await?;
            swept.events = swept.events.saturating_add(events);
            let queues = self.sweep_some_queues(&tenant).await?;
            swept.queues = swept.queues.saturating_add(queues);
        }
        swept.refused = self.sweep_refused().await?;
        Ok(swept)
    }

    async fn retire(&self, tenant: &TenantId, keep: Retention) -> Result<usize, StoreError> {
        let (mut left, mut after) = (0_usize, None);
        loop {
            let retired = self.retire_some(tenant, keep, after, TASKS).await?;
            left = left.saturating_add(retired.left);
            if retired.next.is_none() {
                return Ok(left);
            }
            after = retired.next;
        }
    }

    async fn retire_events(&self, tenant: &TenantId, keep: Retention) -> Result<usize, StoreError> {
        let (mut left, mut after) = (0_usize, None);
        loop {
            let retired = self
                .retire_some_events(tenant, keep, after, RECORDS)
                .await?;
            left = left.saturating_add(retired.left);
            if retired.next.is_none() {
                return Ok(left);
            }
            after = retired.next;
        }
    }

    async fn fold(&self, tenant: &TenantId, keep: Retention) -> Result<usize, StoreError> {
        let mut folded = 0_usize;
        loop {
            let more = self.fold_some(tenant, keep, RECORDS).await?;
            folded = folded.saturating_add(more);
            if more < RECORDS {
                return Ok(folded);
            }
        }
    }

    async fn sweep_days(&self, tenant: &TenantId) -> Result<usize, StoreError> {
        let mut removed = 0_usize;
        loop {
            let more = self.sweep_some_days(tenant, RECORDS).await?;
            removed = removed.saturating_add(more);
            if more < RECORDS {
                return Ok(removed);
            }
        }
    }

    async fn sweep_refused(&self) -> Result<usize, StoreError> {
        let mut removed = 0_usize;
        loop {
            let more = self.sweep_some_refused(RECORDS).await?;
            removed = removed.saturating_add(more);
            if more < RECORDS {
                return Ok(removed);
            }
        }
    }
}
