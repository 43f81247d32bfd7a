//! How often a client address may fail to authenticate.
//!
//! Only failures count: whoever has good credentials calls as often as it likes, also from behind the
//! address of somebody who guesses. An address that has failed too often is answered without a look at its
//! credential, except for those that were good a short while ago.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::governor::clock::{Clock as _, DefaultClock};
use ::governor::middleware::NoOpMiddleware;
use moka::sync::Cache;
use tower_governor::governor::{GovernorConfig, GovernorConfigBuilder};
use tower_governor::key_extractor::PeerIpKeyExtractor;

use super::presented::Print;
use crate::background::Background;
use crate::client_address::ClientAddress;

/// How often the limiter forgets addresses that it has nothing against any more.
const TIDY: Duration = Duration::from_secs(30);
/// How long a good credential is known as such after its last use.
const GOOD_FOR: Duration = Duration::from_hours(1);
/// Credentials and addresses that are known.
const KNOWN: u64 = 100_000;

/// The failures of each address. The limiter's keys are [`ClientAddress::network`]s.
#[derive(Debug)]
pub(super) struct Failures {
    limits: GovernorConfig<PeerIpKeyExtractor, NoOpMiddleware>,
    /// Addresses that have used up their failures, and until when.
    blocked: Cache<IpAddr, Instant>,
    /// Has there been any?
    any: AtomicBool,
    /// Credentials that were good lately. It opens nothing: they are judged as any other.
    good: Cache<Print, ()>,
}

impl Failures {
    /// Allows each address so many a minute, and at once.
    pub(super) fn new(per_minute: NonZeroU32) -> Self {
        let period = Duration::from_mins(1) / per_minute.get();
        let limits = GovernorConfigBuilder::default()
            .period(period)
            .burst_size(per_minute.get())
            .finish();
        Self {
            // Neither is zero, so there is always a quota; the crate's default would be one as well.
            limits: limits.unwrap_or_default(),
            blocked: Cache::builder()
                .max_capacity(KNOWN)
                .time_to_live(Duration::from_mins(2))
                .build(),
            any: AtomicBool::new(false),
            good: Cache::builder()
                .max_capacity(KNOWN)
                .time_to_idle(GOOD_FOR)
                .build(),
        }
    }

    /// May the client try? `Err`: not before so many seconds.
    pub(super) fn may_try(&self, client: ClientAddress, print: Option<&Print>) -> Result<(), u32> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        let Some(until) = self.blocked.get(&client.network()) else {
            return Ok(());
        };
        let wait = until.saturating_duration_since(Instant::now());
        if wait.is_zero() || print.is_some_and(|print| self.good.contains_key(print)) {
            return Ok(());
        }
        Err(seconds(wait))
    }

    /// The credential was good.
    pub(super) fn was_good(&self, print: Print) {
        // Looking it up keeps it.
        if self.good.get(&print).is_none() {
            self.good.insert(print, ());
        }
    }

    /// The credential was bad.
    pub(super) fn was_bad(&self, print: &Print) {
        self.good.invalidate(print);
    }

    /// Notes a failure. `Err`: it was one too many, and the next try is in so many seconds.
    pub(super) fn note(&self, client: ClientAddress) -> Result<(), u32> {
        let network = client.network();
        self.limits.limiter().check_key(&network).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            if let Some(until) = Instant::now().checked_add(wait) {
                self.blocked.insert(network, until);
                self.any.store(true, Ordering::Release);
            }
            seconds(wait)
        })
    }

    /// Keeps the limiter small, until the shutdown begins.
    pub(super) async fn run(&self, background: &Background) {
        while !background.is_stopping() {
            tokio::select! {
                () = tokio::time::sleep(TIDY) => {}
                () = background.stopping() => {}
            }
            self.limits.limiter().retain_recent();
        }
    }
}

/// Whole seconds, rounded up, for `Retry-After`.
fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000))
        .unwrap_or(u32::MAX)
        .max(1)
}
