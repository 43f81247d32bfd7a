//! The simulator's own time: the wall clock, plus what a test has advanced it by.
//!
//! All times inside are milliseconds since the Unix epoch on this clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Milliseconds: since the Unix epoch for a moment, plain milliseconds for a length.
pub(crate) type Millis = u64;

pub(crate) const SECOND: Millis = 1000;

/// Any length as whole milliseconds.
pub(crate) fn millis(length: Duration) -> Millis {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// A clock that a test can put forward, never back.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead: AtomicU64,
}

impl Clock {
    /// A clock that is already ahead of the wall clock, as a state file remembers it.
    pub(crate) fn ahead_by(ahead: Millis) -> Self {
        Self {
            ahead: AtomicU64::new(ahead),
        }
    }

    pub(crate) fn now(&self) -> Millis {
        wall().saturating_add(self.ahead())
    }

    pub(crate) fn ahead(&self) -> Millis {
        self.ahead.load(Ordering::SeqCst)
    }

    pub(crate) fn advance(&self, by: Millis) {
        self.ahead.fetch_add(by, Ordering::SeqCst);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the simulator reads the wall clock"
)]
fn wall() -> Millis {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, millis)
}
