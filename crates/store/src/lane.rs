//! Lanes: threads that have a runtime of their own.
//!
//! What drives a connection runs on the runtime that the connection was made on. Who calls from another thread
//! wakes that one and is woken by it, which costs more than the call itself. So each lane has its own
//! connections, and whatever comes in on a lane stays on it to its end.

use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;

/// The most lanes that a process has.
pub const MOST: usize = 64;

thread_local! {
    static LANE: Cell<usize> = const { Cell::new(0) };
}

/// From now on this thread is the lane of that number, from 1 to [`MOST`]. All threads that have not said so are
/// lane 0 together.
pub fn enter(lane: usize) {
    LANE.set(lane.min(MOST));
}

/// The lane that this is called on.
pub fn current() -> usize {
    LANE.get()
}

/// One of a thing for each lane, made on that lane when it is first wanted there.
pub struct Lanes<T> {
    first: OnceLock<T>,
    others: Box<[OnceLock<T>]>,
}

impl<T> Default for Lanes<T> {
    /// None of them is made yet.
    fn default() -> Self {
        Self {
            first: OnceLock::new(),
            others: (0..MOST).map(|_| OnceLock::new()).collect(),
        }
    }
}

impl<T> Lanes<T> {
    /// The one of lane 0 is this.
    pub fn with(first: T) -> Self {
        let lanes = Self::default();
        let _ = lanes.first.set(first);
        lanes
    }

    /// The one of the lane that this is called on.
    pub fn get(&self, make: impl FnOnce() -> T) -> &T {
        let other = current().checked_sub(1).and_then(|at| self.others.get(at));
        other.unwrap_or(&self.first).get_or_init(make)
    }
}

impl<T> fmt::Debug for Lanes<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Lanes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_has_its_own_and_keeps_it() {
        let lanes = Lanes::default();
        let on = |lane, made| {
            let lanes = &lanes;
            std::thread::scope(|scope| {
                let thread = scope.spawn(move || {
                    enter(lane);
                    *lanes.get(|| made)
                });
                thread.join().unwrap()
            })
        };
        assert_eq!(on(1, "one"), "one");
        assert_eq!(on(2, "two"), "two");
        assert_eq!(on(1, "another"), "one");
        assert_eq!(*lanes.get(|| "nobody's"), "nobody's");
        assert_eq!(on(0, "another"), "nobody's");
        assert_eq!(on(MOST, "last"), "last");
    }
}
