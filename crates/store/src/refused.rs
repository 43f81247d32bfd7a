//! Submits that were refused, by request id: so that support can answer "what was wrong with mine?".

use evogate_models::{Millis, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// How long they are kept: seven days.
pub const KEPT: Millis = 7 * 24 * 3_600_000;

/// A refused submit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The request's id.
    pub request_id: String,
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub tenant: TenantId,
    /// With which credential.
    pub credential: String,
    /// The tenant's user, where the credential names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The route.
    pub route: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// `error.code` of the answer.
    pub code: String,
    /// `error.message` of the answer: also EvoLink's, where it refused.
    pub message: String,
    /// The fields at fault.
    pub params: Vec<String>,
    /// The prompt, only where ops switched that on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
}
