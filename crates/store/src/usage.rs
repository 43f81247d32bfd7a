//! Sums by day: what each tenant's users, keys and models did. Kept much longer than tasks.

use evogate_models::task::Task;
use evogate_models::{Credits, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// Days since the Unix epoch, in UTC: the day on which a task was submitted.
pub type Day = u32;

/// How many days sums are kept: 25 months.
pub const KEPT: Day = 25 * 31;

/// The day of a time.
pub fn day(at: Timestamp) -> Day {
    Day::try_from(at.seconds().div_euclid(86_400)).unwrap_or(0)
}

/// What one user did with one key and one model on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sums {
    /// Tasks submitted.
    pub submitted: u64,
    /// Those of them that completed.
    pub completed: u64,
    /// Those of them that failed, whatever the reason.
    pub failed: u64,
    /// Those of them that were cancelled.
    pub cancelled: u64,
    /// What was paid for them.
    pub charged: Credits,
}

impl Sums {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            submitted: self.submitted.saturating_add(other.submitted),
            completed: self.completed.saturating_add(other.completed),
            failed: self.failed.saturating_add(other.failed),
            cancelled: self.cancelled.saturating_add(other.cancelled),
            charged: self
                .charged
                .checked_add(other.charged)
                .unwrap_or(Credits::MAX),
        }
    }
}

/// A row of sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The day.
    pub day: Day,
    /// The user, where the credentials named one.
    pub user: Option<String>,
    /// The key, where it was one.
    pub key: Option<String>,
    /// The model.
    pub model: String,
    /// The sums.
    pub sums: Sums,
}

/// A user as seen in submits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenUser {
    /// The name that the credential gave.
    pub user: String,
    /// Its first submit.
    pub first_seen: Timestamp,
    /// Its last submit.
    pub last_seen: Timestamp,
    /// How many submits.
    pub submitted: u64,
}

/// Between the parts of a row's name. Users' names have no control characters.
pub(crate) const BETWEEN: char = '\u{1f}';

/// User, key and model as one text.
pub(crate) fn row_name(task: &Task) -> String {
    let user = task.author.user.as_deref().unwrap_or_default();
    let key = task.author.key.as_ref().map_or("", |key| key.as_str());
    format!("{user}{BETWEEN}{key}{BETWEEN}{}", task.spec.model)
}
