//! The steps of a task's timeline: what happened, in the order in which it was recorded.
//!
//! This is the stored form, amounts in micro-credits. [`Step::AMOUNTS`] names the fields that hold
//! amounts, for whoever shows a step.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::event::EventKind;
use crate::{Credits, EndpointId, Timestamp, UpstreamId};

/// What came instead of an answer, so that a submit's outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct Why(#[n(0)] pub String);

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// The hold was taken and the submit began.
    #[n(0)]
    Held {
        /// How much.
        #[n(0)]
        credits: Credits,
    },
    /// EvoLink could not take it now; it will be sent again.
    #[n(1)]
    Queued {
        /// When.
        #[n(0)]
        until: Timestamp,
        /// Why.
        #[n(1)]
        why: Why,
    },
    /// It is sent again.
    #[n(2)]
    Resumed,
    /// EvoLink has it.
    #[n(3)]
    Bound {
        /// EvoLink's id.
        #[n(0)]
        upstream: UpstreamId,
        /// How it was found.
        #[n(1)]
        by: String,
        /// EvoLink's `credits_reserved`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[n(2)]
        reserved: Option<Credits>,
    },
    /// The hold moved to what EvoLink reserved.
    #[n(4)]
    Moved {
        /// The hold before.
        #[n(0)]
        from: Credits,
        /// The hold from now on.
        #[n(1)]
        to: Credits,
    },
    /// EvoLink reserved more than three times the estimate; the hold stays.
    #[n(5)]
    ReservedTooFar {
        /// What EvoLink reserved.
        #[n(0)]
        reserved: Credits,
    },
    /// The submit's outcome is not known.
    #[n(6)]
    Unknown {
        /// What came instead of an answer.
        #[n(0)]
        why: Why,
    },
    /// The submit was refused.
    #[n(7)]
    Rejected {
        /// The HTTP status of the refusal.
        #[n(0)]
        status: u16,
        /// `error.code`.
        #[n(1)]
        code: String,
        /// `error.message`.
        #[n(2)]
        message: String,
    },
    /// A callback of EvoLink's came.
    #[n(8)]
    Callback,
    /// EvoLink was asked, and what it said was new.
    #[n(9)]
    Read {
        /// The status.
        #[n(0)]
        status: String,
        /// Percent done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[n(1)]
        progress: Option<u8>,
    },
    /// EvoLink was asked in vain.
    #[n(10)]
    ReadFailed {
        /// What came instead.
        #[n(0)]
        why: Why,
    },
    /// The client wants it cancelled.
    #[n(11)]
    CancelWanted,
    /// EvoLink was asked to cancel it.
    #[n(12)]
    CancelSent {
        /// What it answered.
        #[n(0)]
        answer: Why,
    },
    /// It ended.
    #[n(13)]
    Ended {
        /// The state.
        #[n(0)]
        state: String,
    },
    /// The tenant paid.
    #[n(14)]
    Settled {
        /// How much.
        #[n(0)]
        charged: Credits,
        /// The rest of the hold, given back.
        #[n(1)]
        released: Credits,
    },
    /// The whole hold was given back.
    #[n(15)]
    Released {
        /// How much.
        #[n(0)]
        credits: Credits,
    },
    /// What EvoLink bills beyond what the tenant paid, as known now.
    #[n(16)]
    PlatformLoss {
        /// How much.
        #[n(0)]
        credits: Credits,
    },
    /// A record that the store had lost was made again from a callback's token or a bind.
    #[n(17)]
    Restored,
    /// Its results run out soon, and the tenant does not seem to have them.
    #[n(18)]
    Expiring,
    /// One attempt to deliver a webhook.
    #[n(19)]
    Delivery {
        /// Which event; absent in notes that are older than events with several targets.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[n(0)]
        event: Option<EventKind>,
        /// The endpoint, where it did not go to the request's `callback_url`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[n(1)]
        endpoint: Option<EndpointId>,
        /// The attempt's number, from 1.
        #[n(2)]
        attempt: u32,
        /// The HTTP status, when there was an answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[n(3)]
        status: Option<u16>,
        /// What went wrong, when something did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[n(4)]
        error: Option<String>,
        /// Delivered, to be tried again, or given up.
        #[n(5)]
        outcome: String,
    },
}
