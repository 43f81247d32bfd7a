//! Waiting for something to become true, blocking and bounded.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Generous: a slow machine is no fault.
const LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until there is something to see, at most 30 s. `what` names it when it does not come.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "not within {LIMIT:?}: {what}");
        sleep(PAUSE);
    }
}
