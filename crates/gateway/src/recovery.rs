//! After the store went back in time (a failover, a restart without its last second, a restored backup):
//! no paid submit is taken until everything that is open was looked at once.
//!
//! What this replica wrote last and the store has no more is made again; every open task is read or looked
//! for at EvoLink; and what EvoLink has that nobody owns is counted and named. A lost submit heals from its
//! callback's token too, whenever that comes; a lost grant does not heal by itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evogate_models::task::Task;
use evogate_models::time::millis;
use evogate_models::{TaskId, TenantId};
use evogate_store::{StoreError, TaskCommand, TurnError};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use crate::context::Context;
use crate::evolink::Pace;
use crate::metrics::{RECOVERIES, UNOWNED};
use crate::state::Gateway;
use crate::{heal, reads};

/// Between two tries of a pass that the store cut short.
const AGAIN: Duration = Duration::from_secs(1);
/// How many tasks are read from the store at a time.
const PAGE: usize = 200;

/// Whether a recovery is under way.
#[derive(Debug, Default)]
pub struct Recovery(AtomicBool);

impl Recovery {
    /// Is it? Then no paid submit is taken.
    pub fn is_under_way(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Waits for the store to go back in time, and recovers, until the gateway ends.
pub async fn run(gateway: Gateway) {
    let Some(mut back) = gateway.store.went_back() else {
        return;
    };
    loop {
        tokio::select! {
            changed = back.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = gateway.background.stopping() => return,
        }
        gateway.recovery.0.store(true, Ordering::Relaxed);
        tracing::error!(
            "the store may have lost what it had answered: no new submits until all that is open was looked at"
        );
        // One that goes back again meanwhile is looked at again from the beginning.
        while let Err(error) = pass(&gateway).await {
            tracing::warn!(%error, "the recovery was cut short, and begins again");
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                () = gateway.background.stopping() => return,
            }
        }
        RECOVERIES.one([]);
        if !back.has_changed().unwrap_or(false) {
            gateway.recovery.0.store(false, Ordering::Relaxed);
            tracing::info!("recovered: new submits are taken again");
        }
    }
}

async fn pass(gateway: &Gateway) -> Result<(), StoreError> {
    for task in gateway.store.lost_tasks().await? {
        make_again(gateway, task).await?;
    }
    let (evolink, background) = (gateway.evolink.clone(), gateway.background.clone());
    let pace = Pace::new(&gateway.config.evolink, evolink, background);
    let at_once = usize::try_from(gateway.config.evolink.max_reads_in_flight).unwrap_or(1);
    let mut after: Option<(TenantId, TaskId)> = None;
    loop {
        let open = |task: &Task| !task.state.is_ended();
        let tasks = gateway.store.all_tasks(after.take(), PAGE, open).await?;
        let Some(last) = tasks.last() else { break };
        after = Some((last.tenant.clone(), last.id.clone()));
        let mut looks = FuturesUnordered::new();
        for task in &tasks {
            if looks.len() >= at_once.max(1) {
                looks.next().await;
            }
            looks.push(Context::of_task(task).spanned("recover", look(gateway, task, &pace)));
        }
        while looks.next().await.is_some() {}
    }
    unowned(gateway).await;
    Ok(())
}

/// Makes a task again that this replica knows of, and lets it be read at once.
async fn make_again(gateway: &Gateway, task: Task) -> Result<(), StoreError> {
    tracing::error!(task = %task.id, tenant = %task.tenant, "the store has lost this task; it is made again");
    let deadline = millis(gateway.config.submit.unknown_deadline);
    let until = gateway.store.now().plus(deadline);
    let (tenant, id, upstream) = (task.tenant.clone(), task.id.clone(), task.upstream.clone());
    let hint = TaskCommand::Callback {
        upstream,
        refresh_after: 0,
    };
    let made = match gateway.store.restore(task, until).await {
        Ok(_) => gateway.store.turn(&tenant, &id, hint).await.map(drop),
        Err(error) => Err(error),
    };
    match made {
        Ok(()) => Ok(()),
        Err(TurnError::Store(error)) => Err(error),
        Err(error) => {
            tracing::error!(task = %id, %error, "it could not be made again");
            Ok(())
        }
    }
}

async fn look(gateway: &Gateway, task: &Task, pace: &Pace) {
    if task.upstream.is_some() {
        if pace.ready().await {
            reads::ask(gateway, task).await;
        }
    } else if matches!(task.state, evogate_models::task::State::Unknown { .. }) {
        heal::heal(gateway, task, pace).await;
    }
}

/// Names what EvoLink has and nobody here owns: what no news may ever tell of.
async fn unowned(gateway: &Gateway) {
    match gateway.matcher.unowned(gateway).await {
        Ok(entries) => {
            #[expect(clippy::cast_precision_loss, reason = "a count of tasks")]
            UNOWNED.set([], entries.len() as f64);
            for entry in entries {
                tracing::error!(upstream = %entry.id, model = entry.model,
                    "EvoLink has a task that is nobody's here");
            }
        }
        Err(error) => tracing::warn!(%error, "EvoLink's list could not be looked through"),
    }
}
