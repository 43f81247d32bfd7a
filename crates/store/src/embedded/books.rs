//! What admins look through: the journal, the audit trail, tasks of all tenants, refused submits.

use evogate_models::journal::{Entry, Opening};
use evogate_models::task::Task;
use evogate_models::{TaskId, TenantId};

use super::Embedded;
use super::table::{decode, encode, get, unavailable};
use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::refused::{KEPT, Refused};

impl Embedded {
    pub(crate) async fn journal(
        &self,
        tenant: &TenantId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let tenant = tenant.clone();
        self.read_long(move |tables| {
            let first = after.saturating_add(1);
            let range = (tenant.as_str(), first)..=(tenant.as_str(), u64::MAX);
            let journal = tables.journal()?;
            let rows = journal.range(range).map_err(unavailable)?.take(limit);
            rows.map(|row| decode(row.map_err(unavailable)?.1.value()))
                .collect()
        })
        .await
    }

    pub(crate) async fn opening(&self, tenant: &TenantId) -> Result<Option<Opening>, StoreError> {
        self.read(|tables| get(&tables.openings()?, tenant.as_str()))
    }

    pub(crate) async fn audit(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.read_long(move |tables| {
            let audit = tables.audit()?;
            let rows = audit
                .range(..before.unwrap_or(u64::MAX))
                .map_err(unavailable)?;
            rows.rev()
                .take(limit)
                .map(|row| decode(row.map_err(unavailable)?.1.value()))
                .collect()
        })
        .await
    }

    pub(crate) async fn all_tasks(
        &self,
        after: Option<(TenantId, TaskId)>,
        limit: usize,
        keep: impl Fn(&Task) -> bool + Send + 'static,
    ) -> Result<Vec<Task>, StoreError> {
        self.read_long(move |tables| {
            let stored = tables.tasks()?;
            let (tenant, id) = match &after {
                Some((tenant, id)) => (tenant.as_str(), id.as_str()),
                None => ("", ""),
            };
            let mut tasks = Vec::new();
            for row in stored.range((tenant, id)..).map_err(unavailable)? {
                let (key, bytes) = row.map_err(unavailable)?;
                if tasks.len() >= limit {
                    break;
                }
                if key.value() == (tenant, id) {
                    continue;
                }
                let task: Task = decode(bytes.value())?;
                if keep(&task) {
                    tasks.push(task);
                }
            }
            Ok(tasks)
        })
        .await
    }

    pub(crate) async fn note_refused(&self, refused: Refused) -> Result<(), StoreError> {
        self.write(move |tables| {
            let bytes = encode(&refused)?;
            let row = (refused.at.millis(), refused.request_id.as_str());
            tables
                .refused
                .insert(row, bytes.as_slice())
                .map_err(unavailable)?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn refused(
        &self,
        tenant: Option<&TenantId>,
        request_id: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Refused>, StoreError> {
        let (tenant, request_id) = (tenant.cloned(), request_id.map(str::to_owned));
        let oldest = self.now().plus(-KEPT);
        self.read_long(move |tables| {
            let mut found = Vec::new();
            let stored = tables.refused()?;
            for row in stored
                .range((oldest.millis(), "")..)
                .map_err(unavailable)?
                .rev()
            {
                let (key, bytes) = row.map_err(unavailable)?;
                if found.len() >= limit {
                    break;
                }
                if request_id.as_deref().is_some_and(|id| id != key.value().1) {
                    continue;
                }
                let refused: Refused = decode(bytes.value())?;
                if tenant
                    .as_ref()
                    .is_none_or(|tenant| *tenant == refused.tenant)
                {
                    found.push(refused);
                }
            }
            Ok(found)
        })
        .await
    }
}
