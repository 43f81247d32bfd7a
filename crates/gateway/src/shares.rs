//! Fair shares of EvoLink: how many submits this replica has under way there, how many it sends in a minute,
//! and who gets them.
//!
//! A tenant that is alone may use all of it. As soon as others are there, too, each has a share: an equal part
//! of the whole, of which it leaves to the others what it did not use lately. Below its share a tenant gets
//! whatever is free, and waits a moment where nothing is; above it only what nobody else is about to want. So
//! a tenant that submits a hundred times as much as the others is the one that is refused.
//!
//! A share is taken before the hold, so that a refusal costs nobody anything. All of it is counted in this
//! replica alone: several replicas divide EvoLink by their settings.

mod book;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evogate_models::TenantId;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::config;
use crate::metrics::{RATE_LIMITED, SHARE_REFUSALS, UPSTREAM_IN_FLIGHT};

use book::{Book, No};

/// How long a tenant below its share waits for something to become free.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub struct Shares {
    book: Mutex<Book>,
    freed: Notify,
}

/// A submit's share. Dropped, it is free again.
#[derive(Debug)]
#[must_use = "a share that is dropped is free again"]
pub struct Share {
    shares: Arc<Shares>,
    tenant: TenantId,
}

/// There is no share for the tenant now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Of what there is none: `upstream_in_flight`, `upstream_submits_per_minute`.
    pub limit: &'static str,
    /// When another try is worth while, in seconds.
    pub retry_after: u32,
}

impl Shares {
    /// All of it is free.
    pub fn new(config: &config::EvoLink) -> Self {
        Self {
            book: Mutex::new(Book::new(
                config.max_in_flight,
                config.submits_per_minute,
                std::time::Instant::now(),
            )),
            freed: Notify::new(),
        }
    }

    /// A share for a submit of this tenant's.
    pub async fn take(self: &Arc<Self>, tenant: &TenantId) -> Result<Share, Refused> {
        let deadline = Instant::now() + PATIENCE;
        let mut again = false;
        loop {
            let freed = self.freed.notified();
            let no = match self.book().take(tenant, again, std::time::Instant::now()) {
                Ok(()) => {
                    return Ok(Share {
                        shares: Arc::clone(self),
                        tenant: tenant.clone(),
                    });
                }
                Err(no) => no,
            };
            again = true;
            let now = Instant::now();
            if !no.below_share || now >= deadline {
                return Err(refused(&no));
            }
            // The rate refills by itself; places are given back.
            let wake = deadline.min(now + no.wait);
            tokio::select! {
                () = freed => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    /// Sets the gauge.
    pub fn publish(&self) {
        UPSTREAM_IN_FLIGHT.set([], f64::from(self.book().in_flight()));
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(no: &No) -> Refused {
    let (label, limit) = if no.of_rate {
        ("rate", "upstream_submits_per_minute")
    } else {
        ("in_flight", "upstream_in_flight")
    };
    SHARE_REFUSALS.one([label]);
    RATE_LIMITED.one(["upstream_share"]);
    let seconds = no.wait.as_millis().div_ceil(1000);
    Refused {
        limit,
        retry_after: u32::try_from(seconds).unwrap_or(u32::MAX).max(1),
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.book().give_back(&self.tenant);
        self.shares.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn shares(settings: &str) -> Arc<Shares> {
        let settings = format!("evolink.api_key = 'sk-0123456789'\n{settings}");
        let (config, _) = config::Config::load_from_str(&settings).unwrap();
        Arc::new(Shares::new(&config.evolink))
    }

    fn tenant(id: &str) -> TenantId {
        id.parse().unwrap()
    }

    #[tokio::test]
    async fn a_tenant_at_its_share_is_refused_at_once_and_one_below_it_waits_for_what_is_given_back()
     {
        let shares = shares("evolink.max_in_flight = 2");
        let (noisy, quiet) = (tenant("noisy"), tenant("quiet"));
        let first = shares.take(&noisy).await.unwrap();
        let _second = shares.take(&noisy).await.unwrap();
        let third = shares.take(&noisy).now_or_never();
        let refused = third.expect("an answer at once").unwrap_err();
        assert_eq!(
            (refused.limit, refused.retry_after),
            ("upstream_in_flight", 1)
        );
        let waits = shares.take(&quiet);
        tokio::pin!(waits);
        assert!(waits.as_mut().now_or_never().is_none());
        drop(first);
        // What was given back is the quiet one's, also while the noisy one asks first.
        assert!(shares.take(&noisy).now_or_never().unwrap().is_err());
        let share = waits.await.unwrap();
        drop(share);
    }

    #[tokio::test]
    async fn one_below_its_share_is_refused_in_the_end() {
        let shares = shares("evolink.max_in_flight = 1");
        let _taken = shares.take(&tenant("noisy")).await.unwrap();
        let refused = shares.take(&tenant("quiet")).await.unwrap_err();
        assert_eq!(refused.limit, "upstream_in_flight");
    }
}
