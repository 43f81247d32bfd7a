//! A task: one paid job of one tenant, from the hold to its one end.
//!
//! ```text
//! queued ⇄ submitting ─┬─→ pending → processing ─┬─→ completed | failed | cancelled
//!    │         │  │    │      ↑                  └─→ expired
//!    │         │  └→ unknown ─┴─→ lost
//!    └→ cancelled └──→ rejected
//! ```
//!
//! What moves a task along, and what that does to the tenant's account, is in [`crate::life`].

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::note::Why;
use crate::quota::Starts;
use crate::{Credits, KeyId, Refusal, TaskId, TenantId, Timestamp, TraceParent, UpstreamId};

/// What a task makes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum MediaKind {
    /// `/v1/videos/generations`
    #[n(0)]
    Video,
    /// `/v1/images/generations`
    #[n(1)]
    Image,
    /// `/v1/audios/generations`
    #[n(2)]
    Audio,
}

impl MediaKind {
    /// As EvoLink's `type` says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Image => "image",
            Self::Audio => "audio",
        }
    }

    /// As EvoLink's `object` says it.
    pub const fn object(self) -> &'static str {
        match self {
            Self::Video => "video.generation.task",
            Self::Image => "image.generation.task",
            Self::Audio => "audio.generation.task",
        }
    }

    /// The path of EvoLink's endpoint, below `/v1`.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Video => "/videos/generations",
            Self::Image => "/images/generations",
            Self::Audio => "/audios/generations",
        }
    }
}

/// What was asked for, as far as the gateway needs it after the submit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Spec {
    /// What is made.
    #[n(0)]
    pub kind: MediaKind,
    /// The model's name.
    #[n(1)]
    pub model: String,
    /// Seconds of video or audio, where the model has a duration.
    #[n(2)]
    pub duration: Option<u32>,
    /// `720p` and the like, where the model has qualities.
    #[n(3)]
    pub quality: Option<String>,
    /// The catalogue's `estimated_time`, in seconds, as EvoLink would show it.
    #[n(4)]
    pub estimated_time: u32,
    /// The shortest time in which such a task ends, in seconds: when the first read is worth while.
    #[n(5)]
    pub shortest: u32,
    /// The longest usual time, in seconds: after it, reads become rarer.
    #[n(6)]
    pub longest: u32,
    /// The catalogue's billing rule, for the pending task that the gateway makes up itself.
    #[n(7)]
    pub billing_rule: String,
}

/// Who submitted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, Encode, Decode)]
pub struct Author {
    /// The gateway's key, when it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[n(0)]
    pub key: Option<KeyId>,
    /// The tenant's user, where the credential names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[n(1)]
    pub user: Option<String>,
}

/// Where a task stands. The data of a variant exists only while the task is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Not at EvoLink; waits to be sent (again).
    #[n(0)]
    Queued {
        /// When it will be sent.
        #[n(0)]
        until: Timestamp,
    },
    /// On its way to EvoLink: from the hold until an answer.
    #[n(1)]
    Submitting {
        /// Nothing is sent after this; a sender that comes too late must renew first.
        #[n(0)]
        not_after: Timestamp,
    },
    /// Sent, and whether EvoLink has it is not known. Never sent again blindly.
    #[n(2)]
    Unknown {
        /// Since when.
        #[n(0)]
        since: Timestamp,
        /// When it is given up as lost.
        #[n(1)]
        until: Timestamp,
        /// What came instead of an answer.
        #[n(2)]
        why: Why,
    },
    /// EvoLink has it and has not begun.
    #[n(3)]
    Pending,
    /// EvoLink works on it.
    #[n(4)]
    Processing,
    /// Done and settled.
    #[n(5)]
    Completed,
    /// Ended without a result; released.
    #[n(6)]
    Failed,
    /// Cancelled; released.
    #[n(7)]
    Cancelled,
    /// EvoLink (or the gateway, before sending) said no; released.
    #[n(8)]
    Rejected {
        /// What the client got, or reads now.
        #[n(0)]
        refusal: Refusal,
    },
    /// Was unknown until its deadline; released.
    #[n(9)]
    Lost,
    /// Was at EvoLink and unfinished at its deadline; released.
    #[n(10)]
    Expired,
}

impl State {
    /// The state's name, as in the design, in logs and in metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Submitting { .. } => "submitting",
            Self::Unknown { .. } => "unknown",
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Rejected { .. } => "rejected",
            Self::Lost => "lost",
            Self::Expired => "expired",
        }
    }

    /// Every name that [`State::name`] gives.
    pub const NAMES: &[&str] = &[
        "queued",
        "submitting",
        "unknown",
        "pending",
        "processing",
        "completed",
        "failed",
        "cancelled",
        "rejected",
        "lost",
        "expired",
    ];

    /// Has the task ended for the tenant?
    pub const fn is_ended(&self) -> bool {
        matches!(
            self,
            Self::Completed
                | Self::Failed
                | Self::Cancelled
                | Self::Rejected { .. }
                | Self::Lost
                | Self::Expired
        )
    }

    /// Does EvoLink have the task, unfinished as far as we know?
    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }
}

