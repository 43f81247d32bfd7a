//! Quotas: what an admin sets for a tenant, and the rule by which a submit is admitted.
//!
//! The rule is one function, [`admit`]: it looks at everything and changes nothing, or answers what
//! the counters shall be once the hold is taken. The store runs it in the step that takes the hold, so
//! the limits are exact under any concurrency (invariant 4). Calendars and time zones are not known
//! here: whoever submits says which windows `now` may fall into.
//!
//! A window counts what was held in it: a hold adds to it, and what becomes of that hold later (moved,
//! released, settled for less) changes the window in which it was taken, whatever the time is then.

mod admit;
mod usage;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::credits::Decimal;
use crate::{Credits, Fault};

pub use admit::{Admission, Demand, Denied, Scope, admit};
pub use usage::{Counter, Rate, RateState, Starts, Usage, Windows};

/// Credits per calendar window; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// In a day, from midnight to midnight in the quota's time zone.
    pub credits_per_day: Option<Decimal>,
    /// In a week, from Monday to Monday (ISO 8601).
    pub credits_per_week: Option<Decimal>,
    /// In a month.
    pub credits_per_month: Option<Decimal>,
}

/// The calendar windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A calendar day.
    Day,
    /// A week from Monday on.
    Week,
    /// A calendar month.
    Month,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl Limits {
    /// The limit of one period.
    pub fn of(&self, period: Period) -> Option<Credits> {
        let limit = match period {
            Period::Day => self.credits_per_day,
            Period::Week => self.credits_per_week,
            Period::Month => self.credits_per_month,
        };
        limit.map(|limit| limit.0)
    }
}

/// What an admin sets for a tenant. The default limits nothing but the balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Quota {
    /// The balance has no floor.
    pub unlimited: bool,
    /// Credits a day, of the tenant as a whole; the windows are those of [`Limits`].
    pub credits_per_day: Option<Decimal>,
    /// Credits a week.
    pub credits_per_week: Option<Decimal>,
    /// Credits a month.
    pub credits_per_month: Option<Decimal>,
    /// The same for each of its users.
    pub per_user: Limits,
    /// The same for each of its keys.
    pub per_key: Limits,
    /// The IANA name of the time zone of the windows.
    pub time_zone: String,
    /// Unfinished tasks at a time.
    pub max_tasks_in_flight: Option<u32>,
    /// Submits a minute.
    #[schema(minimum = 1)]
    pub submits_per_minute: Option<u32>,
    /// Submits that may come at once; without it, as many as a minute allows.
    #[schema(minimum = 1)]
    pub submit_burst: Option<u32>,
    /// Reads a minute, of each replica: coarse.
    #[schema(minimum = 1)]
    pub reads_per_minute: Option<u32>,
    /// The models that may be used, as patterns (`seedance-2.0*`); empty: all.
    #[schema(max_items = 100, examples(json!(["seedance-2.0*"])))]
    pub models: Vec<String>,
    /// The longest duration, in seconds.
    #[schema(minimum = 1)]
    pub max_duration: Option<u32>,
    /// The highest quality (`720p`).
    #[schema(examples("720p", "4k"))]
    pub max_quality: Option<String>,
    /// Below this balance the tenant is told that its credits are low.
    pub low_credit_threshold: Option<Decimal>,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            unlimited: false,
            credits_per_day: None,
            credits_per_week: None,
            credits_per_month: None,
            per_user: Limits::default(),
            per_key: Limits::default(),
            time_zone: "UTC".to_owned(),
            max_tasks_in_flight: None,
            submits_per_minute: None,
            submit_burst: None,
            reads_per_minute: None,
            models: Vec::new(),
            max_duration: None,
            max_quality: None,
            low_credit_threshold: None,
        }
    }
}

/// The longest list of model patterns, and the longest pattern.
const MAX_PATTERNS: usize = 100;
const MAX_PATTERN: usize = 128;

impl Quota {
    /// The limits of the tenant as a whole.
    pub fn tenant(&self) -> Limits {
        Limits {
            credits_per_day: self.credits_per_day,
            credits_per_week: self.credits_per_week,
            credits_per_month: self.credits_per_month,
        }
    }

