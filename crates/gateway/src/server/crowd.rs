//! The connections of one listener: how many there are, and when there are too many.
//!
//! Near the limit, idle connections have to go sooner: they are what a flood of slow clients is made of. Above
//! it a new client is told so, and that too has a limit; then it is just hung up on.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::metrics::OPEN_CONNECTIONS;

/// How many clients at a time are told that there are too many.
const TOLD: u32 = 256;

/// What becomes of a new connection.
#[derive(Debug)]
pub(super) enum Entry {
    /// It is served.
    In,
    /// It is told that there are too many.
    Told,
    /// It is closed.
    Full,
}

#[derive(Debug)]
pub(super) struct Crowd {
    name: &'static str,
    limit: u32,
    inside: AtomicU32,
    told: AtomicU32,
    tight: AtomicBool,
    changed: Notify,
}

impl Crowd {
    pub(super) fn new(name: &'static str, limit: u32) -> Self {
        Self {
            name,
            limit,
            inside: AtomicU32::new(0),
            told: AtomicU32::new(0),
            tight: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    pub(super) fn enter(&self) -> Entry {
        let before = self.inside.fetch_add(1, Ordering::AcqRel);
        if before < self.limit {
            OPEN_CONNECTIONS.change([self.name], 1.0);
            // Seven eighths.
            if before >= self.limit - self.limit / 8 && !self.tight.swap(true, Ordering::AcqRel) {
                self.changed.notify_waiters();
            }
            return Entry::In;
        }
        self.inside.fetch_sub(1, Ordering::AcqRel);
        if self.told.fetch_add(1, Ordering::AcqRel) < TOLD {
            return Entry::Told;
        }
        self.told.fetch_sub(1, Ordering::AcqRel);
        Entry::Full
    }

    pub(super) fn leave(&self, entry: &Entry) {
        match entry {
            Entry::In => {
                let left = self.inside.fetch_sub(1, Ordering::AcqRel).saturating_sub(1);
                OPEN_CONNECTIONS.change([self.name], -1.0);
                // Three quarters.
                if left <= self.limit - self.limit / 4 && self.is_tight() {
                    self.tight.store(false, Ordering::Release);
                }
            }
            Entry::Told => drop(self.told.fetch_sub(1, Ordering::AcqRel)),
            Entry::Full => {}
        }
    }

    /// Is it so full that idle connections have to go?
    pub(super) fn is_tight(&self) -> bool {
        self.tight.load(Ordering::Acquire)
    }

    /// Resolves when it has become tight. What happens after this call is not missed.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn above_the_limit_some_are_told_and_the_others_hung_up_on() {
        let crowd = Crowd::new("api", 8);
        let inside: Vec<Entry> = (0..8).map(|_| crowd.enter()).collect();
        assert!(inside.iter().all(|entry| matches!(entry, Entry::In)));
        assert!(crowd.is_tight());
        let told: Vec<Entry> = (0..TOLD).map(|_| crowd.enter()).collect();
        assert!(told.iter().all(|entry| matches!(entry, Entry::Told)));
        assert!(matches!(crowd.enter(), Entry::Full));
        crowd.leave(&told[0]);
        assert!(matches!(crowd.enter(), Entry::Told));
        for entry in &inside[..2] {
            crowd.leave(entry);
        }
        assert!(!crowd.is_tight());
        assert!(matches!(crowd.enter(), Entry::In));
    }

    #[test]
    fn without_a_limit_nobody_is_turned_away() {
        let crowd = Crowd::new("ops", u32::MAX);
        for _ in 0..1000 {
            assert!(matches!(crowd.enter(), Entry::In));
        }
        assert!(!crowd.is_tight());
    }
}
