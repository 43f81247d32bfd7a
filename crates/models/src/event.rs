//! What tenants are told by webhook.
//!
//! An event is stored once, with its body; who is told of it is a matter of deliveries
//! ([`crate::delivery`]), each of which names the event and its [`Target`].

mod target;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::credits::Decimal;
use crate::task::Task;
use crate::{Credits, EndpointId, EventId, TaskId, TenantId, Timestamp, TraceParent, view};

pub use target::{DeliveryId, InvalidTarget, Target};

/// The kinds of events.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[cbor(index_only)]
pub enum EventKind {
    /// The task is done.
    #[serde(rename = "task.completed")]
    #[n(0)]
    TaskCompleted,
    /// The task ended without a result, whatever the reason.
    #[serde(rename = "task.failed")]
    #[n(1)]
    TaskFailed,
    /// The task was cancelled.
    #[serde(rename = "task.cancelled")]
    #[n(2)]
    TaskCancelled,
    /// EvoLink deletes the task's results soon, and nobody seems to have them.
    #[serde(rename = "task.expiring")]
    #[n(3)]
    TaskExpiring,
    /// The tenant's balance fell below its own threshold.
    #[serde(rename = "credits.low")]
    #[n(4)]
    CreditsLow,
    /// An endpoint of the tenant's said that it is gone, and gets nothing any more.
    #[serde(rename = "endpoint.disabled")]
    #[n(5)]
    EndpointDisabled,
    /// Somebody tries an endpoint. Nobody subscribes to it: it goes to that endpoint alone.
    #[serde(rename = "endpoint.test")]
    #[n(6)]
    EndpointTest,
}

/// A text that names no kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be one of task.completed, task.failed, task.cancelled, task.expiring, credits.low, endpoint.disabled"
)]
pub struct UnknownEvent;

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::TaskCompleted,
        Self::TaskFailed,
        Self::TaskCancelled,
        Self::TaskExpiring,
        Self::CreditsLow,
        Self::EndpointDisabled,
        Self::EndpointTest,
    ];

    /// As receivers see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TaskCompleted => "task.completed",
            Self::TaskFailed => "task.failed",
            Self::TaskCancelled => "task.cancelled",
            Self::TaskExpiring => "task.expiring",
            Self::CreditsLow => "credits.low",
            Self::EndpointDisabled => "endpoint.disabled",
            Self::EndpointTest => "endpoint.test",
        }
    }

    /// Can an endpoint ask for it?
    pub const fn is_subscribable(self) -> bool {
        !matches!(self, Self::EndpointTest)
    }

    /// Does it go to the request's `callback_url`? As with EvoLink, that is told of the task's end and of
    /// nothing else.
    pub const fn calls_back(self) -> bool {
        matches!(
            self,
            Self::TaskCompleted | Self::TaskFailed | Self::TaskCancelled
        )
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<Self, UnknownEvent> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.as_str() == text).ok_or(UnknownEvent)
    }
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// This JSON, byte for byte: the task object, for events of tasks.
    Json(String),
    /// The balance, as numbers: a script of the store knows it, and writes no JSON for receivers.
    Credits {
        /// What may still be held.
        available: Credits,
        /// What it fell below.
        threshold: Credits,
    },
}

/// Something that happened, and that tenants are told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its id: `webhook-id`, the same on every attempt and for every target.
    pub id: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What happened.
    pub kind: EventKind,
    /// When it happened.
    pub at: Timestamp,
    /// The task that it tells of; none for events that are about no task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The request's `callback_url`, where it is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// The trace of the request that made the task, where somebody follows that: sent on with the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceParent>,
    /// What it says.
    pub content: Content,
}

impl Event {
    /// An event of `task`'s, as the task stands.
    pub fn of_task(task: &Task, kind: EventKind, at: Timestamp) -> Self {
        Self {
            id: EventId::of_task(&task.id, kind.as_str()),
            tenant: task.tenant.clone(),
            kind,
            at,
            task: Some(task.id.clone()),
            callback_url: task.callback_url.clone().filter(|_| kind.calls_back()),
            trace: task.trace,
            content: Content::Json(view::render(task)),
        }
    }

    /// The balance fell below `threshold` with the journal's entry `seq`.
    pub fn credits_low(
        tenant: &TenantId,
        seq: u64,
        available: Credits,
        threshold: Credits,
        at: Timestamp,
    ) -> Self {
        Self {
            id: EventId::of_entry(seq, EventKind::CreditsLow.as_str()),
            tenant: tenant.clone(),
            kind: EventKind::CreditsLow,
            at,
            task: None,
            callback_url: None,
            trace: None,
            content: Content::Credits {
                available,
                threshold,
            },
        }
    }

    /// The endpoint was disabled.
    pub fn endpoint_disabled(
        tenant: &TenantId,
        endpoint: &EndpointId,
        url: &str,
        why: &str,
        at: Timestamp,
    ) -> Self {
        let kind = EventKind::EndpointDisabled;
        let body = json!({
            "type": kind, "tenant": tenant, "endpoint": endpoint, "url": url, "reason": why,
            "at": at.seconds(),
        });
        Self {
            id: EventId::of_endpoint(endpoint, at, kind.as_str()),
            tenant: tenant.clone(),
            kind,
            at,
            task: None,
            callback_url: None,
            trace: None,
            content: Content::Json(body.to_string()),
        }
    }

    /// Somebody tries the endpoint.
    pub fn test(id: EventId, tenant: &TenantId, endpoint: &EndpointId, at: Timestamp) -> Self {
        let kind = EventKind::EndpointTest;
        let body = json!({
            "type": kind, "tenant": tenant, "endpoint": endpoint, "at": at.seconds(),
        });
        Self {
            id,
            tenant: tenant.clone(),
            kind,
            at,
            task: None,
            callback_url: None,
            trace: None,
            content: Content::Json(body.to_string()),
        }
    }

    /// The body, the same on every attempt.
    pub fn body(&self) -> Cow<'_, str> {
        match &self.content {
            Content::Json(body) => Cow::Borrowed(body),
            Content::Credits {
                available,
                threshold,
            } => {
                let body = json!({
                    "type": self.kind, "tenant": self.tenant, "available": Decimal(*available),
                    "threshold": Decimal(*threshold), "at": self.at.seconds(),
                });
                Cow::Owned(body.to_string())
            }
        }
    }

    /// The target that the request named, if it named one.
    pub fn callback(&self) -> Option<Target> {
        self.callback_url.as_deref().map(Target::callback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_as_they_are_read() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(
                serde_json::to_value(kind).unwrap(),
                serde_json::json!(kind.as_str())
            );
        }
        assert_eq!("task.done".parse::<EventKind>(), Err(UnknownEvent));
    }

    #[test]
    fn a_low_balance_is_told_in_credits_and_always_in_the_same_words() {
        let tenant = "demo".parse().unwrap();
        let credits = |micro| Credits::from_micro(micro).unwrap();
        let at = Timestamp::from_seconds(1_800_000_000);
        let (available, threshold) = (credits(1_500_000), credits(20_000_000));
        let event = Event::credits_low(&tenant, 7, available, threshold, at);
        assert_eq!(event.id.as_str(), "msg_entry-7-credits-low");
        let body = r#"{"at":1800000000,"available":1.5,"tenant":"demo","threshold":20,"type":"credits.low"}"#;
        assert_eq!(event.body(), body);
    }
}
