//! What EvoLink's answers mean.
//!
//! The rule for a submit is that only an answer that leaves no doubt ends the doubt: a task object, or a
//! refusal in EvoLink's error shape with a status that its documentation gives for refusals. Everything else
//! is [`SubmitOutcome::Unknown`], and keeps its hold.

use std::time::Duration;

use evogate_models::report::Report;
use evogate_models::{ErrorCode, Refusal, Timestamp, UpstreamId};

use super::answer::{Answer, Broken};
use super::body::Fate;

/// What became of a submit.
#[derive(Debug)]
pub enum SubmitOutcome {
    /// EvoLink has the task.
    Accepted(Box<Report>),
    /// Certainly, EvoLink has nothing: no byte of the body went out, or it refused the HTTP/2 stream.
    NotSent {
        /// In words, for logs.
        why: String,
    },
    /// Its time had passed before it could be sent, so it was not.
    TooLate,
    /// EvoLink said no.
    Refused {
        /// Its words.
        refusal: Refusal,
        /// It is about our account (401, 402, 403), so none of the tenant's fault.
        account: bool,
    },
    /// EvoLink can't take it now (429, 503).
    Busy {
        /// Its words; `retry_after` is there.
        refusal: Refusal,
        /// How long it asks to wait.
        wait: Duration,
    },
    /// Nobody knows.
    Unknown {
        /// In words, for logs.
        why: String,
    },
}

impl SubmitOutcome {
    /// Of a whole answer.
    pub(super) fn answered(answer: &Answer, now: Timestamp) -> Self {
        let status = answer.status.as_u16();
        if answer.status.is_success() {
            return match Report::parse(&answer.body) {
                Ok(report) => Self::Accepted(Box::new(report)),
                Err(garbage) => Self::Unknown {
                    why: format!("HTTP {status}, {garbage}"),
                },
            };
        }
        // The path of a submit exists, so a 404 is about the model.
        let refusal = answer.refusal(ErrorCode::ModelNotFound);
        match (status, refusal) {
            (400 | 404 | 413 | 422, Some(refusal)) => Self::Refused {
                refusal,
                account: false,
            },
            (401..=403, Some(refusal)) => Self::Refused {
                refusal,
                account: true,
            },
            (429 | 503, Some(mut refusal)) => {
                let wait = answer.wait(&refusal.message, now);
                refusal.retry_after = Some(wait.seconds());
                Self::Busy {
                    refusal,
                    wait: wait.0,
                }
            }
            (_, refusal) => Self::Unknown {
                why: unexpected(status, refusal.as_ref()),
            },
        }
    }

    /// Of an exchange that broke off.
    pub(super) fn broken(broken: Broken) -> Self {
        let Broken { why, refused } = broken;
        if refused {
            Self::NotSent { why }
        } else {
            Self::Unknown { why }
        }
    }

    /// With what is known of the body: without one EvoLink has made no task, whatever else happened.
    pub(super) fn with_fate(self, fate: Fate) -> Self {
        match (self, fate) {
            (Self::Unknown { why }, Fate::Withdrawn) => Self::NotSent { why },
            (Self::Unknown { .. }, Fate::Late) => Self::TooLate,
            (outcome, _) => outcome,
        }
    }

    pub(super) fn label(&self) -> (&'static str, &str) {
        match self {
            Self::Accepted(_) => ("accepted", ""),
            Self::NotSent { why } => ("not_sent", why),
            Self::TooLate => ("too_late", ""),
            Self::Refused { account: false, .. } => ("refused", ""),
            Self::Refused { account: true, .. } => ("account", ""),
            Self::Busy { .. } => ("busy", ""),
            Self::Unknown { why } => ("unknown", why),
        }
    }
}

/// What a read of a task gave.
#[derive(Debug)]
pub enum ReadOutcome {
    /// The task as it stands.
    Task(Box<Report>),
    /// EvoLink says, in its error shape, that it has no such task (any more).
    NotFound,
    /// EvoLink wants fewer reads.
    RateLimited {
        /// How long it asks to wait.
        wait: Duration,
    },
    /// Nothing was learned.
    Failed {
        /// In words, for logs.
        why: String,
    },
}

