//! The event loop itself: how late it runs what is due, and how busy it is.

use std::time::Duration;

use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::time::{Instant, sleep_until};

use super::names::{EVENT_LOOP_BUSY, EVENT_LOOP_LAG, EVENT_LOOP_TASKS, EVENT_LOOP_THREADS};
use crate::background::Background;

/// Between two samples.
const EVERY: Duration = Duration::from_millis(250);

/// Samples until the shutdown.
pub async fn run(background: Background) {
    let metrics = Handle::current().metrics();
    EVENT_LOOP_THREADS.set([], count(metrics.num_workers()));
    let mut counted = 0;
    while !background.is_stopping() {
        let due = Instant::now() + EVERY;
        tokio::select! {
            () = sleep_until(due) => {}
            () = background.stopping() => return,
        }
        EVENT_LOOP_LAG.record([], due.elapsed().as_secs_f64());
        EVENT_LOOP_TASKS.set([], count(metrics.num_alive_tasks()));
        let busy = busy(&metrics).as_secs();
        EVENT_LOOP_BUSY.add([], busy.saturating_sub(counted));
        counted = busy;
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
