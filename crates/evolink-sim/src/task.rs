//! One task and its life: everything that it does over time follows from what was fixed when it was accepted.

use serde::{Deserialize, Serialize};

use crate::catalogue::Kind;
use crate::clock::Millis;
use crate::fault::Faults;
use crate::money::Micro;
use crate::plan::{self, Plan};
use crate::request::Generation;

/// A task's `status` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Accepted, not started.
    Pending,
    /// Being worked on.
    Processing,
    /// Done, with results.
    Completed,
    /// Ended without a result; nothing is billed.
    Failed,
    /// Ended by its owner; nothing is billed.
    Cancelled,
}

impl Status {
    /// As it stands on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How and when a task ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) at: Millis,
    pub(crate) verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Completed,
    Failed { code: String, message: String },
    Cancelled,
}

/// What the faults at its creation have made of a task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the switches of the fault vocabulary"
)]
pub(crate) struct Quirks {
    pub(crate) fail: Option<String>,
    pub(crate) credits_used: Option<Micro>,
    pub(crate) no_cancel: bool,
    pub(crate) cancel_ignored: bool,
    pub(crate) cancel_as_failed: bool,
    pub(crate) no_callback: bool,
    pub(crate) duplicate_callbacks: Option<u32>,
}

/// A task that was accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) model: String,
    pub(crate) prompt: String,
    pub(crate) callback_url: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    /// Of the request's body, to tell a replay from a conflict.
    pub(crate) fingerprint: u64,
    pub(crate) created: Millis,
    pub(crate) seconds: u32,
    pub(crate) billing_rule: String,
    pub(crate) estimated_time: u64,
    pub(crate) reserved: Micro,
    pub(crate) plan: Plan,
    pub(crate) quirks: Quirks,
    pub(crate) end: Option<End>,
    /// Reads as 404, though it is billed.
    pub(crate) forgotten: bool,
}

/// What a task is created from, beside the request itself.
pub(crate) struct Birth {
    pub(crate) id: String,
    pub(crate) now: Millis,
    pub(crate) speed: f64,
    pub(crate) instant: bool,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) fingerprint: u64,
}

impl Task {
    pub(crate) fn new(request: Generation, faults: &Faults, birth: Birth) -> Self {
        let expected = plan::expected_time(request.model.kind, request.seconds, &request.quality);
        let factor = faults.first(|fault| fault.reserve_factor);
        let reserved = factor.map_or(request.price, |factor| request.price.scaled(factor));
        Self {
            id: birth.id,
            kind: request.model.kind,
            model: request.model_name,
            prompt: request.prompt,
            callback_url: request.callback_url,
            idempotency_key: birth.idempotency_key,
            fingerprint: birth.fingerprint,
            created: birth.now,
            seconds: request.seconds,
            billing_rule: request.model.billing_rule().to_owned(),
            estimated_time: plan::estimated_time(expected),
            reserved,
            plan: Plan::new(expected, faults, birth.speed, birth.instant),
            quirks: Quirks {
                fail: faults.first(|fault| fault.fail.clone()),
                credits_used: faults.first(|fault| fault.credits_used),
                no_cancel: faults.any(|fault| fault.no_cancel),
                cancel_ignored: faults.any(|fault| fault.cancel_ignored),
                cancel_as_failed: faults.any(|fault| fault.cancel_as_failed),
                no_callback: faults.any(|fault| fault.no_callback),
                duplicate_callbacks: faults.first(|fault| fault.duplicate_callbacks),
            },
            end: None,
            forgotten: false,
        }
    }

    /// When it ends by itself; `None` once it has ended, or if it never does.
    pub(crate) fn due(&self) -> Option<Millis> {
        (self.end.is_none() && self.plan.finishes)
            .then(|| self.created.saturating_add(self.plan.total))
    }

    /// How it ends when nobody interferes.
    pub(crate) fn own_verdict(&self) -> Verdict {
        match &self.quirks.fail {
            None => Verdict::Completed,
            Some(code) => Verdict::Failed {
                code: code.clone(),
                message: failure_message(code).to_owned(),
            },
        }
    }

    /// How it ends when it is cancelled.
    pub(crate) fn cancel_verdict(&self) -> Verdict {
        if self.quirks.cancel_as_failed {
            Verdict::Failed {
                code: "request_cancelled".to_owned(),
                message: failure_message("request_cancelled").to_owned(),
            }
        } else {
            Verdict::Cancelled
        }
    }

    pub(crate) fn can_cancel(&self) -> bool {
        self.end.is_none() && !self.quirks.no_cancel
    }

    pub(crate) fn status(&self, now: Millis) -> Status {
        match self.end.as_ref().map(|end| &end.verdict) {
            Some(Verdict::Completed) => Status::Completed,
            Some(Verdict::Failed { .. }) => Status::Failed,
            Some(Verdict::Cancelled) => Status::Cancelled,
            // At its very creation even a task without a pending time reads as pending.
            None if now.saturating_sub(self.created) < self.plan.pending.max(1) => Status::Pending,
            None => Status::Processing,
        }
    }

    /// 0–100; it stops below 100 for everything that did not complete.
    pub(crate) fn progress(&self, now: Millis) -> u64 {
        let until = match &self.end {
            Some(end) if end.verdict == Verdict::Completed => return 100,
            Some(end) => end.at,
            None => now,
        };
        let worked = until
            .saturating_sub(self.created)
            .saturating_sub(self.plan.pending);
        let span = self.plan.total.saturating_sub(self.plan.pending).max(1);
        let steps = self.plan.steps.max(1);
        let done = (worked.saturating_mul(steps) / span).min(steps - 1);
        done * 100 / steps
    }

    /// The task as it was when it was accepted, whatever has become of it.
    pub(crate) fn at_birth(&self) -> Self {
        Self {
            end: None,
            ..self.clone()
        }
    }

    /// What its owner pays, once it is known: nothing unless it completed.
    pub(crate) fn billed(&self) -> Option<Micro> {
        self.end.as_ref().map(|end| match end.verdict {
            Verdict::Completed => self.quirks.credits_used.unwrap_or(self.reserved),
            Verdict::Failed { .. } | Verdict::Cancelled => Micro::ZERO,
        })
    }

    /// The file name of its result.
    pub(crate) fn result_name(&self) -> String {
        let extension = match self.kind {
            Kind::Video => "mp4",
            Kind::Image => "png",
            Kind::Audio => "mp3",
        };
        format!("{}.{extension}", self.id)
    }
}

/// What EvoLink says beside a task's error code.
pub(crate) fn failure_message(code: &str) -> &'static str {
    match code {
        "content_policy_violation" => "Content rejected by safety filter",
        "invalid_parameters" => "Invalid parameters",
        "image_processing_error" => "The reference image could not be processed",
        "image_dimension_mismatch" => "The reference image's dimensions are not supported",
        "request_cancelled" => "The request was cancelled",
        "generation_failed_no_content" => "The generation produced no content",
        "generation_timeout" => "The generation timed out",
        "resource_exhausted" => "Resources are exhausted, please retry later",
        "quota_exceeded" => "Quota exceeded",
        "service_unavailable" => "Service temporarily unavailable",
        "resource_not_found" => "A referenced resource was not found",
        "service_error" => "The service failed to process the request",
        _ => "Unknown error",
    }
}