/// The right to work on a task for a while. Every claim has a new fencing token, so that whoever
/// slept past the lease is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The fencing token: grows with every claim of the task.
    pub fence: u64,
    /// Until when.
    pub until: Timestamp,
}

/// What a callback of EvoLink's hinted, until a read has settled it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Hint {
    /// The id that the callback's body named: unproven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[n(0)]
    pub upstream: Option<UpstreamId>,
    /// Looks that found no end since the hint.
    #[n(1)]
    pub reads: u32,
}

/// One paid job of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Our id, the only one that the tenant knows.
    pub id: TaskId,
    /// Whose it is.
    pub tenant: TenantId,
    /// When the hold was taken.
    pub created: Timestamp,
    /// Who submitted it.
    pub author: Author,
    /// What was asked for.
    pub spec: Spec,
    /// The catalogue's price, held at first.
    pub estimate: Credits,
    /// What is held now; zero once it has ended.
    pub hold: Credits,
    /// What the tenant paid; zero until settled.
    pub charged: Credits,
    /// What EvoLink bills for it, as far as we have learned.
    pub billed: Credits,
    /// Where it stands.
    #[serde(flatten)]
    pub state: State,
    /// EvoLink's id, once bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamId>,
    /// `credits_reserved` as EvoLink said it, also when it was too far off to move the hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Credits>,
    /// The task object as last read, with our id: what clients see. Absent until bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Did the last read say that it can be cancelled?
    #[serde(default)]
    pub can_cancel: bool,
    /// Since when the client wants it cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_wanted: Option<Timestamp>,
    /// When somebody last undertook to ask EvoLink to cancel it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_asked: Option<Timestamp>,
    /// Where the tenant wants the result sent: never sent upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// The client's idempotency key, while it leads to this task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Fingerprint of credential, route and body: finds the task again for a client that hung up.
    pub fingerprint: String,
    /// Was it given to a client that asked again, before its submit was answered?
    #[serde(default)]
    pub told: bool,
    /// The body as sent upstream, kept until bound, and only where EvoLink honours idempotency keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resend: Option<String>,
    /// When a worker should look at it; none when there is nothing to wait for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Who works on it now: the submitter, then workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// The last fencing token given out.
    pub fence: u64,
    /// A callback that was not settled yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
    /// Callbacks so far; only the first is read at once.
    #[serde(default)]
    pub callbacks: u32,
    /// When EvoLink was last asked about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// When the tenant was first known to have the results, or to know that they run out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<Timestamp>,
    /// The beginnings of the quota windows that its hold was taken in.
    #[serde(default)]
    pub windows: Starts,
    /// When it is given up though EvoLink has it.
    pub deadline: Timestamp,
    /// The trace of the request that made it, where somebody follows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceParent>,
}

impl Task {
    /// What EvoLink bills beyond what the tenant paid: this task's part of the platform's loss.
    /// Negative where EvoLink billed less in the end. Zero while the task is open: what EvoLink has
    /// reserved is not a bill yet.
    pub fn loss(&self) -> Credits {
        if self.state.is_ended() {
            self.billed
                .checked_sub(self.charged)
                .unwrap_or(Credits::ZERO)
        } else {
            Credits::ZERO
        }
    }

    /// Did EvoLink itself say how the task ended? Then there is nothing more to learn by asking; the
    /// other ends are ours, and EvoLink may bill for the task all the same.
    pub const fn has_verdict(&self) -> bool {
        match self.state {
            State::Completed | State::Failed => true,
            // One that was cancelled while it was queued has no object of EvoLink's.
            State::Cancelled => self.body.is_some(),
            _ => false,
        }
    }

    /// Does EvoLink's task fit what was asked for here: the model, and taken between the hold and
    /// `within` after it? (Invariant 12; clocks may differ by [`CLOCK_SKEW`].)
    pub fn fits(&self, model: Option<&str>, created: Option<Timestamp>, within: i64) -> bool {
        let model_fits = self.spec.model.is_empty() || model == Some(self.spec.model.as_str());
        let time_fits = created.is_some_and(|created| {
            let age = created.since(self.created);
            // EvoLink's `created` has whole seconds, rounded down.
            age >= -CLOCK_SKEW && age <= within.saturating_add(CLOCK_SKEW)
        });
        model_fits && time_fits
    }
}

/// How far EvoLink's clock may be off ours, in milliseconds, when creation times are compared.
pub const CLOCK_SKEW: i64 = 10_000;
