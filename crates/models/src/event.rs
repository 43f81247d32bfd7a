//! What tenants are told by webhook, and how a delivery goes.

use serde::{Deserialize, Serialize};

use crate::{EventId, TaskId, TenantId, Timestamp};

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// The task is done.
    #[serde(rename = "task.completed")]
    TaskCompleted,
    /// The task ended without a result, whatever the reason.
    #[serde(rename = "task.failed")]
    TaskFailed,
    /// The task was cancelled.
    #[serde(rename = "task.cancelled")]
    TaskCancelled,
}

impl EventKind {
    /// As receivers see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TaskCompleted => "task.completed",
            Self::TaskFailed => "task.failed",
            Self::TaskCancelled => "task.cancelled",
        }
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be sent, or sent again.
    Pending,
    /// A receiver answered 2xx.
    Delivered,
    /// Given up: the last attempt failed, or the receiver answered 410.
    Dead,
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

/// One event on its way to one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The event's id: `webhook-id`, the same on every attempt.
    pub event: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The task that it tells of.
    pub task: TaskId,
    /// What happened.
    pub kind: EventKind,
    /// When it happened.
    pub at: Timestamp,
    /// The address.
    pub url: String,
    /// The body, as it was when the event happened.
    pub body: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// The attempts so far.
    pub attempts: Vec<Attempt>,
    /// When it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Until when somebody is sending it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Timestamp>,
    /// The last fencing token given out.
    #[serde(default)]
    pub fence: u64,
}
