//! The embedded engine: one redb file, one process, one writer thread with group commit.
//!
//! Every mutation is one closure that runs inside a write transaction: it reads, asks the rules in
//! `evogate_models::life`, and writes what they answer. Several callers' closures share a commit
//! (one fsync); none is answered before that commit is on disk. Reads take snapshots and never wait.
#![expect(
    clippy::unused_async,
    reason = "the engines share an async interface; this one answers many reads on the spot"
)]

mod admin;
mod admins;
mod books;
mod census;
mod count;
mod due;
mod dump;
mod endpoints;
mod events;
mod keys;
mod leave;
mod ledger;
mod outbox;
mod query;
mod queues;
mod submit;
mod table;
mod turn;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use evogate_models::{Millis, TaskId, TenantId, Timestamp};
use redb::{Database, ReadTransaction};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::error::StoreError;
use table::{Read, Write};
use writer::Writer;

/// See the module.
#[derive(Debug)]
pub(crate) struct Embedded {
    db: Arc<Database>,
    writer: Writer,
    clock: Arc<dyn Clock>,
    /// When clients' reads last went upstream, task by task. Memory is enough: one process owns the
    /// file, and after a restart one read more does no harm.
    asked: Mutex<HashMap<(TenantId, TaskId), Timestamp>>,
}

/// Makes a new file that only its owner may read: it holds the secrets that sign webhooks. A file that is
/// there keeps its mode, which ops may have chosen.
fn private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    let unavailable = |error| StoreError::Unavailable(format!("{}: {error}", path.display()));
    made.map(drop).map_err(unavailable)
}

impl Embedded {
    pub(crate) fn open(
        path: &Path,
        cache: usize,
        clock: Arc<dyn Clock>,
        outbox: Arc<Notify>,
    ) -> Result<Self, StoreError> {
        private(path)?;
        let db = Database::builder()
            .set_cache_size(cache)
            .create(path)
            .map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))?;
        Self::on(db, clock, outbox)
    }

    fn on(db: Database, clock: Arc<dyn Clock>, outbox: Arc<Notify>) -> Result<Self, StoreError> {
        let db = Arc::new(db);
        table::prepare(&db, clock.now())?;
        let writer = Writer::start(Arc::clone(&db), outbox)?;
        Ok(Self {
            db,
            writer,
            clock,
            asked: Mutex::default(),
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.write(|_| Ok(())).await
    }

    pub(crate) async fn close(&self) {
        self.writer.close().await;
    }

    /// Runs `work` in a write transaction and answers once it is on disk. `work` may run again when
    /// another caller's work in the same transaction failed, so it must not consume anything.
    async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Write<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(work).await
    }

    /// Runs `look` on a snapshot.
    fn read<T>(&self, look: impl FnOnce(&Read) -> Result<T, StoreError>) -> Result<T, StoreError> {
        look(&Read::new(self.snapshot()?))
    }

    /// Runs `look` on a snapshot, off the async threads: for what may take long.
    async fn read_long<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Read) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let snapshot = self.snapshot()?;
        tokio::task::spawn_blocking(move || look(&Read::new(snapshot)))
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    fn snapshot(&self) -> Result<ReadTransaction, StoreError> {
        use redb::ReadableDatabase as _;
        self.db.begin_read().map_err(table::unavailable)
    }

    pub(crate) async fn may_refresh(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        refresh_after: Millis,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let fresh = |at: Timestamp| now.since(at) < refresh_after;
        let task = self.task(tenant, id).await?;
        if task.is_none_or(|task| task.refreshed.is_some_and(fresh)) {
            return Ok(false);
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= 10_000 {
            asked.retain(|_, at| fresh(*at));
        }
        let key = (tenant.clone(), id.clone());
        if asked.get(&key).copied().is_some_and(fresh) {
            return Ok(false);
        }
        asked.insert(key, now);
        Ok(true)
    }
}
