//! How a gateway goes, step by step, so that nobody is cut off.
//!
//! A replica that is told to end is first no longer ready, and goes on serving until every load balancer has
//! seen that; then its listeners close, and what is under way ends; the ops listener says all the while how
//! far it is. What each step waits for is in [`crate::app`].

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::metrics::DRAIN_PHASE;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Phase {
    /// It is not going.
    #[default]
    Serving,
    /// It is not ready any more; who comes all the same is served. Connections are to end with their next
    /// answer.
    Leaving,
    /// Its listeners close; what is under way ends.
    Closing,
    /// What is left is cut.
    Ended,
}

impl Phase {
    const ALL: [Self; 4] = [Self::Serving, Self::Leaving, Self::Closing, Self::Ended];

    /// For logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Leaving => "leaving",
            Self::Closing => "closing",
            Self::Ended => "ended",
        }
    }
}

/// See the module. Looking at it costs next to nothing, so that every request can.
#[derive(Debug, Default)]
pub struct Drain {
    phase: AtomicU8,
    changed: Notify,
}

impl Drain {
    /// How far it is now.
    pub fn phase(&self) -> Phase {
        let phase = usize::from(self.phase.load(Ordering::Acquire));
        Phase::ALL.get(phase).copied().unwrap_or(Phase::Ended)
    }

    /// Goes on to the next phase; there is no way back.
    pub fn enter(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
        DRAIN_PHASE.set([], f64::from(self.phase() as u8));
        self.changed.notify_waiters();
    }

    /// Resolves at the next change. Changes after this call are not missed, even when it is not polled yet.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Resolves once it has got so far.
    pub async fn reached(&self, phase: Phase) {
        loop {
            let changed = self.changed();
            if self.phase() >= phase {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn it_goes_one_way_and_tells_who_waits() {
        let drain = Drain::default();
        assert_eq!(drain.phase(), Phase::Serving);
        let closing = drain.reached(Phase::Closing);
        tokio::pin!(closing);
        assert_eq!(closing.as_mut().now_or_never(), None);
        drain.enter(Phase::Leaving);
        assert_eq!(closing.as_mut().now_or_never(), None);
        drain.enter(Phase::Ended);
        closing.await;
        drain.enter(Phase::Leaving);
        assert_eq!(drain.phase(), Phase::Ended);
    }
}
