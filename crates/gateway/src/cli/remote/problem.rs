//! Why a command ended badly: for people on stderr, for scripts in JSON.

use std::fmt;

use serde::Serialize;

use super::refusal::{CallError, Refusal};
use crate::cli::Failure;

/// What ended it.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct Problem {
    /// EvoLink's or the gateway's error code, or one of ours, such as `usage`, `unreachable`, `interrupted`,
    /// `timed_out`, `submit_outcome_unknown`, `grant_outcome_unknown`, `ledger_violated`.
    code: String,
    message: String,
    /// The HTTP status of the answer that says so.
    http_status: Option<u16>,
    request_id: Option<String>,
    /// What people are told, where that is more.
    #[serde(skip)]
    shown: Option<String>,
    #[serde(skip)]
    exit: u8,
}

impl Problem {
    /// Something that should have worked did not.
    pub(in crate::cli) fn new(code: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            code: code.into(),
            message: message.to_string(),
            http_status: None,
            request_id: None,
            shown: None,
            exit: 1,
        }
    }

    /// The command line or the environment is wrong; nothing was sent.
    pub(in crate::cli) fn usage(message: impl fmt::Display) -> Self {
        Self {
            exit: 2,
            ..Self::new("usage", message)
        }
    }

    /// Somebody ended it.
    pub(in crate::cli) fn interrupted(message: impl fmt::Display) -> Self {
        Self {
            exit: 130,
            ..Self::new("interrupted", message)
        }
    }

    /// Ended by somebody, whatever the code says.
    pub(in crate::cli) fn wanted(self) -> Self {
        Self { exit: 130, ..self }
    }

    /// With another code.
    pub(in crate::cli) fn coded(self, code: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            ..self
        }
    }

    /// With other words for people.
    pub(in crate::cli) fn shown(self, text: impl fmt::Display) -> Self {
        Self {
            shown: Some(text.to_string()),
            ..self
        }
    }

    /// With what to do next, for people.
    pub(in crate::cli) fn hint(self, hint: impl fmt::Display) -> Self {
        let message = self.shown.as_ref().unwrap_or(&self.message);
        let shown = format!("{message}\n{hint}");
        self.shown(shown)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self {
            http_status: Some(refusal.status),
            request_id: refusal.request_id.clone(),
            ..Self::new(refusal.code.clone(), refusal.message()).shown(refusal)
        }
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => refusal.into(),
            CallError::Unclear { why, .. } => Self::new("unreachable", why),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let message = problem.shown.unwrap_or(problem.message);
        Self {
            code: problem.exit,
            message: format!("evogate: {message}"),
        }
    }
}
