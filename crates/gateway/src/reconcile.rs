//! The worker that sees every task to its end, callbacks or not: it claims what is due, asks EvoLink
//! within a rate limit, and hands back when to look again. Any replica may do any of it; a claim is a
//! lease with a fencing token.

use std::time::Duration;

use evogate_models::catalogue::Model;
use evogate_models::delivery::{Delivery, DeliveryState};
use evogate_models::event::EventKind;
use evogate_models::life::news::cancel_is_due;
use evogate_models::note::Why;
use evogate_models::report::Report;
use evogate_models::task::{State, Task};
use evogate_models::time::millis;
use evogate_models::{Millis, UpstreamId};
use evogate_store::{TaskCommand, TaskOutcome, TurnError};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use crate::context::Context;
use crate::evolink::{CancelOutcome, Pace, ReadOutcome};
use crate::failpoint;
use crate::heal;
use crate::metrics::{PRICE_RATIO, TASKS_ENDED, TASKS_MISSING};
use crate::state::Gateway;

/// How long a claim lasts: longer than a read, so that it is not lost while it is being worked on.
const LEASE: Millis = 60_000;
/// EvoLink's batch read takes up to this many ids.
const BATCH: usize = crate::evolink::BATCH_MAX;
/// The most that is claimed at a time, so that what is claimed is worked on within its lease.
const MOST: usize = 500;
/// The longest sleep: a safety net under the wake-ups.
const TICK: Duration = Duration::from_secs(5);

/// Works until the shutdown: as many tasks at a time as EvoLink may be asked about at once, and a place
/// that is free is filled at once, so that a slow answer keeps nobody else waiting.
pub async fn run(gateway: Gateway) {
    let (evolink, background) = (gateway.evolink.clone(), gateway.background.clone());
    let pace = Pace::new(&gateway.config.evolink, evolink, background);
    let at_once = usize::try_from(gateway.config.evolink.max_reads_in_flight).unwrap_or(1);
    let mut looks = FuturesUnordered::new();
    while !gateway.background.is_stopping() {
        let free = at_once.saturating_sub(looks.len());
        let claimed = claim(&gateway, free).await;
        for group in &claimed {
            looks.push(work(&gateway, group.clone(), &pace));
        }
        if !claimed.is_empty() && looks.len() < at_once {
            continue;
        }
        let full = looks.len() >= at_once;
        tokio::select! {
            () = gateway.background.stopping() => {}
            Some(()) = looks.next() => {}
            () = wait_for_due(&gateway), if !full => {}
        }
    }
    // What was begun is finished; what was only claimed is handed back.
    while looks.next().await.is_some() {}
}

/// Claims work for `free` places: a place is one task, or a group for EvoLink's batch read.
async fn claim(gateway: &Gateway, free: usize) -> Vec<Vec<Task>> {
    if free == 0 {
        return Vec::new();
    }
    let batches = gateway.config.evolink.batch_reads;
    let limit = if batches {
        free.saturating_mul(BATCH).min(MOST)
    } else {
        free
    };
    let tasks = match gateway.store.claim_due(limit, LEASE).await {
        Ok(tasks) => tasks,
        Err(error) => {
            tracing::error!(%error, "due tasks can't be claimed");
            // Not in a hot loop while the store is away.
            tokio::time::sleep(Duration::from_millis(200)).await;
            return Vec::new();
        }
    };
    let (plain, single): (Vec<Task>, Vec<Task>) = tasks
        .into_iter()
        .partition(|task| batches && plain_read(gateway, task));
    let groups = plain.chunks(BATCH).map(<[Task]>::to_vec);
    groups
        .chain(single.into_iter().map(|task| vec![task]))
        .collect()
}

async fn wait_for_due(gateway: &Gateway) {
    tokio::select! {
        () = gateway.store.due().notified() => {}
        () = tokio::time::sleep(until_next(gateway).await) => {}
    }
}

async fn until_next(gateway: &Gateway) -> Duration {
    match gateway.store.next_due().await {
        Ok(Some(due)) => {
            let wait = due.since(gateway.store.now()).max(0);
            Duration::from_millis(u64::try_from(wait).unwrap_or(0)).min(TICK)
        }
        _ => TICK,
    }
}

