//! The counters under a tenant's quota.

use serde::{Deserialize, Serialize};

use super::{Limits, Period};
use crate::{Credits, Timestamp};

/// What one calendar window has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counter {
    /// The window's beginning.
    pub start: Timestamp,
    /// What was held in it, less what was given back of those holds.
    pub used: Credits,
}

/// The counters of one scope: a tenant, one of its users, one of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// This day.
    pub day: Counter,
    /// This week.
    pub week: Counter,
    /// This month.
    pub month: Counter,
    /// Ever: for a key's own cap.
    pub total: Credits,
}

/// The beginnings of the windows that a hold was taken in, in the order of [`Period::ALL`].
pub type Starts = [Timestamp; 3];

/// For each period, in the order of [`Period::ALL`], when the window around now begins and when the
/// next one does. Made before the step that takes the hold, which may come a moment after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Windows(pub [(Timestamp, Timestamp); 3]);

impl Windows {
    /// The beginnings of the windows that `now` is in.
    pub fn at(&self, now: Timestamp) -> Starts {
        self.0
            .map(|(start, next)| if now < next { start } else { next })
    }
}

impl Usage {
    fn counter(&mut self, period: Period) -> &mut Counter {
        match period {
            Period::Day => &mut self.day,
            Period::Week => &mut self.week,
            Period::Month => &mut self.month,
        }
    }

    /// What the window that begins at `start` has counted; nothing when it is a new one.
    pub fn used(mut self, period: Period, start: Timestamp) -> Credits {
        let counter = self.counter(period);
        if counter.start == start {
            counter.used
        } else {
            Credits::ZERO
        }
    }

    /// The usage once `amount` is held in the windows that begin at `starts`. A window that is newer
    /// than the counter's begins it anew; one that is older (a clock that went back) leaves it.
    #[must_use]
    pub fn held(mut self, starts: Starts, amount: Credits) -> Self {
        for (period, start) in Period::ALL.into_iter().zip(starts) {
            let counter = self.counter(period);
            if start > counter.start {
                *counter = Counter {
                    start,
                    used: Credits::ZERO,
                };
            }
        }
        self.changed(starts, amount)
    }

    /// The usage once a hold that was taken in the windows at `starts` changed by `change`. Windows
    /// that are over count nothing any more.
    #[must_use]
    pub fn changed(mut self, starts: Starts, change: Credits) -> Self {
        let add = |sum: Credits| {
            let sum = sum.checked_add(change).unwrap_or(Credits::MAX);
            if sum.is_negative() {
                Credits::ZERO
            } else {
                sum
            }
        };
        for (period, start) in Period::ALL.into_iter().zip(starts) {
            let counter = self.counter(period);
            if counter.start == start {
                counter.used = add(counter.used);
            }
        }
        self.total = add(self.total);
        self
    }

    /// The first window of `limits` that `amount` does not fit into, with what is left in it.
    pub fn overrun(
        &self,
        limits: &Limits,
        starts: Starts,
        amount: Credits,
    ) -> Option<(Period, Credits)> {
        Period::ALL
            .into_iter()
            .zip(starts)
            .find_map(|(period, start)| {
                let left = limits.of(period)?.saturating_less(self.used(period, start));
                (amount > left).then_some((period, left))
            })
    }
}

/// The state of a rate: GCRA, the theoretical arrival time of the next request, in microseconds since
/// the Unix epoch. Whole numbers below 2^53, so that Lua counts the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(pub i64);

/// What a client may be told of its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateState {
    /// How many may come at once.
    pub limit: u32,
    /// How many may still come now.
    pub remaining: u32,
    /// Milliseconds until as many as `limit` may come again.
    pub reset: i64,
    /// Milliseconds until one more may come; zero while `remaining` is above zero.
    pub retry: i64,
}

/// Microseconds in a minute.
const MINUTE: i64 = 60_000_000;

impl Rate {
    /// Lets one request pass, `per_minute` of them at an even pace and `burst` of them at once; or says
    /// when to come back.
    pub fn pass(
        self,
        per_minute: u32,
        burst: u32,
        now: Timestamp,
    ) -> Result<(Self, RateState), RateState> {
        let now = now.millis().saturating_mul(1000);
        let step = MINUTE / i64::from(per_minute.max(1));
        let step = step.max(1);
        let full = step.saturating_mul(i64::from(burst.max(1)));
        // A clock that went back must not lock anybody out for longer than an empty bucket does.
        let from = self.0.clamp(now, now.saturating_add(full));
        let next = from.saturating_add(step);
        let over = next.saturating_sub(now).saturating_sub(full);
        let state = |at: i64, retry: i64| RateState {
            limit: burst.max(1),
            remaining: u32::try_from(full.saturating_sub(at.saturating_sub(now)) / step)
                .unwrap_or(0),
            reset: at.saturating_sub(now).saturating_add(999) / 1000,
            retry: retry.saturating_add(999) / 1000,
        };
        if over > 0 {
            return Err(state(from, over));
        }
        Ok((Self(next), state(next, 0)))
    }
}
