//! Reads, each on one snapshot.

use evogate_models::note::Note;
use evogate_models::task::Task;
use evogate_models::{TaskId, TenantId, UpstreamId};
use redb::ReadableTable as _;

use super::Embedded;
use super::table::{decode, get, unavailable};
use crate::error::StoreError;
use crate::store::{TaskFilter, TaskPage};

impl Embedded {
    pub(crate) async fn task(
        &self,
        tenant: &TenantId,
        id: &TaskId,
    ) -> Result<Option<Task>, StoreError> {
        self.read(|tables| get(&tables.tasks()?, (tenant.as_str(), id.as_str())))
    }

    pub(crate) async fn tasks(
        &self,
        tenant: &TenantId,
        filter: TaskFilter,
        page: u32,
        page_size: u32,
    ) -> Result<TaskPage, StoreError> {
        let tenant = tenant.clone();
        self.read_long(move |tables| {
            let first = u64::from(page.saturating_sub(1)).saturating_mul(u64::from(page_size));
            let end = first.saturating_add(u64::from(page_size));
            let everything =
                filter.status.is_none() && filter.kind.is_none() && filter.model.is_none();
            let mut found = TaskPage::default();
            let range = (tenant.as_str(), "")..=(tenant.as_str(), "\u{10ffff}");
            // Ids begin with the second in which they were made, so this is newest first.
            for row in tables.tasks()?.range(range).map_err(unavailable)?.rev() {
                let (_, bytes) = row.map_err(unavailable)?;
                let on_page = (first..end).contains(&found.total);
                if everything && !on_page {
                    found.total = found.total.saturating_add(1);
                    continue;
                }
                let task: Task = decode(bytes.value())?;
                if filter.matches(&task) {
                    found.total = found.total.saturating_add(1);
                    if on_page {
                        found.tasks.push(task);
                    }
                }
            }
            Ok(found)
        })
        .await
    }

    pub(crate) async fn timeline(
        &self,
        tenant: &TenantId,
        id: &TaskId,
    ) -> Result<Vec<Note>, StoreError> {
        self.read(|tables| {
            let (tenant, id) = (tenant.as_str(), id.as_str());
            let mut notes = Vec::new();
            let range = (tenant, id, 0)..=(tenant, id, u32::MAX);
            for row in tables.notes()?.range(range).map_err(unavailable)? {
                notes.push(decode(row.map_err(unavailable)?.1.value())?);
            }
            Ok(notes)
        })
    }

    pub(crate) async fn unbound(&self) -> Result<Vec<Task>, StoreError> {
        self.read(|tables| {
            let stored = tables.tasks()?;
            let mut tasks = Vec::new();
            for row in tables.unbound()?.iter().map_err(unavailable)? {
                let key = row.map_err(unavailable)?.0;
                tasks.extend(get::<_, Task>(&stored, key.value())?);
            }
            Ok(tasks)
        })
    }

    pub(crate) async fn owner(
        &self,
        upstream: &UpstreamId,
    ) -> Result<Option<(TenantId, TaskId)>, StoreError> {
        self.read(|tables| {
            let upstreams = tables.upstreams()?;
            let Some(owner) = upstreams.get(upstream.as_str()).map_err(unavailable)? else {
                return Ok(None);
            };
            let (tenant, task) = owner.value();
            match (tenant.parse(), task.parse()) {
                (Ok(tenant), Ok(task)) => Ok(Some((tenant, task))),
                _ => Err(StoreError::Corrupt(format!("the owner of {upstream}"))),
            }
        })
    }
}
