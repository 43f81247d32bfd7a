//! What becomes of a delivery: taken to be sent, put back, attempted, asked for again.

use super::{Attempt, Delivery, DeliveryState, Health};
use crate::{Millis, Timestamp, schedule};

/// The longest that a receiver may put off the next attempt.
const RETRY_AFTER_AT_MOST: Millis = 12 * 3600 * 1000;

/// So many attempts of one delivery are kept.
const ATTEMPTS: usize = 30;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was answered.
    Answered {
        /// With this status.
        status: u16,
        /// What its `Retry-After` asks for.
        retry_after: Option<Millis>,
    },
    /// Nobody answered, or nothing that is an answer.
    Silent,
    /// It was not sent: without a secret to sign with, nothing leaves.
    NotSent,
    /// There is nobody to send it to any more: the endpoint was deleted.
    Gone,
}

impl End {
    /// Was it taken?
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Answered { status, .. } if (200..300).contains(status))
    }

    /// The status, when there was an answer.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The wait that the receiver asks for, where it may.
    pub const fn asked_for(&self) -> Option<Millis> {
        match self {
            Self::Answered {
                status: 429 | 503,
                retry_after,
            } => *retry_after,
            _ => None,
        }
    }
}

/// What follows from an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled {
    /// The delivery from now on.
    pub delivery: Delivery,
    /// How its target does from now on.
    pub health: Health,
    /// Its endpoint is disabled from now on, for this reason.
    pub disable: Option<&'static str>,
}

/// An attempt was made: delivered, to be tried again and when, or given up. `jitter` is in 0.0 ..= 1.0.
pub fn attempted(
    mut delivery: Delivery,
    health: Health,
    attempt: Attempt,
    end: &End,
    jitter: f64,
    now: Timestamp,
) -> Ruled {
    delivery.lease = None;
    delivery.made = delivery.made.saturating_add(1);
    delivery.tries = delivery.tries.saturating_add(1);
    delivery.attempts.push(attempt);
    let surplus = delivery.attempts.len().saturating_sub(ATTEMPTS);
    delivery.attempts.drain(..surplus);
    let gone = end.status() == Some(410);
    let wait = if end.is_good() || gone || *end == End::Gone {
        None
    } else {
        schedule::delivery_wait(delivery.tries.saturating_add(1), jitter)
    };
    let wait = wait.map(crate::time::millis);
    let asked = end.asked_for().unwrap_or(0).min(RETRY_AFTER_AT_MOST);
    delivery.due = wait.map(|wait| now.plus(wait.max(asked)));
    delivery.state = match delivery.due {
        Some(_) => DeliveryState::Pending,
        None if end.is_good() => DeliveryState::Delivered,
        None => DeliveryState::Dead,
    };
    let disable = gone && delivery.target.endpoint().is_some();
    Ruled {
        health: health.learn(end, now),
        delivery,
        disable: disable.then_some("it answered 410 Gone"),
    }
}

/// Somebody sends it until `until`: with a new fencing token, and nobody else does before that.
#[must_use]
pub fn taken(mut delivery: Delivery, until: Timestamp) -> Delivery {
    delivery.fence = delivery.fence.saturating_add(1);
    delivery.lease = Some(until);
    delivery.due = None;
    delivery
}

/// It was not sent after all, and is due at `due`.
#[must_use]
pub fn put_back(mut delivery: Delivery, due: Timestamp) -> Delivery {
    delivery.lease = None;
    delivery.due = Some(due);
    delivery
}

