//! Waiting for something to become true: bounded, and never longer than needed.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long a condition may take that a test waits for. Generous: a slow machine is no fault.
const LIMIT: Duration = Duration::from_secs(30);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(25);

/// Looks until there is something to see, at most 30 s. `what` names it when it does not come.
#[track_caller]
pub fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    until_within(LIMIT, what, look)
}

/// The same with a limit of its own.
#[track_caller]
pub fn until_within<T>(
    limit: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        let end = Instant::now() + limit;
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            assert!(
                Instant::now() < end,
                "not within {limit:?}: {what} (waited for at {place})"
            );
            sleep(PAUSE).await;
        }
    }
}
