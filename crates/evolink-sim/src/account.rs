//! The account as a test wants to see it: what was granted, what is held, what was billed, and for which jobs.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::money::Micro;
use crate::task::{Status, Task};
use crate::world::World;

/// The account. `granted = remaining + reserved + billed`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// What the account ever owned.
    pub granted: Micro,
    /// What new tasks can be paid from.
    pub remaining: Micro,
    /// Held for tasks that have not ended.
    pub reserved: Micro,
    /// What the caller finally pays for.
    pub billed: Micro,
    /// How many tasks there are in which state.
    pub tasks: TaskCounts,
    /// Every task, the oldest first; absent when it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<Vec<Job>>,
}

/// Tasks by state, those no longer readable included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "named after the states")]
pub struct TaskCounts {
    pub total: u64,
    pub pending: u64,
    pub processing: u64,
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
}

/// One task as the account sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// EvoLink's id.
    pub id: String,
    /// The model that was asked for.
    pub model: String,
    /// The state now.
    pub status: Status,
    /// Unix seconds.
    pub created_at: u64,
    /// What was held when it was accepted.
    pub credits_reserved: Micro,
    /// What it costs in the end; `None` while it is open.
    pub credits_billed: Option<Micro>,
    /// Its prompt.
    pub prompt: String,
    /// Where its callback goes.
    pub callback_url: Option<String>,
    /// The `Idempotency-Key` that it came with.
    pub idempotency_key: Option<String>,
    /// Whether it reads as 404 by now.
    pub forgotten: bool,
}

impl Account {
    pub(crate) fn of(world: &World, now: Millis, with_jobs: bool) -> Self {
        let totals = world.totals();
        let pending = world
            .open()
            .filter(|task| task.status(now) == Status::Pending)
            .count();
        let pending = u64::try_from(pending).unwrap_or(u64::MAX);
        Self {
            granted: world.granted(),
            remaining: world.remaining(),
            reserved: totals.reserved,
            billed: totals.billed,
            tasks: TaskCounts {
                total: totals.tasks,
                pending,
                processing: totals.open().saturating_sub(pending),
                completed: totals.completed,
                failed: totals.failed,
                cancelled: totals.cancelled,
            },
            jobs: with_jobs.then(|| {
                let mut jobs: Vec<Job> = world
                    .newest_first()
                    .map(|task| Job::of(task, now, world))
                    .collect();
                jobs.reverse();
                jobs
            }),
        }
    }
}

impl Job {
    fn of(task: &Task, now: Millis, world: &World) -> Self {
        Self {
            id: task.id.clone(),
            model: task.model.clone(),
            status: task.status(now),
            created_at: task.created / crate::clock::SECOND,
            credits_reserved: task.reserved,
            credits_billed: task.billed(),
            prompt: task.prompt.clone(),
            callback_url: task.callback_url.clone(),
            idempotency_key: task.idempotency_key.clone(),
            forgotten: !world.is_visible(task, now),
        }
    }
}
