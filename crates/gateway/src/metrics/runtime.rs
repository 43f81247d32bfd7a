//! The event loops themselves: how late they run what is due, and how busy they are.

use std::time::Duration;

use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::time::{Instant, sleep_until};

use super::names::{EVENT_LOOP_BUSY, EVENT_LOOP_LAG, EVENT_LOOP_TASKS, EVENT_LOOP_THREADS};
use crate::background::Background;

/// Between two samples.
const EVERY: Duration = Duration::from_millis(250);

/// Samples until the shutdown: the event loop that this runs on, and those of `lanes`.
pub async fn run(background: Background, lanes: Vec<Handle>) {
    for lane in &lanes {
        background.spawn_on(lane, lag(background.clone()));
    }
    let all = lanes.into_iter().chain([Handle::current()]);
    let all: Vec<_> = all.map(|handle| handle.metrics()).collect();
    let threads = all.iter().map(RuntimeMetrics::num_workers).sum();
    EVENT_LOOP_THREADS.set([], count(threads));
    let mut counted = 0;
    let sample = || {
        let tasks = all.iter().map(RuntimeMetrics::num_alive_tasks).sum();
        EVENT_LOOP_TASKS.set([], count(tasks));
        let busy: Duration = all.iter().map(busy).sum();
        EVENT_LOOP_BUSY.add([], busy.as_secs().saturating_sub(counted));
        counted = busy.as_secs();
    };
    sample_with(&background, sample).await;
}

/// Says how late what is due runs here.
async fn lag(background: Background) {
    sample_with(&background, || {}).await;
}

async fn sample_with(background: &Background, mut sample: impl FnMut()) {
    while !background.is_stopping() {
        let due = Instant::now() + EVERY;
        tokio::select! {
            () = sleep_until(due) => {}
            () = background.stopping() => return,
        }
        EVENT_LOOP_LAG.record([], due.elapsed().as_secs_f64());
        sample();
    }
}

fn busy(metrics: &RuntimeMetrics) -> Duration {
    let workers = 0..metrics.num_workers();
    workers
        .map(|worker| metrics.worker_total_busy_duration(worker))
        .sum()
}

fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}