/// Works on a group: one task, or several for one batch read and what that leaves.
async fn work(gateway: &Gateway, group: Vec<Task>, pace: &Pace) {
    let left = if group.len() > 1 {
        batch(gateway, group, pace).await
    } else {
        group
    };
    for task in left {
        let context = Context::of_task(&task);
        context
            .spanned("reconcile", Box::pin(look(gateway, task, pace)))
            .await;
    }
}

/// Is there nothing to do about the task but to read it?
fn plain_read(gateway: &Gateway, task: &Task) -> bool {
    task.state.is_running() && task.cancel_wanted.is_none() && gateway.store.now() < task.deadline
}

/// Reads several tasks with one call. Answers those that it brought no news of.
async fn batch(gateway: &Gateway, tasks: Vec<Task>, pace: &Pace) -> Vec<Task> {
    let ids: Vec<UpstreamId> = tasks
        .iter()
        .filter_map(|task| task.upstream.clone())
        .collect();
    if !pace.ready().await {
        // Each of them is handed back on its own.
        return tasks;
    }
    let reports = gateway.evolink.batch(&ids).await.unwrap_or_else(|failure| {
        tracing::warn!(%failure, "EvoLink's batch read failed; reading one by one");
        Vec::new()
    });
    let mut left = Vec::new();
    for task in tasks {
        match reports
            .iter()
            .find(|report| task.upstream.as_ref() == Some(&report.id))
        {
            Some(report) => {
                let news = news(gateway, &task, report.clone());
                Context::of_task(&task).spanned("reconcile", news).await;
            }
            None => left.push(task),
        }
    }
    left
}

/// Looks at one claimed task.
async fn look(gateway: &Gateway, task: Task, pace: &Pace) {
    failpoint::pass("worker.claimed");
    let now = gateway.store.now();
    match &task.state {
        State::Submitting { .. } | State::Queued { .. } => {
            let unknown_deadline = millis(gateway.config.submit.unknown_deadline);
            turn(
                gateway,
                &task,
                TaskCommand::LeaseRanOut { unknown_deadline },
            )
            .await;
        }
        State::Pending | State::Processing => running(gateway, &task, pace).await,
        State::Unknown { until, .. } => {
            let until = *until;
            if !heal::heal(gateway, &task, pace).await {
                if now >= until {
                    turn(gateway, &task, TaskCommand::Lose).await;
                } else {
                    in_vain(gateway, &task, None).await;
                }
            }
        }
        State::Completed => results(gateway, &task).await,
        // Ended for the tenant; what EvoLink bills for it is still to be learned.
        _ if task.upstream.is_some() => read(gateway, &task, pace).await,
        _ => {
            if !heal::heal(gateway, &task, pace).await {
                in_vain(gateway, &task, None).await;
            }
        }
    }
}

/// A completed task whose results EvoLink deletes soon: does the tenant have them?
async fn results(gateway: &Gateway, task: &Task) {
    match gateway.store.deliveries(&task.tenant, &task.id).await {
        Ok(deliveries) => {
            let taken = |delivery: &Delivery| {
                delivery.kind == EventKind::TaskCompleted
                    && delivery.state == DeliveryState::Delivered
            };
            let delivered = deliveries.iter().any(taken);
            let command = TaskCommand::Expiring { delivered };
            turn(gateway, task, command).await;
        }
        // It is claimed again when its lease ends.
        Err(error) => tracing::warn!(task = %task.id, %error, "deliveries can't be read"),
    }
}

/// A task that EvoLink has: a wish to cancel is sent on, then it is read.
async fn running(gateway: &Gateway, task: &Task, pace: &Pace) {
    let past = gateway.store.now() >= task.deadline;
    let quiet = task.hint.is_none() && task.cancel_wanted.is_none() && !past;
    let refresh_after = millis(gateway.config.reads.refresh_after);
    let may_ask = gateway
        .store
        .may_refresh(&task.tenant, &task.id, refresh_after);
    if quiet && !may_ask.await.unwrap_or(false) {
        // A client's read was here just now, or is under way.
        return in_vain(gateway, task, None).await;
    }
    if cancel_is_due(task, gateway.store.now()) {
        cancel(gateway, task, pace).await;
    }
    read(gateway, task, pace).await;
    if past {
        // The read came first: what ended in time is not expired.
        let stored = gateway.store.task(&task.tenant, &task.id).await;
        if let Ok(Some(task)) = stored
            && task.state.is_running()
        {
            turn(gateway, &task, TaskCommand::Expire).await;
        }
    }
}

