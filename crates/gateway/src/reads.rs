//! Clients' reads of tasks. However many clients poll on however many replicas, an unfinished task is
//! read upstream at most once per `reads.refresh_after`, and a finished one never again.
//!
//! What a replica has seen of a task it shows from memory: a finished one as long as it is remembered, an
//! unfinished one for a moment. So the store is asked about an unfinished task at most once in that moment,
//! and each time one thing: how it is, or whether EvoLink may be asked.

mod memory;

use std::sync::Arc;

use evogate_models::life::results;
use evogate_models::task::Task;
use evogate_models::time::millis;
use evogate_models::{TaskId, TenantId};
use evogate_store::{TaskCommand, TurnError};
use tokio::sync::watch;

use crate::error::ApiError;
use crate::evolink::ReadOutcome;
use crate::failpoint;
use crate::metrics::{TASK_READS, TASKS_MISSING};
use crate::state::Gateway;

pub use memory::{Reads, Sight};

use memory::Place;

fn count(source: &'static str) {
    TASK_READS.one([source]);
}

/// A tenant's task, asked for by a client: as fresh as `reads.refresh_after` allows, and never an error
/// because EvoLink has one.
pub async fn read(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &TaskId,
) -> Result<Arc<Sight>, ApiError> {
    let place = gateway.reads.place(id);
    if let Some(sight) = place.fresh(tenant, gateway.reads.moment()) {
        count("cache");
        return Ok(sight);
    }
    // One reader looks; those who come meanwhile get what it sees.
    let _looking = place.looking.lock().await;
    if let Some(sight) = place.fresh(tenant, gateway.reads.moment()) {
        count("cache");
        return Ok(sight);
    }
    look(gateway, tenant, id, &place).await
}

/// Looks at the store, and where EvoLink may be asked at EvoLink.
async fn look(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &TaskId,
    place: &Arc<Place>,
) -> Result<Arc<Sight>, ApiError> {
    if let Some(done) = place.under_way() {
        patiently(gateway, done).await;
        if let Some(sight) = place.fresh(tenant, gateway.reads.moment()) {
            count("upstream");
            return Ok(sight);
        }
    }
    let due = |task: &Task| {
        let refresh_after = millis(gateway.config.reads.refresh_after);
        let now = gateway.store.now();
        let asked = |at| (0..refresh_after).contains(&now.since(at));
        task.state.is_running() && !task.refreshed.is_some_and(asked)
    };
    let (sight, may_ask) = match place.known(tenant) {
        // What is known is good enough to ask EvoLink by, unless that was not allowed the last time.
        Some(known) if due(&known.task) && !place.was_refused() => (known, true),
        known => {
            let version = place.version();
            let Some(task) = gateway.store.task(tenant, id).await? else {
                gateway.reads.forget(id, place);
                return Err(ApiError::task_not_found());
            };
            let sight = Arc::new(Sight::of(task));
            gateway.reads.looked(place, &sight, version);
            (sight, known.is_none())
        }
    };
    if may_ask && due(&sight.task) {
        if let Some(done) = refresh(gateway, place, &sight.task).await? {
            patiently(gateway, done).await;
            if let Some(fresh) = place.fresh(tenant, gateway.reads.moment()) {
                count("upstream");
                return Ok(fresh);
            }
        }
        place.refused();
    }
    count("store");
    Ok(sight)
}

/// Waits for the upstream read, which ends the channel whatever came of it, for at most
/// `reads.answer_within`.
async fn patiently(gateway: &Gateway, mut done: watch::Receiver<()>) {
    let patience = gateway.config.reads.answer_within;
    let _ = tokio::time::timeout(patience, done.changed()).await;
}

/// Begins the one upstream read, if it is allowed now; it goes on even when its client leaves.
async fn refresh(
    gateway: &Gateway,
    place: &Arc<Place>,
    task: &Task,
) -> Result<Option<watch::Receiver<()>>, ApiError> {
    let refresh_after = millis(gateway.config.reads.refresh_after);
    let store = &gateway.store;
    if !store
        .may_refresh(&task.tenant, &task.id, refresh_after)
        .await?
    {
        return Ok(None);
    }
    let (doing, done) = watch::channel(());
    place.begins(done.clone());
    gateway.evolink.retries().earn();
    let (worker, place) = (gateway.clone(), Arc::clone(place));
    let task = task.clone();
    gateway.background.spawn(async move {
        match ask(&worker, &task).await {
            Some(task) => worker.reads.saw(&place, Sight::of(task)),
            None => place.refused(),
        }
        drop(doing);
    });
    Ok(Some(done))
}

/// A client was given the task as it is. The first who gets its results ends the care for them: nobody
/// needs to be told that they run out.
pub fn given(gateway: &Gateway, sight: &Arc<Sight>) {
    if !results::is_awaited(&sight.task) {
        return;
    }
    let (worker, sight) = (gateway.clone(), Arc::clone(sight));
    gateway.background.spawn(async move {
        let (tenant, id) = (&sight.task.tenant, &sight.task.id);
        match worker.store.turn(tenant, id, TaskCommand::Fetched).await {
            Ok(outcome) => {
                let place = worker.reads.place(id);
                worker.reads.saw(&place, Sight::of(outcome.task));
            }
            // The next read tries again; at worst the tenant is told of results that it has.
            Err(error) => tracing::warn!(task = %id, %error, "a read was not noted"),
        }
    });
}

/// Reads a bound task from EvoLink and records what it says. Answers the task as it is then, or
/// `None` when EvoLink had nothing to say: which is never an end (invariant 6).
pub async fn ask(gateway: &Gateway, task: &Task) -> Option<Task> {
    let upstream = task.upstream.as_ref()?;
    match gateway.evolink.read(upstream).await {
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
