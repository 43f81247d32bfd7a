//! `metrics`: what is shown of tenants, and how often the whole store and the account at EvoLink are looked at.

use std::time::Duration;

use super::reader::Reader;

/// `metrics`.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// So many tenants are named; the others are counted together.
    pub tenants: usize,
    /// Between two looks at the whole store.
    pub every: Duration,
    /// In about this time every tenant's books are checked once.
    pub verify_within: Duration,
    /// Between two looks at our account at EvoLink.
    pub account_every: Duration,
}

impl Metrics {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let tenants = from.within("metrics.tenants", 0_u32..=10_000);
        let every = Duration::from_secs(1)..=Duration::from_mins(10);
        let every = from.within("metrics.every", every);
        let verify_within = Duration::from_secs(1)..=Duration::from_hours(24 * 7);
        let verify_within = from.within("metrics.verify_within", verify_within);
        let account_every = Duration::from_secs(1)..=Duration::from_hours(24);
        let account_every = from.within("metrics.account_every", account_every);
        Some(Self {
            tenants: usize::try_from(tenants?).ok()?,
            every: every?,
            verify_within: verify_within?,
            account_every: account_every?,
        })
    }
}
