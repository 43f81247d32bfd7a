//! The worker's loop: claim, place, sleep.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use evogate_models::Timestamp;
use evogate_models::event::Delivery;
use evogate_store::{Store, StoreError};
use futures::future::BoxFuture;
use futures::stream::{self, FuturesUnordered};
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, sleep_until};

use super::Deliverer;
use crate::background::Background;
use crate::webhooks::courier::Report;
use crate::webhooks::lanes::{Endpoint, Freed, Lanes, Outcome, Place, Ticket};

/// The longest sleep: another replica may have died with deliveries in its hands.
const TICK: Duration = Duration::from_secs(5);
/// The sleep after the store failed, or did not hand out what it said was due.
const BACK_OFF: Duration = Duration::from_millis(500);
/// How many deliveries are claimed at once.
const CLAIM: usize = 128;
/// How many deliveries are handed back at once.
const HAND_BACK: usize = 32;

/// Something that was spawned has ended.
enum Ended {
    /// An attempt; without a report if it panicked.
    Attempt(Ticket, Option<Report>),
    /// Deliveries were handed back; the first of them is due then.
    HandBack(Option<Timestamp>),
}

/// What interrupts the sleep.
enum Woken {
    ToClaim,
    ToStop,
    By(Ended),
}

/// The worker at work: what it has in its hands.
pub(super) struct Shift {
    deliverer: Deliverer,
    background: Background,
    lanes: Lanes<Delivery>,
    under_way: FuturesUnordered<BoxFuture<'static, Ended>>,
    /// When to look for due deliveries, if nothing wakes it earlier.
    wake: Instant,
}

impl Shift {
    pub(super) fn new(deliverer: Deliverer, background: Background) -> Self {
        Self {
            deliverer,
            background,
            lanes: Lanes::new(Instant::now()),
            under_way: FuturesUnordered::new(),
            wake: Instant::now(),
        }
    }

    /// Until a shutdown begins.
    pub(super) async fn work(mut self) {
        while !self.background.is_stopping() {
            self.claim().await;
            self.rest().await;
        }
        let rest = self.lanes.drain().into_iter();
        let rest = rest.map(|delivery| (delivery, Duration::ZERO));
        hand_back(self.deliverer.store, rest.collect()).await;
    }

