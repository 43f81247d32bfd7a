//! One target's queue: how much may be under way to it, and when it is due.

use serde::{Deserialize, Serialize};

use super::End;
use crate::{Millis, Timestamp};

/// What is known of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nothing, yet.
    #[default]
    Unproven,
    /// It takes deliveries.
    Good,
    /// Its last deliveries failed: one probe at a time.
    Failing,
}

/// Which of the two sets of due queues a queue is in. Targets that have not shown that they answer have
/// one of their own, so that however many of them hang, those that work never wait behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Targets that take deliveries.
    Good,
    /// The others.
    Suspect,
}

impl Lane {
    /// Both, in the order in which they are served.
    pub const ALL: [Self; 2] = [Self::Good, Self::Suspect];
}

/// How a target does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// What is known of it.
    pub standing: Standing,
    /// How many deliveries may be under way to it at a time: doubles with every delivery that is taken and
    /// halves with every one that is not, so that a target that fails is left with a single probe, and is
    /// back at full speed a few deliveries after it recovered.
    pub window: u32,
    /// Failures since the last delivery that was taken.
    pub failures: u32,
    /// The breaker is open until then: nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Timestamp>,
    /// When it last took a delivery: in which minute, so that what is known of a target that takes one after
    /// the other is not another after each, and workers that record them at once don't get in each other's
    /// way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Timestamp>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            standing: Standing::Unproven,
            window: 1,
            failures: 0,
            paused: None,
            took: None,
        }
    }
}

impl Health {
    /// The most deliveries that are under way to one target.
    pub const MOST: u32 = 16;
    /// From so many failures in a row on, there is a pause after each.
    const PATIENCE: u32 = 3;
    /// The first pause; doubled with every failure.
    const PAUSE: Millis = 5_000;
    /// The longest pause after a failure.
    const LONGEST_PAUSE: Millis = 60_000;
    /// The longest pause that a receiver can ask for by `Retry-After`, for all that it is sent.
    const LONGEST_ASKED: Millis = 300_000;

    /// The health after an attempt.
    #[must_use]
    pub fn learn(self, end: &End, now: Timestamp) -> Self {
        if end.is_good() {
            return Self {
                standing: Standing::Good,
                window: self.window.saturating_mul(2).min(Self::MOST),
                failures: 0,
                paused: None,
                took: Some(minute(now)),
            };
        }
        let asked = match end {
            // It was not asked, or there is nobody: that says nothing.
            End::NotSent | End::Gone => return self,
            _ => end.asked_for().unwrap_or(0).min(Self::LONGEST_ASKED),
        };
        let failures = self.failures.saturating_add(1);
        let window = (self.window / 2).max(1);
        let doubled = failures.saturating_sub(Self::PATIENCE).min(10);
        let pause = if failures < Self::PATIENCE {
            0
        } else {
            (Self::PAUSE << doubled).min(Self::LONGEST_PAUSE)
        };
        let pause = pause.max(asked);
        let until = (pause > 0).then(|| now.plus(pause));
        Self {
            standing: if window == 1 {
                Standing::Failing
            } else {
                self.standing
            },
            window,
            failures,
            paused: self.paused.max(until),
            took: self.took,
        }
    }

    /// Which set of due queues its queue is in.
    pub const fn lane(&self) -> Lane {
        match self.standing {
            Standing::Good => Lane::Good,
            Standing::Unproven | Standing::Failing => Lane::Suspect,
        }
    }
}

/// The beginning of its minute.
const fn minute(time: Timestamp) -> Timestamp {
    Timestamp::from_seconds(time.seconds().div_euclid(60).saturating_mul(60))
}

/// A target's queue, besides what waits in it. One that is not stored is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Queue {
    /// How the target does.
    #[serde(flatten)]
    pub health: Health,
    /// The endpoint is disabled: what waits goes on waiting.
    #[serde(default)]
    pub closed: bool,
}

impl Queue {
    /// How many more may be taken while so many are being sent.
    pub fn room(&self, being_sent: usize, now: Timestamp) -> usize {
        let paused = self.health.paused.is_some_and(|until| now < until);
        if self.closed || paused {
            return 0;
        }
        let window = usize::try_from(self.health.window).unwrap_or(usize::MAX);
        window.saturating_sub(being_sent)
    }

    /// Is it worth keeping while nothing waits in it? What is known of an endpoint, as long as there is the
    /// endpoint (`registered`); of the targets of callbacks, those that take deliveries.
    pub fn is_kept_idle(&self, registered: bool) -> bool {
        *self != Self::default() && (registered || self.health.lane() == Lane::Good)
    }

