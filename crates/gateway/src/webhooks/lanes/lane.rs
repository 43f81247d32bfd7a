//! One endpoint's lane.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::slots::Slots;
use super::{Endpoint, Ticket};

/// The most deliveries that are under way to one endpoint.
pub(super) const WINDOW: usize = 8;
/// The most that wait in memory for one endpoint.
pub(super) const QUEUE: usize = 64;
/// How long a delivery takes, as long as nothing is known.
const USUALLY: Duration = Duration::from_millis(200);
/// The least and the most that a delivery which found no room is put off.
pub(super) const HOLD_OFF: Duration = Duration::from_millis(500);
pub(super) const HOLD_OFF_AT_MOST: Duration = Duration::from_mins(1);

/// What is known of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing, yet.
    Unproven,
    /// It takes deliveries.
    Good,
    /// Its last deliveries failed: one probe at a time.
    Failing,
}

/// What an attempt says of its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It took the delivery.
    Taken,
    /// It did not.
    Failed,
    /// Nothing: it was not asked.
    NotSent,
}

#[derive(Debug)]
pub(super) struct Lane<T> {
    pub(super) endpoint: Endpoint,
    pub(super) waiting: VecDeque<T>,
    pub(super) used: Instant,
    standing: Standing,
    window: usize,
    under_way: usize,
    /// How long its deliveries took, of late.
    usually: Duration,
    /// Until when its time is given away to deliveries that found no room.
    booked: Instant,
}

impl<T> Lane<T> {
    pub(super) fn new(endpoint: Endpoint, now: Instant) -> Self {
        Self {
            endpoint,
            waiting: VecDeque::new(),
            used: now,
            standing: Standing::Unproven,
            window: 1,
            under_way: 0,
            usually: USUALLY,
            booked: now,
        }
    }

    /// May one more be sent?
    pub(super) fn is_open(&self, slots: &Slots) -> bool {
        self.under_way < self.window && slots.are_free(&self.endpoint, self.standing)
    }

    /// Takes a slot for one more.
    pub(super) fn admit(&mut self, slots: &mut Slots) -> Ticket {
        self.under_way = self.under_way.saturating_add(1);
        let ticket = Ticket {
            endpoint: self.endpoint.clone(),
            standing: self.standing,
        };
        slots.take(&ticket);
        ticket
    }

    /// May one more wait here? Nobody waits for an endpoint that fails.
    pub(super) fn lets_wait(&self) -> bool {
        self.standing != Standing::Failing && self.waiting.len() < QUEUE
    }

    pub(super) fn is_busy(&self) -> bool {
        self.under_way > 0 || !self.waiting.is_empty()
    }

    /// One that was under way has ended.
    pub(super) fn learn(&mut self, outcome: Outcome, took: Duration) {
        self.under_way = self.under_way.saturating_sub(1);
        match outcome {
            Outcome::NotSent => return,
            Outcome::Taken => {
                self.standing = Standing::Good;
                self.window = self.window.saturating_mul(2).min(WINDOW);
            }
            Outcome::Failed => {
                self.window = (self.window / 2).max(1);
                if self.window == 1 {
                    self.standing = Standing::Failing;
                }
            }
        }
        self.usually = self.usually.saturating_mul(3).saturating_add(took) / 4;
    }

    /// How long a delivery that finds no room should stay away. Each gets the time at which it would be
    /// its turn, so that they come back one by one as the endpoint can take them.
    pub(super) fn hold_off(&mut self, now: Instant) -> Duration {
        let window = u32::try_from(self.window).unwrap_or(1).max(1);
        let pace = self.usually / window;
        let earliest = now + HOLD_OFF;
        let latest = now + HOLD_OFF_AT_MOST;
        self.booked = (self.booked + pace).clamp(earliest, latest);
        self.booked.duration_since(now)
    }
}
