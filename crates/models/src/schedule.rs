//! When a worker should look at a task next. Pure arithmetic on the task's own times.

use std::time::Duration;

use crate::task::{State, Task};
use crate::{Millis, Timestamp};

/// Between reads while the task is within its usual time.
const USUAL: Millis = 10_000;
/// Between reads once it is past its longest usual time, growing to [`RAREST`].
const LATE: Millis = 20_000;
/// The rarest that an unfinished task is read.
const RAREST: Millis = 120_000;
/// After a callback, a look that finds no end is tried again after these (invariant 9).
const AFTER_HINT: [Millis; 3] = [1_000, 2_000, 4_000];
/// Between attempts to heal an unknown submit: soon at first, since a callback or EvoLink's list may
/// show it within seconds; then rarer.
const HEAL_FIRST: Millis = 3_000;
const HEAL_RAREST: Millis = 60_000;
/// Between looks for a task that was given up as lost: for the platform's books only.
const LOST: Millis = 600_000;

/// The due time of a task that was just bound: the shortest time in which such tasks end, on the
/// catalogue's word, since EvoLink's own estimate runs two to three times too high.
pub fn first_read(task: &Task, now: Timestamp) -> Timestamp {
    let shortest = i64::from(task.spec.shortest).saturating_mul(1000);
    task.created
        .plus(shortest)
        .max(now.plus(1_000))
        .min(task.deadline)
}

/// The due time after a look that ended nothing.
pub fn next_look(task: &Task, now: Timestamp) -> Timestamp {
    let wait = after_hint(task).unwrap_or_else(|| match &task.state {
        State::Unknown { since, .. } => {
            // A fifth of the time already waited: 3 s at first, a minute from five minutes on.
            let waited = now.since(*since).max(0);
            (waited / 5).clamp(HEAL_FIRST, HEAL_RAREST)
        }
        State::Pending | State::Processing => {
            let longest = i64::from(task.spec.longest).saturating_mul(1000);
            let late = now.since(task.created).saturating_sub(longest);
            if late <= 0 {
                USUAL
            } else {
                LATE.saturating_add(late / 10).min(RAREST)
            }
        }
        _ => LOST,
    });
    let next = now.plus(wait);
    match &task.state {
        State::Unknown { until, .. } => next.min(*until),
        State::Pending | State::Processing => next.min(task.deadline),
        _ => next,
    }
}

fn after_hint(task: &Task) -> Option<Millis> {
    let reads = usize::try_from(task.hint.as_ref()?.reads).ok()?;
    AFTER_HINT.get(reads).copied()
}

/// Is a look still one of those that follow a hint, after `reads` that found no end?
pub fn hint_is_fresh(reads: u32) -> bool {
    usize::try_from(reads).is_ok_and(|reads| reads <= AFTER_HINT.len())
}

/// The waits before a webhook's attempts (design, section 5): the first at once, then each after the
/// one before it failed. Jitter of 0 to 20 % comes on top.
pub const DELIVERY_WAITS: [Duration; 9] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(6),
    Duration::from_hours(12),
];

/// The wait before attempt `next` (counted from 1) with `jitter` in 0.0 ..= 1.0, or `None` when there
/// is no such attempt: the delivery is dead.
pub fn delivery_wait(next: u32, jitter: f64) -> Option<Duration> {
    let index = usize::try_from(next.checked_sub(1)?).ok()?;
    let wait = DELIVERY_WAITS.get(index)?;
    Some(wait.mul_f64(1.0 + 0.2 * jitter.clamp(0.0, 1.0)))
}