    /// Is what is known of the target of a callback, in whose queue nothing waits, too old to be kept?
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let used = |took: Timestamp| now.since(took) < Self::KEPT_IDLE;
        !self.health.took.is_some_and(used)
    }

    /// How long it is kept that the target of a callback takes deliveries.
    pub const KEPT_IDLE: Millis = 24 * 3600 * 1000;

    /// When somebody should look at the queue: when what waits may be sent (`first` is the earliest due
    /// of what waits), or when a lease ends (`lease` is the one that ends first, of `being_sent`). None
    /// when there is nothing to do.
    pub fn due(
        &self,
        first: Option<Timestamp>,
        being_sent: usize,
        lease: Option<Timestamp>,
    ) -> Option<Timestamp> {
        if self.closed {
            return None;
        }
        let window = usize::try_from(self.health.window).unwrap_or(usize::MAX);
        let first = first.filter(|_| being_sent < window);
        let first = first.map(|first| self.health.paused.map_or(first, |until| first.max(until)));
        match (first, lease) {
            (Some(first), Some(lease)) => Some(first.min(lease)),
            (first, lease) => first.or(lease),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const TAKEN: End = End::Answered {
        status: 204,
        retry_after: None,
    };

    fn after(ends: &[End]) -> Health {
        ends.iter()
            .fold(Health::default(), |health, end| health.learn(end, NOW))
    }

    #[test]
    fn a_target_that_takes_deliveries_gets_more_at_a_time_up_to_a_limit() {
        let mut health = Health::default();
        for window in [2, 4, 8, 16, 16] {
            health = health.learn(&TAKEN, NOW);
            assert_eq!((health.window, health.lane()), (window, Lane::Good));
        }
    }

    #[test]
    fn deliveries_that_are_taken_at_about_the_same_time_change_nothing_one_after_the_other() {
        let steady = after(&[TAKEN; 4]);
        assert_eq!(steady.learn(&TAKEN, NOW.plus(59_999)), steady);
        assert_ne!(steady.learn(&TAKEN, NOW.plus(60_000)), steady);
    }

    #[test]
    fn a_target_that_fails_is_left_with_one_probe_and_then_with_pauses() {
        let mut health = after(&[TAKEN, TAKEN, TAKEN]);
        let mut seen = Vec::new();
        for _ in 0..9 {
            health = health.learn(&End::Silent, NOW);
            let pause = health.paused.map_or(0, |until| until.since(NOW) / 1000);
            seen.push((health.window, health.lane() == Lane::Good, pause));
        }
        let expected = [
            (4, true, 0),
            (2, true, 0),
            (1, false, 5),
            (1, false, 10),
            (1, false, 20),
            (1, false, 40),
            (1, false, 60),
            (1, false, 60),
            (1, false, 60),
        ];
        assert_eq!(seen, expected);
        health = health.learn(&TAKEN, NOW);
        assert_eq!((health.window, health.failures), (2, 0));
        assert_eq!((health.lane(), health.paused), (Lane::Good, None));
    }

    #[test]
    fn what_was_not_sent_says_nothing_of_the_target() {
        for end in [End::NotSent, End::Gone] {
            assert_eq!(after(&[end]), Health::default());
        }
    }

    #[test]
    fn a_receiver_that_asks_for_time_gets_it_for_all_that_it_is_sent() {
        let asked = |status, seconds: i64| End::Answered {
            status,
            retry_after: Some(seconds * 1000),
        };
        assert_eq!(after(&[asked(429, 90)]).paused, Some(NOW.plus(90_000)));
        assert_eq!(after(&[asked(503, 9_000)]).paused, Some(NOW.plus(300_000)));
        assert_eq!(
            after(&[asked(500, 90)]).paused,
            None,
            "it has no right to ask"
        );
    }

    #[test]
    fn a_queue_is_due_when_something_may_be_sent_or_a_lease_ends() {
        let at = |seconds: i64| Some(NOW.plus(seconds * 1000));
        let mut queue = Queue::default();
        assert_eq!(queue.due(None, 0, None), None);
        assert_eq!(queue.due(at(3), 0, None), at(3));
        assert_eq!(queue.due(at(3), 1, at(9)), at(9), "the window is used up");
        queue.health.window = 2;
        assert_eq!(queue.due(at(3), 1, at(9)), at(3));
        assert_eq!(queue.due(at(30), 1, at(9)), at(9));
        queue.health.paused = at(60);
        assert_eq!(queue.due(at(3), 0, None), at(60));
        assert_eq!(queue.due(at(3), 1, at(9)), at(9));
        assert_eq!(
            (queue.room(0, NOW), queue.room(0, NOW.plus(60_000))),
            (0, 2)
        );
        assert_eq!(queue.room(2, NOW.plus(60_000)), 0);
        queue.closed = true;
        assert_eq!(queue.due(at(3), 1, at(9)), None);
        assert_eq!(queue.room(0, NOW.plus(60_000)), 0);
    }
}
