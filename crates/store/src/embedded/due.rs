//! What is due, and who works on it: claims, leases, and their end with the process that held them.

use evogate_models::life::claim;
use evogate_models::task::{Lease, Task};
use evogate_models::{Millis, Timestamp};
use redb::ReadableTable;

use super::Embedded;
use super::table::{Timed, Write, get, unavailable};
use crate::error::StoreError;

impl Embedded {
    pub(crate) async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|tables| {
            let due = tables.due()?;
            let first = due.first().map_err(unavailable)?;
            Ok(first.map(|(key, _)| Timestamp::from_millis(key.value().0)))
        })
    }

    pub(crate) async fn claim_due(
        &self,
        limit: usize,
        lease: Millis,
    ) -> Result<Vec<Task>, StoreError> {
        let now = self.now();
        // An idle pass writes nothing.
        if self.next_due().await?.is_none_or(|due| due > now) {
            return Ok(Vec::new());
        }
        self.write(move |tables| tables.claim_due(limit, lease, now))
            .await
    }
}

impl Write<'_> {
    fn claim_due(
        &mut self,
        limit: usize,
        lease: Millis,
        now: Timestamp,
    ) -> Result<Vec<Task>, StoreError> {
        let mut claimed = Vec::new();
        for (at, tenant, id) in first(&self.due, now, limit)? {
            let before: Option<Task> = get(&self.tasks, (tenant.as_str(), id.as_str()))?;
            let Some(before) = before.filter(|task| task.due == Some(at)) else {
                // No task says so: the row would come first in every pass from now on.
                let row = (at.millis(), tenant.as_str(), id.as_str());
                self.due.remove(row).map_err(unavailable)?;
                continue;
            };
            if let Ok(task) = claim(before.clone(), now, now.plus(lease)) {
                self.put_task(Some(&before), &task)?;
                claimed.push(task);
            } else {
                // Leased to somebody else: look again when that lease ends, not in every pass.
                let mut task = before.clone();
                let free = task.lease.map_or(now, |lease| lease.until);
                task.due = Some(free.max(now.plus(1)));
                self.put_task(Some(&before), &task)?;
            }
        }
        Ok(claimed)
    }

    /// The process that had the file before is gone, and its leases with it.
    pub(super) fn end_leases(&mut self, now: Timestamp) -> Result<(), StoreError> {
        for (tenant, id) in names(&self.due)? {
            let key = (tenant.as_str(), id.as_str());
            let Some(before) = get::<_, Task>(&self.tasks, key)? else {
                continue;
            };
            let Some(lease) = before.lease else { continue };
            let mut task = before.clone();
            task.lease = Some(Lease {
                until: lease.until.min(now),
                ..lease
            });
            task.due = Some(now);
            self.put_task(Some(&before), &task)?;
        }
        self.end_sending(now)
    }
}

/// The first `limit` rows of a table of due work that are due.
fn first(
    table: &impl ReadableTable<Timed, ()>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<(Timestamp, String, String)>, StoreError> {
    let mut due = Vec::new();
    for row in table.iter().map_err(unavailable)? {
        let key = row.map_err(unavailable)?.0;
        let (at, tenant, name) = key.value();
        if at > now.millis() || due.len() >= limit {
            break;
        }
        let at = Timestamp::from_millis(at);
        due.push((at, tenant.to_owned(), name.to_owned()));
    }
    Ok(due)
}

/// The tenants and names in a table of due work.
fn names(table: &impl ReadableTable<Timed, ()>) -> Result<Vec<(String, String)>, StoreError> {
    let mut names = Vec::new();
    for row in table.iter().map_err(unavailable)? {
        let (key, ()) = row
            .map(|(key, value)| (key, value.value()))
            .map_err(unavailable)?;
        let (_, tenant, name) = key.value();
        names.push((tenant.to_owned(), name.to_owned()));
    }
    Ok(names)
}
