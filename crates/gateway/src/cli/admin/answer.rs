//! What the gateway answered, to the letter.

use serde::de::DeserializeOwned;

use crate::cli::remote::{CallError, Problem};

/// JSON. Scripts get this text; nothing in it goes through a float.
#[derive(Debug)]
pub(super) struct Answer {
    text: String,
    /// It had been answered before: nothing new was done.
    pub(super) replayed: bool,
}

impl Answer {
    /// Takes a success's body; `None` when it is no JSON.
    pub(super) fn new(body: Vec<u8>, replayed: bool) -> Option<Self> {
        let text = String::from_utf8(body).ok()?;
        serde_json::from_str::<serde::de::IgnoredAny>(&text).ok()?;
        Some(Self {
            text: text.trim().to_owned(),
            replayed,
        })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_str(&self.text).map_err(|error| unreadable(&error))
    }
}

/// It is JSON, but not what was expected: the gateway is of another version.
pub(super) fn unreadable(error: &serde_json::Error) -> Problem {
    let problem = Problem::new("unreadable", format_args!("the gateway's answer: {error}"));
    problem.hint("Is this program as new as the gateway? --json shows the answer as it is.")
}

/// Why a call of an admin's gave nothing, with what to do about it.
pub(super) fn explained(error: CallError) -> Problem {
    let hint = match &error {
        CallError::Refused(refusal) => match (refusal.status, refusal.code.as_str()) {
            (401, _) => {
                Some("Is EVOGATE_ADMIN_KEY (or --admin-key) an admin's key of this gateway?")
            }
            (403, "permission_denied") => {
                Some("A viewer looks; what changes something needs an admin's key.")
            }
            (404, "route_not_found") => {
                Some("Is this the gateway's address, and is it as new as this program?")
            }
            _ => None,
        },
        CallError::Unclear { sent: false, .. } => {
            Some("Is the gateway running there? EVOGATE_URL or --url says where it is.")
        }
        CallError::Unclear { sent: true, .. } => None,
    };
    let problem = Problem::from(error);
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}
