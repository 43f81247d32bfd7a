//! The steps of a task's timeline: what happened, in the order in which it was recorded.
//!
//! This is the stored form, amounts in micro-credits. [`Step::AMOUNTS`] names the fields that hold
//! amounts, for whoever shows a step.

use serde::{Deserialize, Serialize};

use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::event::EventKind;
use crate::{Credits, EndpointId, Timestamp, UpstreamId};

/// What came instead of an answer, so that a submit's outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Why(pub String);

impl<T: Into<String>> From<T> for Why {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// A step of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When, on the store's clock.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub step: Step,
}

impl Step {
    /// What an attempt at a delivery, which then stands as it does, is in the timeline of its task.
    pub fn delivery(delivery: &Delivery, attempt: &Attempt) -> Self {
        let outcome = match delivery.state {
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dead => "given up",
            DeliveryState::Pending => "to be tried again",
        };
        Self::Delivery {
            event: Some(delivery.kind),
            endpoint: delivery.target.endpoint().cloned(),
            attempt: delivery.made,
            status: attempt.status,
            error: attempt.error.clone(),
            outcome: outcome.to_owned(),
        }
    }

    /// The fields that hold amounts.
    pub const AMOUNTS: &[&str] = &["credits", "reserved", "from", "to", "charged", "released"];
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// The hold was taken and the submit began.
    Held {
        /// How much.
        credits: Credits,
    },
    /// EvoLink could not take it now; it will be sent again.
    Queued {
        /// When.
        until: Timestamp,
        /// Why.
        why: Why,
    },
    /// It is sent again.
    Resumed,
    /// EvoLink has it.
    Bound {
        /// EvoLink's id.
        upstream: UpstreamId,
        /// How it was found.
        by: String,
        /// EvoLink's `credits_reserved`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reserved: Option<Credits>,
    },
    /// The hold moved to what EvoLink reserved.
    Moved {
        /// The hold before.
        from: Credits,
        /// The hold from now on.
        to: Credits,
    },
    /// EvoLink reserved more than three times the estimate; the hold stays.
    ReservedTooFar {
        /// What EvoLink reserved.
        reserved: Credits,
    },
    /// The submit's outcome is not known.
    Unknown {
        /// What came instead of an answer.
        why: Why,
    },
    /// The submit was refused.
    Rejected {
        /// The HTTP status of the refusal.
        status: u16,
        /// `error.code`.
        code: String,
        /// `error.message`.
        message: String,
    },
    /// A callback of EvoLink's came.
    Callback,
    /// EvoLink was asked, and what it said was new.
    Read {
        /// The status.
        status: String,
        /// Percent done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        progress: Option<u8>,
    },
    /// EvoLink was asked in vain.
    ReadFailed {
        /// What came instead.
        why: Why,
    },
    /// The client wants it cancelled.
    CancelWanted,
    /// EvoLink was asked to cancel it.
    CancelSent {
        /// What it answered.
        answer: Why,
    },
    /// It ended.
    Ended {
        /// The state.
        state: String,
    },
    /// The tenant paid.
    Settled {
        /// How much.
        charged: Credits,
        /// The rest of the hold, given back.
        released: Credits,
    },
    /// The whole hold was given back.
    Released {
        /// How much.
        credits: Credits,
    },
    /// What EvoLink bills beyond what the tenant paid, as known now.
    PlatformLoss {
        /// How much.
        credits: Credits,
    },
    /// A record that the store had lost was made again from a callback's token or a bind.
    Restored,
    /// Its results run out soon, and the tenant does not seem to have them.
    Expiring,
    /// One attempt to deliver a webhook.
    Delivery {
        /// Which event; absent in notes that are older than events with several targets.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<EventKind>,
        /// The endpoint, where it did not go to the request's `callback_url`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<EndpointId>,
        /// The attempt's number, from 1.
        attempt: u32,
        /// The HTTP status, when there was an answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// What went wrong, when something did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Delivered, to be tried again, or given up.
        outcome: String,
    },
}