/// Sends a wish to cancel to EvoLink. Not a verdict, whatever it answers: the read that follows is.
async fn cancel(gateway: &Gateway, task: &Task, pace: &Pace) {
    let Some(upstream) = &task.upstream else {
        return;
    };
    if !pace.ready().await {
        return;
    }
    let outcome = gateway.evolink.cancel(upstream).await;
    turn(
        gateway,
        task,
        TaskCommand::CancelSent {
            answer: describe(&outcome),
        },
    )
    .await;
}

/// What EvoLink answered to a cancel, for the timeline.
pub fn describe(outcome: &CancelOutcome) -> Why {
    Why(match outcome {
        CancelOutcome::Accepted => "accepted".to_owned(),
        CancelOutcome::Refused(refusal) => format!("{}: {}", refusal.status, refusal.message),
        CancelOutcome::Failed { why } => why.clone(),
    })
}

async fn read(gateway: &Gateway, task: &Task, pace: &Pace) {
    let Some(upstream) = &task.upstream else {
        return;
    };
    if !pace.ready().await {
        return in_vain(gateway, task, None).await;
    }
    failpoint::pass("read.before");
    let outcome = tokio::select! {
        outcome = gateway.evolink.read(upstream) => outcome,
        () = gateway.background.handing_back() => return in_vain(gateway, task, None).await,
    };
    let why = match outcome {
        ReadOutcome::Task(report) => return news(gateway, task, *report).await,
        ReadOutcome::NotFound => {
            TASKS_MISSING.one([]);
            tracing::warn!(task = %task.id, %upstream, "EvoLink does not know a task that it took");
            "EvoLink answered 404".to_owned()
        }
        ReadOutcome::RateLimited { wait } => {
            tokio::select! {
                () = tokio::time::sleep(wait.min(Duration::from_secs(5))) => {}
                () = gateway.background.stopping() => {}
            }
            "EvoLink limits our reads".to_owned()
        }
        ReadOutcome::Failed { why } => why,
    };
    in_vain(gateway, task, Some(Why(why))).await;
}

async fn news(gateway: &Gateway, task: &Task, report: Report) {
    if report.status.is_terminal() {
        failpoint::pass("read.before_settle");
    }
    turn(gateway, task, TaskCommand::News { report }).await;
}

/// The look told nothing. One that was broken off because this gateway ends is another replica's now.
async fn in_vain(gateway: &Gateway, task: &Task, why: Option<Why>) {
    let fence = task.fence;
    let command = if why.is_none() && gateway.background.is_stopping() {
        TaskCommand::HandBack { fence }
    } else {
        TaskCommand::InVain { fence, why }
    };
    turn(gateway, task, command).await;
}

/// Moves a claimed task on. What fails is claimed again when its lease ends.
pub(crate) async fn turn(gateway: &Gateway, task: &Task, command: TaskCommand) -> bool {
    match gateway.store.turn(&task.tenant, &task.id, command).await {
        Ok(outcome) => {
            count_end(gateway, &outcome);
            true
        }
        Err(TurnError::Life(error)) => {
            tracing::debug!(task = %task.id, %error, "a turn did not apply");
            false
        }
        Err(error) => {
            tracing::warn!(task = %task.id, %error, "a turn failed");
            false
        }
    }
}

/// Counts a task's end, and says it in the log.
pub fn count_end(gateway: &Gateway, outcome: &TaskOutcome) {
    let task = &outcome.task;
    if outcome.ended {
        let state = task.state.name();
        let model = gateway.config.catalogue.model(&task.spec.model);
        let model = model.map_or("other", Model::name);
        TASKS_ENDED.one([state, model]);
        if let Some(ratio) = price_ratio(task) {
            PRICE_RATIO.record([model], ratio);
        }
        tracing::info!(task = %task.id, tenant = %task.tenant, state,
            charged = %task.charged, "a task ended");
    }
}

/// What EvoLink took for a completed task, divided by what was estimated.
fn price_ratio(task: &Task) -> Option<f64> {
    let (price, estimate) = (task.billed.micro(), task.estimate.micro());
    if task.state != State::Completed || price <= 0 || estimate <= 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a metric")]
    Some(price as f64 / estimate as f64)
}
