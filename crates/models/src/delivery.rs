//! One event on its way to one target, and the rules by which it goes on.
//!
//! Deliveries wait in their target's queue ([`Queue`]); a worker takes those that are due, each under a
//! lease with a fencing token, as many of one target as the target's [`Health`] allows. What follows from
//! an attempt is [`attempted`]. The store keeps what these rules answer, and decides nothing.

mod queue;
mod rule;

use serde::{Deserialize, Serialize};

use crate::event::{DeliveryId, Event, EventKind, Target};
use crate::{EventId, TaskId, TenantId, Timestamp};

pub use queue::{Health, Lane, Queue, Standing};
pub use rule::{End, Ruled, attempted, put_back, redelivered, taken};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be sent, or sent again.
    Pending,
    /// A receiver answered 2xx.
    Delivered,
    /// Given up: the last attempt failed, the receiver answered 410, or the endpoint was deleted.
    Dead,
}

impl DeliveryState {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// One attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// The HTTP status, when there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The first 1 KiB of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// What went wrong, when there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One event on its way to one target. At first all but the target is the event's own, so that whoever
/// has the event can make the delivery of any target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The event.
    pub event: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who is told.
    pub target: Target,
    /// What happened.
    pub kind: EventKind,
    /// When it happened.
    pub at: Timestamp,
    /// The task that it tells of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts ever.
    #[serde(default)]
    pub made: u32,
    /// Attempts since it was made, or asked for again: its place in the schedule.
    #[serde(default)]
    pub tries: u32,
    /// The last attempts, the newest last.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// When it is due; none while somebody sends it, and once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Until when somebody is sending it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Timestamp>,
    /// The last fencing token given out.
    #[serde(default)]
    pub fence: u64,
}

/// What a worker holds while it sends: recorded results are taken from whoever has the last fence.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Whose delivery it is.
    pub tenant: TenantId,
    /// Which.
    pub id: DeliveryId,
    /// The fencing token of its lease.
    pub fence: u64,
}

impl Delivery {
    /// The delivery of `event` to `target`, due at once.
    pub fn new(event: &Event, target: Target) -> Self {
        Self {
            event: event.id.clone(),
            tenant: event.tenant.clone(),
            target,
            kind: event.kind,
            at: event.at,
            task: event.task.clone(),
            state: DeliveryState::Pending,
            made: 0,
            tries: 0,
            attempts: Vec::new(),
            due: Some(event.at),
            lease: None,
            fence: 0,
        }
    }

    /// Its name within its tenant.
    pub fn id(&self) -> DeliveryId {
        DeliveryId {
            event: self.event.clone(),
            target: self.target.clone(),
        }
    }

    /// What whoever took it last holds.
    pub fn claim(&self) -> Claim {
        Claim {
            tenant: self.tenant.clone(),
            id: self.id(),
            fence: self.fence,
        }
    }
}