    /// Claims and places everything that is due, as far as there is room, and sets the next wake-up.
    async fn claim(&mut self) {
        self.wake = Instant::now() + TICK;
        let mut in_vain = 0;
        while !self.lanes.is_full() && !self.background.is_stopping() {
            let next = match self.claim_some(&mut in_vain).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(%error, "due webhooks can't be claimed");
                    self.wake = Instant::now() + BACK_OFF;
                    return;
                }
            };
            match next {
                None => return,
                Some(due) if due > self.deliverer.store.now() => return self.wake_at(due),
                // Once is a delivery that has become due since; more often is a record that can't be had.
                Some(_) if in_vain > 1 => {
                    self.wake = Instant::now() + BACK_OFF;
                    return;
                }
                Some(_) => {}
            }
            // A long list must not keep those waiting that could go on meanwhile.
            while let Some(Some(ended)) = self.under_way.next().now_or_never() {
                self.ended(ended);
            }
        }
    }

    /// Claims and places some; answers when the next is due.
    async fn claim_some(&mut self, in_vain: &mut u32) -> Result<Option<Timestamp>, StoreError> {
        let Deliverer { store, lease, .. } = &self.deliverer;
        let claimed = store.claim_deliveries(CLAIM, *lease).await?;
        *in_vain = if claimed.is_empty() {
            in_vain.saturating_add(1)
        } else {
            0
        };
        self.place(claimed);
        self.deliverer.store.next_delivery().await
    }

    /// Sleeps until there may be something to claim; meanwhile takes note of what ends.
    async fn rest(&mut self) {
        loop {
            let woken = tokio::select! {
                () = self.background.stopping() => Woken::ToStop,
                Some(ended) = self.under_way.next() => Woken::By(ended),
                () = self.deliverer.store.outbox().notified() => Woken::ToClaim,
                () = sleep_until(self.wake) => Woken::ToClaim,
            };
            match woken {
                // A new event, while there is no room for it: the next end looks again.
                Woken::ToClaim if self.lanes.is_full() => self.wake = Instant::now() + TICK,
                Woken::ToClaim | Woken::ToStop => return,
                Woken::By(ended) => {
                    let was_full = self.lanes.is_full();
                    self.ended(ended);
                    if was_full && !self.lanes.is_full() {
                        return;
                    }
                }
            }
        }
    }

    fn place(&mut self, claimed: Vec<Delivery>) {
        let now = Instant::now();
        let (mut start, mut later) = (Vec::new(), Vec::new());
        let stopping = self.background.is_stopping();
        for delivery in claimed {
            if stopping {
                later.push((delivery, Duration::ZERO));
                continue;
            }
            let endpoint = Endpoint::of(&delivery.url);
            match self.lanes.offer(endpoint, delivery, now) {
                Place::Start(ticket, delivery) => start.push((ticket, delivery)),
                Place::Waits => {}
                Place::Later(delivery, wait) => later.push((delivery, wait)),
            }
        }
        self.go_on(Freed { start, later });
    }

    fn ended(&mut self, ended: Ended) {
        match ended {
            Ended::Attempt(ticket, report) => {
                let report = report.unwrap_or(Report {
                    outcome: Outcome::NotSent,
                    took: Duration::ZERO,
                    due: None,
                });
                if let Some(due) = report.due {
                    self.wake_at(due);
                }
                let Report { outcome, took, .. } = report;
                let freed = self.lanes.done(ticket, outcome, took, Instant::now());
                self.go_on(freed);
            }
            Ended::HandBack(due) => {
                if let Some(due) = due {
                    self.wake_at(due);
                }
            }
        }
    }

    /// Starts what may start, and hands back what must wait.
    fn go_on(&mut self, freed: Freed<Delivery>) {
        let mut start = VecDeque::from(freed.start);
        let mut later = freed.later;
        let now = self.deliverer.store.now();
        while let Some((ticket, delivery)) = start.pop_front() {
            let left = delivery.lease.map_or(0, |lease| lease.since(now));
            if left >= self.deliverer.needs {
                self.start(ticket, delivery);
                continue;
            }
            // It waited so long that somebody else could get it while we send it.
            later.push((delivery, Duration::ZERO));
            let freed = self
                .lanes
                .done(ticket, Outcome::NotSent, Duration::ZERO, Instant::now());
            start.extend(freed.start);
            later.extend(freed.later);
        }
        if !later.is_empty() {
            let handed = hand_back(self.deliverer.store.clone(), later);
            let handed = self.background.spawn(handed);
            let handed = async { Ended::HandBack(handed.await.ok().flatten()) };
            self.under_way.push(Box::pin(handed));
        }
    }

    fn start(&mut self, ticket: Ticket, delivery: Delivery) {
        let courier = Arc::clone(&self.deliverer.courier);
        let attempt = async move { courier.deliver(&delivery).await };
        let attempt = self.background.spawn(attempt);
        let attempt = async {
            let report = attempt.await;
            if let Err(error) = &report {
                tracing::error!(%error, "a webhook's attempt broke off; it comes again");
            }
            Ended::Attempt(ticket, report.ok())
        };
        self.under_way.push(Box::pin(attempt));
    }

    /// Wakes when `due` has come, if not earlier.
    fn wake_at(&mut self, due: Timestamp) {
        let left = due.since(self.deliverer.store.now());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        self.wake = self.wake.min(Instant::now() + left.min(TICK));
    }
}

/// Hands claimed deliveries back, each to be due after its wait. Answers when the first of them is.
async fn hand_back(store: Store, deliveries: Vec<(Delivery, Duration)>) -> Option<Timestamp> {
    let store = &store;
    let handed = stream::iter(deliveries).map(|(delivery, wait)| async move {
        let due = store.now().after(wait);
        let Delivery {
            tenant,
            event,
            fence,
            ..
        } = &delivery;
        match store.postpone(tenant, event, *fence, due).await {
            Ok(_) => Some(due),
            Err(error) => {
                tracing::warn!(%event, %error, "a webhook comes again when its lease ends");
                None
            }
        }
    });
    let dues = handed.buffer_unordered(HAND_BACK);
    dues.fold(None, |first: Option<Timestamp>, due| async move {
        match (first, due) {
            (Some(first), Some(due)) => Some(first.min(due)),
            (first, due) => first.or(due),
        }
    })
    .await
}
