//! The worker that lets go of what was kept long enough: finished tasks, the journal's first entries, old
//! sums. Any replica may do it, and it never waits for another worker, nor another for it.

use std::time::Duration;

use evogate_store::Swept;

use crate::state::Gateway;

/// Between two sweeps.
const EVERY: Duration = Duration::from_mins(10);

/// Sweeps until the shutdown; a sweep that is under way then is left off between two of its steps.
pub async fn run(gateway: Gateway) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = gateway.background.stopping() => return,
            _ = tick.tick() => {}
        }
        let swept = tokio::select! {
            () = gateway.background.stopping() => return,
            swept = gateway.store.sweep(gateway.config.retention()) => swept,
        };
        match swept {
            Ok(swept) if swept == Swept::default() => {}
            Ok(Swept {
                tasks,
                entries,
                sums,
                refused,
                events,
                queues,
            }) => tracing::info!(
                tasks,
                entries,
                sums,
                refused,
                events,
                queues,
                "what was kept long enough has left"
            ),
            Err(error) => tracing::error!(%error, "the sweep failed"),
        }
    }
}