/// Somebody asks for it again: it is due now, with all its attempts before it. One that is being sent
/// stays as it is.
#[must_use]
pub fn redelivered(mut delivery: Delivery, now: Timestamp) -> Delivery {
    if delivery.lease.is_some() {
        return delivery;
    }
    delivery.state = DeliveryState::Pending;
    delivery.tries = 0;
    delivery.due = Some(now);
    delivery
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::event::{Content, Event, EventKind, Target};

    const NOW: Timestamp = Timestamp::from_seconds(1_772_203_771);

    fn delivery(target: &str) -> Delivery {
        let event = Event {
            id: "msg_1".parse().unwrap(),
            tenant: "demo".parse().unwrap(),
            kind: EventKind::TaskCompleted,
            at: NOW,
            task: None,
            callback_url: None,
            trace: None,
            content: Content::Json("{}".to_owned()),
        };
        let target: Target = target.parse().unwrap();
        taken(Delivery::new(&event, target), NOW.plus(30_000))
    }

    fn attempt(end: &End) -> Attempt {
        Attempt {
            at: NOW,
            took_ms: 1,
            status: end.status(),
            answer: None,
            error: None,
        }
    }

    fn answered(status: u16) -> End {
        End::Answered {
            status,
            retry_after: None,
        }
    }

    fn after(delivery: Delivery, end: End) -> Ruled {
        attempted(delivery, Health::default(), attempt(&end), &end, 0.0, NOW)
    }

    #[test]
    fn silence_and_every_other_status_is_tried_nine_times_in_all() {
        let seconds = [5, 30, 120, 600, 1800, 7200, 21_600, 43_200];
        for end in [
            End::Silent,
            End::NotSent,
            answered(302),
            answered(404),
            answered(500),
        ] {
            let mut delivery = delivery("ep_a");
            for seconds in seconds {
                delivery = after(delivery, end).delivery;
                assert_eq!(delivery.state, DeliveryState::Pending);
                assert_eq!(delivery.due, Some(NOW.plus(seconds * 1000)));
                assert_eq!(delivery.lease, None);
            }
            let last = after(delivery, end);
            assert_eq!(
                (last.delivery.state, last.delivery.due),
                (DeliveryState::Dead, None)
            );
            assert_eq!((last.delivery.made, last.disable), (9, None));
        }
    }

    #[rstest]
    #[case(200)]
    #[case(202)]
    #[case(204)]
    #[case(299)]
    fn taken_is_taken(#[case] status: u16) {
        let ruled = after(delivery("ep_a"), answered(status));
        assert_eq!(ruled.delivery.state, DeliveryState::Delivered);
        assert_eq!((ruled.delivery.due, ruled.disable), (None, None));
    }

    #[test]
    fn gone_is_given_up_at_once_and_disables_an_endpoint_but_no_callback() {
        let endpoint = after(delivery("ep_a"), answered(410));
        assert_eq!(endpoint.delivery.state, DeliveryState::Dead);
        assert!(endpoint.disable.is_some());
        let callback = after(
            delivery(Target::callback("https://a.b/").as_str()),
            answered(410),
        );
        assert_eq!(callback.delivery.state, DeliveryState::Dead);
        assert_eq!(callback.disable, None);
        let deleted = after(delivery("ep_a"), End::Gone);
        assert_eq!(deleted.delivery.state, DeliveryState::Dead);
        assert_eq!(deleted.disable, None);
    }

    #[rstest]
    #[case::later_than_the_plan(429, 90, 90)]
    #[case::earlier_than_the_plan(503, 1, 5)]
    #[case::too_late(503, 1_000_000, 43_200)]
    #[case::without_the_right_to_ask(500, 90, 5)]
    fn a_receiver_may_ask_for_more_time(
        #[case] status: u16,
        #[case] asked: i64,
        #[case] waited: i64,
    ) {
        let end = End::Answered {
            status,
            retry_after: Some(asked * 1000),
        };
        let due = after(delivery("ep_a"), end).delivery.due;
        assert_eq!(due, Some(NOW.plus(waited * 1000)));
    }

    #[test]
    fn what_is_asked_for_again_gets_the_whole_schedule_and_keeps_its_past() {
        let dead = after(delivery("ep_a"), answered(410)).delivery;
        let again = redelivered(dead, NOW);
        assert_eq!(
            (again.state, again.due),
            (DeliveryState::Pending, Some(NOW))
        );
        assert_eq!((again.made, again.tries, again.attempts.len()), (1, 0, 1));
        let sending = taken(again, NOW.plus(1));
        assert_eq!(
            redelivered(sending.clone(), NOW),
            sending,
            "it is being sent"
        );
        let failed = after(sending, End::Silent).delivery;
        assert_eq!(failed.due, Some(NOW.plus(5_000)));
        assert_eq!((failed.made, failed.tries), (2, 1));
    }

    #[test]
    fn a_delivery_does_not_grow_for_ever() {
        let mut delivery = delivery("ep_a");
        for _ in 0..100 {
            delivery = redelivered(after(delivery, End::Silent).delivery, NOW);
        }
        assert_eq!((delivery.made, delivery.attempts.len()), (100, ATTEMPTS));
    }
}
