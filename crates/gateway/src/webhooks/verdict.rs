//! What follows from an attempt: taken, to be tried again and when, or given up.

use std::time::Duration;

use evogate_models::event::DeliveryState;
use evogate_models::{Timestamp, schedule};

/// The longest that a receiver may put off the next attempt.
const RETRY_AFTER_AT_MOST: Duration = Duration::from_hours(12);

/// How an attempt ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct End {
    /// The status, when there was an answer.
    pub(super) status: Option<u16>,
    /// What its `Retry-After` asks for.
    pub(super) retry_after: Option<Duration>,
}

impl End {
    /// Was it taken?
    pub(super) fn is_good(self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }

    /// Where the delivery stands after `made` attempts, and when it is due again.
    pub(super) fn verdict(
        self,
        made: usize,
        jitter: f64,
        now: Timestamp,
    ) -> (DeliveryState, Option<Timestamp>) {
        if self.is_good() {
            return (DeliveryState::Delivered, None);
        }
        let next = u32::try_from(made).unwrap_or(u32::MAX).saturating_add(1);
        let wait = match self.status {
            Some(410) => None,
            _ => schedule::delivery_wait(next, jitter),
        };
        let Some(wait) = wait else {
            return (DeliveryState::Dead, None);
        };
        let asked = match self.status {
            Some(429 | 503) => self.retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let wait = wait.max(asked.min(RETRY_AFTER_AT_MOST));
        (DeliveryState::Pending, Some(now.after(wait)))
    }
}

/// What a `Retry-After` asks for: seconds, or a date (RFC 9110 §10.2.3).
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    let wait = Timestamp::from_millis(date.as_millisecond()).since(now);
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_772_203_771);

    fn ended(status: u16) -> End {
        End {
            status: Some(status),
            retry_after: None,
        }
    }

    #[test]
    fn silence_and_every_other_status_is_tried_nine_times_in_all() {
        let seconds = [5, 30, 120, 600, 1800, 7200, 21_600, 43_200];
        for end in [End::default(), ended(302), ended(404), ended(500)] {
            for (made, seconds) in (1..).zip(seconds) {
                let due = NOW.plus(seconds * 1000);
                assert_eq!(
                    end.verdict(made, 0.0, NOW),
                    (DeliveryState::Pending, Some(due))
                );
            }
            assert_eq!(end.verdict(9, 0.0, NOW), (DeliveryState::Dead, None));
        }
    }

    #[test]
    fn taken_is_taken_and_gone_is_gone() {
        for status in [200, 202, 204, 299] {
            let verdict = ended(status).verdict(1, 0.0, NOW);
            assert_eq!(verdict, (DeliveryState::Delivered, None));
        }
        assert_eq!(ended(410).verdict(1, 0.0, NOW), (DeliveryState::Dead, None));
    }

    #[rstest]
    #[case::later_than_the_plan(429, 90, 90)]
    #[case::earlier_than_the_plan(503, 1, 5)]
    #[case::too_late(503, 1_000_000, 43_200)]
    #[case::without_the_right_to_ask(500, 90, 5)]
    fn a_receiver_may_ask_for_more_time(
        #[case] status: u16,
        #[case] asked: u64,
        #[case] waited: i64,
    ) {
        let end = End {
            status: Some(status),
            retry_after: Some(Duration::from_secs(asked)),
        };
        let due = Some(NOW.plus(waited * 1000));
        assert_eq!(end.verdict(1, 0.0, NOW), (DeliveryState::Pending, due));
    }

    #[rstest]
    #[case("120", Some(120))]
    #[case(" 7 ", Some(7))]
    #[case("Fri, 27 Feb 2026 14:50:31 GMT", Some(60))]
    #[case("Fri, 27 Feb 2026 14:00:00 GMT", Some(0))]
    #[case("soon", None)]
    #[case("-1", None)]
    #[case("", None)]
    fn both_forms_of_retry_after_are_read(#[case] value: &str, #[case] seconds: Option<u64>) {
        assert_eq!(retry_after(value, NOW), seconds.map(Duration::from_secs));
    }
}