    /// May the tenant use this model?
    pub fn allows_model(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| fits(pattern, model))
    }

    /// Is the duration within `max_duration`?
    pub fn allows_duration(&self, seconds: Option<u32>) -> bool {
        match (self.max_duration, seconds) {
            (Some(most), Some(seconds)) => seconds <= most,
            _ => true,
        }
    }

    /// Is the quality within `max_quality`? Qualities rank by [`rank`]; one that has no rank is
    /// allowed only by its own name.
    pub fn allows_quality(&self, quality: Option<&str>) -> bool {
        let (Some(most), Some(quality)) = (self.max_quality.as_deref(), quality) else {
            return true;
        };
        match (rank(most), rank(quality)) {
            (Some(most), Some(quality)) => quality <= most,
            _ => quality == most,
        }
    }

    /// What can't be meant: for the admin who sets it. The time zone's name is judged where time
    /// zones are known.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut wrong =
            |param: String, message: String| faults.push(Fault::parameter(param, message));
        let limits = [
            ("", self.tenant()),
            ("per_user.", self.per_user),
            ("per_key.", self.per_key),
        ];
        for (scope, limits) in limits {
            for period in Period::ALL {
                if limits.of(period).is_some_and(Credits::is_negative) {
                    let param = format!("{scope}credits_per_{}", period.as_str());
                    let message = format!("{param} must not be negative");
                    wrong(param, message);
                }
            }
        }
        let counts = [
            ("submits_per_minute", self.submits_per_minute),
            ("submit_burst", self.submit_burst),
            ("reads_per_minute", self.reads_per_minute),
            ("max_duration", self.max_duration),
        ];
        for (param, count) in counts {
            // A limit of no task in flight is a way to pause a tenant; a rate of none divides by zero.
            if count == Some(0) {
                wrong(param.to_owned(), format!("{param} must be at least 1"));
            }
        }
        if self.submit_burst.is_some() && self.submits_per_minute.is_none() {
            let message = "submit_burst needs submits_per_minute";
            wrong("submit_burst".to_owned(), message.to_owned());
        }
        if self
            .max_quality
            .as_deref()
            .is_some_and(|quality| rank(quality).is_none())
        {
            let message =
                "max_quality must be a number of lines or of thousands, such as 720p or 4k";
            wrong("max_quality".to_owned(), message.to_owned());
        }
        if self
            .low_credit_threshold
            .is_some_and(|threshold| threshold.0.is_negative())
        {
            let message = "low_credit_threshold must not be negative";
            wrong("low_credit_threshold".to_owned(), message.to_owned());
        }
        let bad = |pattern: &String| {
            let allowed =
                |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*');
            !(1..=MAX_PATTERN).contains(&pattern.len()) || !pattern.bytes().all(allowed)
        };
        if self.models.len() > MAX_PATTERNS || self.models.iter().any(bad) {
            let message = format!(
                "models must be at most {MAX_PATTERNS} names or patterns of A-Z, a-z, 0-9, '-', '_', '.' and '*'"
            );
            wrong("models".to_owned(), message);
        }
        faults
    }
}

/// How much of a picture a quality is: `480p` 480, `1080p` 1080, `4k` 2160 lines.
pub fn rank(quality: &str) -> Option<u32> {
    let quality = quality.to_ascii_lowercase();
    if let Some(lines) = quality.strip_suffix('p') {
        return lines.parse().ok();
    }
    // A "k" is about a thousand columns of a 16:9 picture, of which 540 lines.
    quality
        .strip_suffix('k')?
        .parse::<u32>()
        .ok()?
        .checked_mul(540)
}

/// Does the text fit the pattern, in which `*` stands for any characters?
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut left) = text.strip_prefix(start) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        match left.find(part) {
            // The earliest place leaves the most for what follows.
            Some(at) => {
                left = left
                    .get(at.saturating_add(part.len())..)
                    .unwrap_or_default();
            }
            None => return false,
        }
    }
    true
}
