//! The body of a submit, and the certainty about whether any of it went out.
//!
//! A submit whose body never began to go out can't have made a task, however it ended. So the body knows:
//! its first poll, which is when the HTTP client takes bytes from it for the wire, decides once and for all
//! whether it goes. Whoever sends can take that decision away ([`Departure::withdraw`]); after that not a
//! byte goes, although the client's own task may still hold the body.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use evogate_models::Timestamp;
use evogate_store::clock::Clock;
use http_body::{Body, Frame, SizeHint};

/// What became of a body. Decided once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was handed to the connection: some of it may have gone out, or all.
    Begun,
    /// It was asked for after its time. Nothing of it went out.
    Late,
    /// It was taken back before it was asked for. Nothing of it goes out any more.
    Withdrawn,
}

/// The sender's hold on a body that is on its way. Dropped, it withdraws the body if that is still possible:
/// a submit that nobody waits for does not begin.
#[derive(Debug)]
pub(super) struct Departure(Arc<OnceLock<Fate>>);

impl Departure {
    /// Withdraws the body unless its fate is decided. Says what became of it.
    pub(super) fn withdraw(&self) -> Fate {
        *self.0.get_or_init(|| Fate::Withdrawn)
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// Why a body is not sent after all.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the submit was stopped before its body went out")]
pub(super) struct Stopped;

/// A body that is sent in one piece, at `not_after` at the latest, and can't be cloned: an HTTP client can
/// send it at most once.
pub(super) struct SubmitBody {
    bytes: Option<Bytes>,
    not_after: Timestamp,
    clock: Arc<dyn Clock>,
    fate: Arc<OnceLock<Fate>>,
}

impl SubmitBody {
    pub(super) fn new(
        bytes: Bytes,
        not_after: Timestamp,
        clock: Arc<dyn Clock>,
    ) -> (Self, Departure) {
        let fate = Arc::new(OnceLock::new());
        if bytes.is_empty() {
            // An HTTP client need not ask for it, so nothing would be known.
            fate.get_or_init(|| Fate::Begun);
        }
        let departure = Departure(Arc::clone(&fate));
        let body = Self {
            bytes: Some(bytes),
            not_after,
            clock,
            fate,
        };
        (body, departure)
    }

    fn decide(&self) -> Fate {
        *self.fate.get_or_init(|| {
            if self.clock.now() > self.not_after {
                Fate::Late
            } else {
                Fate::Begun
            }
        })
    }
}

impl Body for SubmitBody {
    type Data = Bytes;
    type Error = Stopped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Stopped>>> {
        let Some(bytes) = self.bytes.take() else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(match self.decide() {
            Fate::Begun => Ok(Frame::data(bytes)),
            Fate::Late | Fate::Withdrawn => Err(Stopped),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    /// Exact, so that the length is sent ahead and a cut-off body can't pass for a whole one.
    fn size_hint(&self) -> SizeHint {
        let left = self.bytes.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(u64::try_from(left).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use evogate_store::clock::ManualClock;
    use http_body_util::BodyExt as _;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_772_203_771);

    fn body(text: &'static str) -> (SubmitBody, Departure, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(NOW));
        let (body, departure) =
            SubmitBody::new(Bytes::from_static(text.as_bytes()), NOW, clock.clone());
        (body, departure, clock)
    }

    #[tokio::test]
    async fn a_body_in_time_goes_whole_and_says_its_length_ahead() {
        let (body, departure, _) = body("{}");
        assert_eq!(body.size_hint().exact(), Some(2));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "{}");
        assert_eq!(departure.withdraw(), Fate::Begun);
    }

    #[tokio::test]
    async fn a_body_after_its_time_does_not_go() {
        let (body, departure, clock) = body("{}");
        clock.advance(1);
        assert!(body.collect().await.is_err());
        assert_eq!(departure.withdraw(), Fate::Late);
    }

    #[tokio::test]
    async fn a_body_that_was_withdrawn_does_not_go_although_somebody_still_holds_it() {
        let (body, departure, _) = body("{}");
        assert_eq!(departure.withdraw(), Fate::Withdrawn);
        assert!(body.collect().await.is_err());
        assert_eq!(departure.withdraw(), Fate::Withdrawn);
    }

    #[tokio::test]
    async fn a_body_that_nobody_waits_for_does_not_go() {
        let (body, departure, _) = body("{}");
        drop(departure);
        assert!(body.collect().await.is_err());
    }

    #[test]
    fn a_body_is_not_over_before_it_was_asked_for() {
        let (body, departure, _) = body("");
        assert!(!body.is_end_stream());
        // Whether it was sent can't be known, so it is never called unsent.
        assert_eq!(departure.withdraw(), Fate::Begun);
    }
}
