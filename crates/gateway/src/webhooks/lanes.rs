//! Who may send now. Every endpoint has a lane of its own, so that one which hangs keeps only its own
//! deliveries waiting.
//!
//! A lane's window is how many of its deliveries may be under way at once. It starts at one, doubles
//! with every delivery that is taken and halves with every one that is not: an endpoint that fails
//! several times in a row is left with a single probe, and is back at full speed a few deliveries after
//! it recovered. Endpoints that have not shown that they answer get only a part of all slots, and only
//! a few for each host, so that hundreds of hung ones leave room for those that work.

mod endpoint;
mod lane;
mod slots;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub(super) use endpoint::Endpoint;
pub(super) use lane::Outcome;
use lane::{Lane, Standing};
use slots::Slots;

/// All deliveries that wait in memory.
const MOST_WAITING: usize = 2048;
/// From so many lanes on, those that were not used for a while are forgotten, with what they learned.
const MANY_LANES: usize = 4096;
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);
/// How rarely that is looked at: it goes through all lanes.
const FORGET_EVERY: Duration = Duration::from_mins(1);

/// The right to send one delivery; given back with [`Lanes::done`].
#[derive(Debug)]
pub(super) struct Ticket {
    endpoint: Endpoint,
    standing: Standing,
}

/// What becomes of a delivery that was offered.
#[derive(Debug)]
pub(super) enum Place<T> {
    /// It may be sent.
    Start(Ticket, T),
    /// It waits in its lane.
    Waits,
    /// There is no room: it should come again after this time.
    Later(T, Duration),
}

/// What the end of one delivery means for others.
#[derive(Debug)]
pub(super) struct Freed<T> {
    /// They may be sent.
    pub(super) start: Vec<(Ticket, T)>,
    /// They waited for an endpoint that now fails: they should come again after this time.
    pub(super) later: Vec<(T, Duration)>,
}

/// All lanes. `T` is what waits in them.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    by_endpoint: HashMap<Arc<str>, Lane<T>>,
    /// The lanes in which something waits, each once, in the order in which they are served.
    queue: VecDeque<Arc<str>>,
    waiting: usize,
    slots: Slots,
    swept: Instant,
}

impl<T> Lanes<T> {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            by_endpoint: HashMap::new(),
            queue: VecDeque::new(),
            waiting: 0,
            slots: Slots::default(),
            swept: now,
        }
    }

    /// Is every slot taken? Then nothing more should be claimed.
    pub(super) fn is_full(&self) -> bool {
        self.slots.are_all_taken()
    }

    /// Finds a place for a delivery.
    pub(super) fn offer(&mut self, endpoint: Endpoint, item: T, now: Instant) -> Place<T> {
        self.forget(now);
        let lane = self.by_endpoint.entry(Arc::clone(&endpoint.lane));
        let lane = lane.or_insert_with(|| Lane::new(endpoint, now));
        lane.used = now;
        // Those that came before it go first.
        if lane.waiting.is_empty() && lane.is_open(&self.slots) {
            return Place::Start(lane.admit(&mut self.slots), item);
        }
        if lane.lets_wait() && self.waiting < MOST_WAITING {
            if lane.waiting.is_empty() {
                self.queue.push_back(Arc::clone(&lane.endpoint.lane));
            }
            lane.waiting.push_back(item);
            self.waiting = self.waiting.saturating_add(1);
            return Place::Waits;
        }
        let wait = lane.hold_off(now);
        Place::Later(item, wait)
    }

    /// Gives a ticket back after `took`.
    pub(super) fn done(
        &mut self,
        ticket: Ticket,
        outcome: Outcome,
        took: Duration,
        now: Instant,
    ) -> Freed<T> {
        let endpoint = self.slots.give_back(ticket);
        let mut later = Vec::new();
        if let Some(lane) = self.by_endpoint.get_mut(&endpoint.lane) {
            lane.learn(outcome, took);
            lane.used = now;
            if !lane.lets_wait() {
                let waited = std::mem::take(&mut lane.waiting);
                self.waiting = self.waiting.saturating_sub(waited.len());
                later.extend(waited.into_iter().map(|item| (item, lane.hold_off(now))));
            }
        }
        let start = self.start_waiting();
        Freed { start, later }
    }

    /// Takes out everything that waits.
    pub(super) fn drain(&mut self) -> Vec<T> {
        self.queue.clear();
        self.waiting = 0;
        let lanes = self.by_endpoint.values_mut();
        lanes.flat_map(|lane| lane.waiting.drain(..)).collect()
    }

    /// Goes once through the lanes in which something waits.
    fn start_waiting(&mut self) -> Vec<(Ticket, T)> {
        let mut start = Vec::new();
        for _ in 0..self.queue.len() {
            let Some(key) = self.queue.pop_front() else {
                break;
            };
            let Some(lane) = self.by_endpoint.get_mut(&key) else {
                continue;
            };
            while lane.is_open(&self.slots)
                && let Some(item) = lane.waiting.pop_front()
            {
                start.push((lane.admit(&mut self.slots), item));
            }
            if !lane.waiting.is_empty() {
                self.queue.push_back(key);
            }
        }
        self.waiting = self.waiting.saturating_sub(start.len());
        start
    }

    fn forget(&mut self, now: Instant) {
        if self.by_endpoint.len() < MANY_LANES || now.duration_since(self.swept) < FORGET_EVERY {
            return;
        }
        self.swept = now;
        self.by_endpoint
            .retain(|_, lane| lane.is_busy() || now.duration_since(lane.used) < FORGOTTEN_AFTER);
    }
}
