//! Clients' reads of tasks. However many clients poll on however many replicas, an unfinished task is
//! read upstream at most once per `reads.refresh_after`, and a finished one never again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evogate_models::life::results;
use evogate_models::task::Task;
use evogate_models::time::millis;
use evogate_models::{TaskId, TenantId};
use evogate_store::{TaskCommand, TurnError};
use tokio::sync::watch;

use crate::error::ApiError;
use crate::evolink::{ReadOutcome, Trace};
use crate::failpoint;
use crate::metrics::{TASK_READS, TASKS_MISSING};
use crate::state::Gateway;

type Key = (TenantId, TaskId);

/// What a replica remembers for its readers.
#[derive(Debug)]
pub struct Reads {
    /// Finished tasks: they never change again.
    finished: moka::sync::Cache<Key, Arc<Task>>,
    /// Reads that are under way: who comes meanwhile waits for them.
    under_way: Mutex<HashMap<Key, watch::Receiver<()>>>,
}

/// Finished tasks that are remembered, by the size of their records.
const REMEMBERED_BYTES: u64 = 32 << 20;
/// And for how long at most, so that what has left the store is soon not read here either.
const REMEMBERED_FOR: Duration = Duration::from_hours(1);

impl Default for Reads {
    fn default() -> Self {
        let finished = moka::sync::Cache::builder()
            .weigher(|_, task: &Arc<Task>| {
                let body = task.body.as_ref().map_or(0, String::len);
                u32::try_from(body.saturating_add(1024)).unwrap_or(u32::MAX)
            })
            .max_capacity(REMEMBERED_BYTES)
            .time_to_live(REMEMBERED_FOR)
            .build();
        Self {
            finished,
            under_way: Mutex::default(),
        }
    }
}

fn count(source: &'static str) {
    TASK_READS.one([source]);
}

impl Reads {
    fn remember(&self, task: Task) -> Arc<Task> {
        let task = Arc::new(task);
        if task.state.is_ended() {
            self.finished
                .insert((task.tenant.clone(), task.id.clone()), Arc::clone(&task));
        }
        task
    }

    fn waiting_for(&self, key: &Key) -> Option<watch::Receiver<()>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }
}

/// A tenant's task, asked for by a client: as fresh as `reads.refresh_after` allows, and never an error
/// because EvoLink has one.
pub async fn read(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &TaskId,
    trace: &Trace,
) -> Result<Arc<Task>, ApiError> {
    let key = (tenant.clone(), id.clone());
    if let Some(task) = gateway.reads.finished.get(&key) {
        count("cache");
        return Ok(task);
    }
    let task = gateway
        .store
        .task(tenant, id)
        .await?
        .ok_or_else(ApiError::task_not_found)?;
    if !task.state.is_running() {
        count("store");
        return Ok(gateway.reads.remember(task));
    }
    if let Some(fresh) = refresh(gateway, key, &task, trace).await? {
        count("upstream");
        return Ok(gateway.reads.remember(fresh));
    }
    count("store");
    Ok(Arc::new(task))
}

/// A client was given the task as it is. The first who gets its results ends the care for them: nobody
/// needs to be told that they run out.
pub fn given(gateway: &Gateway, task: &Arc<Task>) {
    if !results::is_awaited(task) {
        return;
    }
    let (worker, task) = (gateway.clone(), Arc::clone(task));
    gateway.background.spawn(async move {
        let fetched = TaskCommand::Fetched;
        match worker.store.turn(&task.tenant, &task.id, fetched).await {
            Ok(outcome) => drop(worker.reads.remember(outcome.task)),
            // The next read tries again; at worst the tenant is told of results that it has.
            Err(error) => tracing::warn!(task = %task.id, %error, "a read was not noted"),
        }
    });
}

/// Asks EvoLink, or waits for who does; `None` when it was asked not long ago, or does not answer
/// within `reads.answer_within`.
async fn refresh(
    gateway: &Gateway,
    key: Key,
    task: &Task,
    trace: &Trace,
) -> Result<Option<Task>, ApiError> {
    let refresh_after = millis(gateway.config.reads.refresh_after);
    let mut done = if gateway
        .store
        .may_refresh(&key.0, &key.1, refresh_after)
        .await?
    {
        begin(gateway, key.clone(), task.clone(), trace.clone())
    } else if let Some(done) = gateway.reads.waiting_for(&key) {
        done
    } else {
        return Ok(None);
    };
    // The sender is dropped when the read is done, whatever came of it.
    let patience = gateway.config.reads.answer_within;
    if tokio::time::timeout(patience, done.changed())
        .await
        .is_err()
    {
        return Ok(None);
    }
    Ok(gateway.store.task(&key.0, &key.1).await?)
}

/// Begins the one read; it goes on even when its client leaves.
fn begin(gateway: &Gateway, key: Key, task: Task, trace: Trace) -> watch::Receiver<()> {
    let (doing, done) = watch::channel(());
    let lock = || {
        gateway
            .reads
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    };
    lock().insert(key.clone(), done.clone());
    gateway.evolink.retries().earn();
    let worker = gateway.clone();
    gateway.background.spawn(async move {
        let entry = Entry {
            reads: &worker.reads,
            key,
        };
        ask(&worker, &task, &trace).await;
        drop(entry);
        drop(doing);
    });
    done
}

/// Takes the read off the list of those under way, also when it panics.
struct Entry<'a> {
    reads: &'a Reads,
    key: Key,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.reads
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
    }
}

/// Reads a bound task from EvoLink and records what it says. Answers the task as it is then, or
/// `None` when EvoLink had nothing to say: which is never an end (invariant 6).
pub async fn ask(gateway: &Gateway, task: &Task, trace: &Trace) -> Option<Task> {
    let upstream = task.upstream.as_ref()?;
    match gateway.evolink.read(upstream, trace).await {
        ReadOutcome::Task(report) => {
            if report.status.is_terminal() {
                failpoint::pass("read.before_settle");
            }
            let command = TaskCommand::News { report: *report };
            match gateway.store.turn(&task.tenant, &task.id, command).await {
                Ok(outcome) => {
                    crate::reconcile::count_end(gateway, &outcome);
                    return Some(outcome.task);
                }
                Err(TurnError::Life(error)) => {
                    tracing::warn!(task = %task.id, %error, "EvoLink's news were not taken");
                }
                Err(error) => tracing::error!(task = %task.id, %error, "news were not stored"),
            }
        }
        ReadOutcome::NotFound => {
            TASKS_MISSING.one([]);
            tracing::warn!(task = %task.id, %upstream, "EvoLink does not know a task that it took");
        }
        ReadOutcome::RateLimited { wait } => {
            tracing::warn!(task = %task.id, ?wait, "EvoLink limits our reads");
        }
        ReadOutcome::Failed { why } => {
            tracing::info!(task = %task.id, why, "EvoLink could not be asked");
        }
    }
    None
}
