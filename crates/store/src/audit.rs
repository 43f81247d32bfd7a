//! Who did what: every change by an admin is recorded in the step that makes it.

use evogate_models::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who changes something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Actor {
    /// The admin's (or the tenant's key's) name.
    pub who: String,
    /// The address that the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Actor {
    /// The process itself, or a command on its machine.
    pub fn local(who: &str) -> Self {
        Self {
            who: who.to_owned(),
            ..Self::default()
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Counts all entries, from 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    #[serde(flatten)]
    pub actor: Actor,
    /// What: `tenant.create`, `grant`, `key.rotate`, …
    pub action: String,
    /// On what: `demo`, `demo/key_…`.
    pub target: String,
    /// What it was; null for what is new.
    pub before: Value,
    /// What it is now; null for what is gone.
    pub after: Value,
}
