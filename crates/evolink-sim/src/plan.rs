//! How long a task takes and how its progress moves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalogue::Kind;
use crate::clock::{Millis, SECOND, millis};
use crate::fault::Faults;

/// EvoLink tutorial: progress moves every 5–7 s.
const STEP: Millis = 6 * SECOND;
/// EvoLink tutorial: pending lasts up to 30 s.
const LONGEST_PENDING: Millis = 30 * SECOND;

/// The steps of a task, fixed when it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// How long it is pending.
    pub(crate) pending: Millis,
    /// How long it takes in all.
    pub(crate) total: Millis,
    /// In how many steps its progress moves.
    pub(crate) steps: u64,
    /// False for a task that never ends by itself.
    pub(crate) finishes: bool,
}

impl Plan {
    /// The steps of a task that is expected to take so long.
    pub(crate) fn new(expected: Millis, faults: &Faults, speed: f64, instant: bool) -> Self {
        let pending = (expected / 8).min(LONGEST_PENDING);
        let steps = ((expected - pending) / STEP).max(1);
        let finishes = !faults.any(|fault| fault.never_finish);
        let total = match faults.first(|fault| fault.seconds) {
            Some(seconds) => duration(seconds),
            None if instant || faults.any(|fault| fault.callback_before_answer) => 0,
            None => {
                duration(Duration::from_millis(expected).as_secs_f64() / speed.max(f64::EPSILON))
            }
        };
        let pending = total.saturating_mul(pending) / expected.max(1);
        Self {
            pending,
            total,
            steps,
            finishes,
        }
    }
}

/// The middle of the tutorial's table: 4 s 480p 20–40 s, 5 s 720p 30–60 s, 10 s 720p 60–90 s,
/// 15 s 1080p 90–180 s.
pub(crate) fn expected_time(kind: Kind, seconds: u32, quality: &str) -> Millis {
    let at_720p = match kind {
        Kind::Video => 15 * SECOND + 6 * SECOND * u64::from(seconds),
        Kind::Image => 15 * SECOND,
        Kind::Audio => 60 * SECOND,
    };
    match quality {
        "480p" => at_720p * 3 / 4,
        "1080p" => at_720p * 5 / 4,
        "4k" => at_720p * 2,
        _ => at_720p,
    }
}

/// EvoLink's own estimate runs high: 132 s for what takes 45.
pub(crate) fn estimated_time(expected: Millis) -> u64 {
    expected * 44 / 15 / SECOND
}

fn duration(seconds: f64) -> Millis {
    Duration::try_from_secs_f64(seconds).map_or(Millis::MAX, millis)
}
