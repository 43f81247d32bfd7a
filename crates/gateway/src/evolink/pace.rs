//! How fast workers ask EvoLink, who are in no hurry: within their rate, and hardly at all while it fails.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota};
use tokio::sync::Notify;

use super::{Again, EvoLink};
use crate::background::Background;
use crate::config;

/// After so many reads in a row without an answer EvoLink counts as failing.
const FAILING: u32 = 5;
/// How often somebody who waits looks whether the budget allows another try.
const LOOK: Duration = Duration::from_secs(1);

/// Whether EvoLink answers reads at all.
#[derive(Debug, Default)]
pub(super) struct Answering {
    failures: AtomicU32,
    again: Notify,
}

impl Answering {
    pub(super) fn note(&self, answered: bool) {
        if answered {
            if self.failures.swap(0, Ordering::Relaxed) >= FAILING {
                self.again.notify_waiters();
            }
        } else if self.failures.load(Ordering::Relaxed) < FAILING {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_failing(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAILING
    }
}

/// The pace of one worker.
#[derive(Debug)]
pub struct Pace {
    limiter: DefaultDirectRateLimiter,
    evolink: EvoLink,
    background: Background,
}

impl Pace {
    /// `evolink.reads_per_second`, until a shutdown begins.
    pub fn new(config: &config::EvoLink, evolink: EvoLink, background: Background) -> Self {
        let per_second = NonZeroU32::new(config.reads_per_second).unwrap_or(NonZeroU32::MIN);
        Self {
            limiter: DefaultDirectRateLimiter::direct(Quota::per_second(per_second)),
            evolink,
            background,
        }
    }

    /// Waits until EvoLink may be asked once. `false`: the gateway ends first, and nothing more is begun. While
    /// EvoLink answers nobody, each try is a repetition, and paid for as one.
    pub async fn ready(&self) -> bool {
        let ready = async {
            self.limiter.until_ready().await;
            let answering = &self.evolink.0.answering;
            loop {
                let again = answering.again.notified();
                if !answering.is_failing() || self.evolink.retries().spend(Again::Failing) {
                    return;
                }
                tokio::select! {
                    () = again => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        };
        tokio::select! {
            biased;
            () = self.background.stopping() => false,
            () = ready => true,
        }
    }
}
