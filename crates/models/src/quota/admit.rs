//! The rule by which a submit is admitted: everything is checked, then everything is counted.

use super::usage::{Rate, RateState, Starts, Usage};
use super::{Period, Quota};
use crate::account::Account;
use crate::{Credits, Timestamp};

/// What a submit asks for, and the counters that it meets.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'a> {
    /// The estimate.
    pub amount: Credits,
    /// The model.
    pub model: &'a str,
    /// Seconds, where the model has a length.
    pub duration: Option<u32>,
    /// The quality, where the model has qualities.
    pub quality: Option<&'a str>,
    /// The windows that now falls into.
    pub starts: Starts,
    /// The tenant's unfinished tasks.
    pub in_flight: u32,
    /// The state of the tenant's rate.
    pub rate: Rate,
    /// The tenant's counters.
    pub tenant: Usage,
    /// The user's, where the credential names one.
    pub user: Option<Usage>,
    /// The key's, where it was one, and the key's own cap.
    pub key: Option<(Usage, Option<Credits>)>,
}

/// A submit that may take its hold. The windows count the hold when it is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// The state of the rate from now on.
    pub rate: Rate,
    /// What the client is told of it; none without a limit.
    pub shown: Option<RateState>,
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The tenant's as a whole.
    Tenant,
    /// Each user's.
    User,
    /// Each key's.
    Key,
}

impl Scope {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::User => "user",
            Self::Key => "key",
        }
    }
}

/// Why a submit is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The tenant may not use this model.
    Model,
    /// It is longer than the tenant may make.
    Duration(u32),
    /// It is finer than the tenant may make.
    Quality,
    /// Too many submits in a time.
    Rate(RateState),
    /// Too many unfinished tasks.
    InFlight {
        /// How many there may be.
        limit: u32,
    },
    /// A calendar window does not cover it.
    Window {
        /// Whose.
        scope: Scope,
        /// Which.
        period: Period,
        /// What is left in it.
        available: Credits,
    },
    /// The key's own cap does not cover it.
    KeyCap {
        /// What is left of it.
        available: Credits,
    },
    /// The balance does not cover it.
    Balance {
        /// What may still be held.
        available: Credits,
    },
}

/// Judges a submit. Nothing is counted unless everything fits: a refused submit takes nothing of any
/// limit.
pub fn admit(
    quota: &Quota,
    account: &Account,
    demand: &Demand<'_>,
    now: Timestamp,
) -> Result<Admission, Denied> {
    if !quota.allows_model(demand.model) {
        return Err(Denied::Model);
    }
    if let Some(most) = quota
        .max_duration
        .filter(|_| !quota.allows_duration(demand.duration))
    {
        return Err(Denied::Duration(most));
    }
    if !quota.allows_quality(demand.quality) {
        return Err(Denied::Quality);
    }
    let mut rate = demand.rate;
    let mut shown = None;
    if let Some(per_minute) = quota.submits_per_minute {
        let burst = quota.submit_burst.unwrap_or(per_minute);
        let (next, state) = rate.pass(per_minute, burst, now).map_err(Denied::Rate)?;
        (rate, shown) = (next, Some(state));
    }
    if let Some(limit) = quota.max_tasks_in_flight
        && demand.in_flight >= limit
    {
        return Err(Denied::InFlight { limit });
    }
    let windows = [
        (Scope::Tenant, Some(demand.tenant), quota.tenant()),
        (Scope::User, demand.user, quota.per_user),
        (
            Scope::Key,
            demand.key.map(|(usage, _)| usage),
            quota.per_key,
        ),
    ];
    for (scope, usage, limits) in windows {
        if let Some(usage) = usage
            && let Some((period, available)) = usage.overrun(&limits, demand.starts, demand.amount)
        {
            return Err(Denied::Window {
                scope,
                period,
                available,
            });
        }
    }
    if let Some((usage, Some(cap))) = demand.key {
        let available = cap.saturating_less(usage.total);
        if demand.amount > available {
            return Err(Denied::KeyCap { available });
        }
    }
    if !quota.unlimited && demand.amount > account.available {
        return Err(Denied::Balance {
            available: account.available,
        });
    }
    Ok(Admission { rate, shown })
}