impl ReadOutcome {
    /// Of a whole answer about the task `id`.
    pub(super) fn answered(id: &UpstreamId, answer: &Answer, now: Timestamp) -> Self {
        let status = answer.status.as_u16();
        if answer.status.is_success() {
            return match Report::parse(&answer.body) {
                Ok(report) if report.id == *id => Self::Task(Box::new(report)),
                Ok(_) => Self::Failed {
                    why: format!("HTTP {status}, another task than the one asked for"),
                },
                Err(garbage) => Self::Failed {
                    why: format!("HTTP {status}, {garbage}"),
                },
            };
        }
        let refusal = answer.refusal(ErrorCode::TaskNotFound);
        match (status, refusal) {
            (404, Some(_)) => Self::NotFound,
            (429, refusal) => {
                let message = refusal.map(|refusal| refusal.message).unwrap_or_default();
                let wait = answer.wait(&message, now).0;
                Self::RateLimited { wait }
            }
            (_, refusal) => Self::Failed {
                why: unexpected(status, refusal.as_ref()),
            },
        }
    }

    pub(super) fn label(&self) -> (&'static str, &str) {
        match self {
            Self::Task(_) => ("task", ""),
            Self::NotFound => ("not_found", ""),
            Self::RateLimited { .. } => ("rate_limited", ""),
            Self::Failed { why } => ("failed", why),
        }
    }
}

/// What became of a wish to cancel.
#[derive(Debug)]
pub enum CancelOutcome {
    /// EvoLink took it. Not a verdict: only a read says how the task ended.
    Accepted,
    /// EvoLink will not cancel this task (a 4xx in its error shape that is about the task, as for one that has
    /// ended).
    Refused(Refusal),
    /// Nothing was learned, or it is about something else than the task (our account, too many requests): worth
    /// another try.
    Failed {
        /// In words, for logs.
        why: String,
    },
}

impl CancelOutcome {
    /// Of a whole answer. What an accepted one says is not documented, so not looked at.
    pub(super) fn answered(answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        if answer.status.is_success() {
            return Self::Accepted;
        }
        match (status, answer.refusal(ErrorCode::TaskNotFound)) {
            (401..=403 | 408 | 429, refusal) => Self::Failed {
                why: unexpected(status, refusal.as_ref()),
            },
            (400..500, Some(refusal)) => Self::Refused(refusal),
            (_, refusal) => Self::Failed {
                why: unexpected(status, refusal.as_ref()),
            },
        }
    }

    pub(super) fn label(&self) -> (&'static str, &str) {
        match self {
            Self::Accepted => ("accepted", ""),
            Self::Refused(_) => ("refused", ""),
            Self::Failed { why } => ("failed", why),
        }
    }
}

/// Why a call other than a submit, a read or a cancel gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Failure {
    /// In words, for logs.
    pub why: String,
    /// The status, if there was a whole answer.
    pub status: Option<u16>,
    /// How long EvoLink asks to wait, when it was a 429.
    pub wait: Option<Duration>,
}

impl Failure {
    /// An answer that is not the one hoped for.
    pub(super) fn answered(answer: &Answer, now: Timestamp) -> Self {
        let status = answer.status.as_u16();
        let refusal = answer.refusal(ErrorCode::RouteNotFound);
        let message = refusal.as_ref().map_or("", |refusal| &refusal.message);
        Self {
            why: unexpected(status, refusal.as_ref()),
            status: Some(status),
            wait: (status == 429).then(|| answer.wait(message, now).0),
        }
    }

    /// A 2xx whose body is of another shape than the contract's.
    pub(super) fn misshapen(answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        Self {
            why: format!("HTTP {status} in a shape that is not known"),
            status: Some(status),
            wait: None,
        }
    }
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        Self {
            why: broken.why,
            status: None,
            wait: None,
        }
    }
}

/// The status, and EvoLink's code when it is one: no other text of an answer is for logs.
fn unexpected(status: u16, refusal: Option<&Refusal>) -> String {
    let is_code = |code: &&str| code.bytes().all(|byte| byte.is_ascii_graphic());
    // A code of our own list stands where EvoLink gave none: it says nothing beyond the status.
    let is_ours = |code: &&str| ErrorCode::ALL.iter().any(|ours| ours.as_str() == *code);
    let code = refusal.map(|refusal| refusal.code.as_str());
    match code.filter(is_code).filter(|code| !is_ours(code)) {
        Some(code) => format!("HTTP {status} ({code})"),
        None => format!("HTTP {status}"),
    }
}
