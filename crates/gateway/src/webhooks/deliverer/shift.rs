//! The worker's loop: claim, send, sleep.

use std::sync::Arc;
use std::time::Duration;

use evogate_models::Timestamp;
use evogate_models::delivery::{Delivery, Lane};
use evogate_store::{Claimed, NextDue, Room};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, sleep_until};

use super::Deliverer;
use crate::background::Background;
use crate::metrics::WEBHOOK_IN_FLIGHT;
use crate::webhooks::courier::{Report, address, context};
use crate::webhooks::hosts::{Hosts, host};

/// The longest sleep: another replica may have died with deliveries in its hands.
const TICK: Duration = Duration::from_secs(5);
/// The sleep after the store failed, or did not hand out what it said was due.
const BACK_OFF: Duration = Duration::from_millis(500);
/// How many deliveries are claimed at once in one lane.
const CLAIM: usize = 64;
/// All room: each delivery under way has a socket, and a connection's buffers.
const ROOM: Room = Room {
    good: 256,
    suspect: 384,
};

/// Something that was spawned has ended.
enum Ended {
    /// An attempt; without a report if it panicked.
    Attempt {
        lane: Lane,
        host: Option<Arc<str>>,
        report: Option<Report>,
    },
    /// A delivery was handed back, and is due then.
    HandedBack(Lane, Option<Timestamp>),
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
    free: Room,
    hosts: Hosts,
    under_way: FuturesUnordered<BoxFuture<'static, Ended>>,
    /// When to look for due deliveries, if nothing wakes it earlier.
    wake: Instant,
}

impl Shift {
    pub(super) fn new(deliverer: Deliverer, background: Background) -> Self {
        Self {
            deliverer,
            background,
            free: ROOM,
            hosts: Hosts::default(),
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
    }

    /// Claims and sends everything that is due, as far as there is room, and sets the next wake-up.
    async fn claim(&mut self) {
        self.wake = Instant::now() + TICK;
        let mut in_vain = 0_u32;
        while !self.background.is_stopping() {
            let room = Room {
                good: self.free.good.min(CLAIM),
                suspect: self.free.suspect.min(CLAIM),
            };
            let Deliverer { store, lease, .. } = &self.deliverer;
            let claims = match store.claim_deliveries(room, *lease).await {
                Ok(claims) => claims,
                Err(error) => {
                    tracing::error!(%error, "due webhooks can't be claimed");
                    self.wake = Instant::now() + BACK_OFF;
                    return;
                }
            };
            in_vain = if claims.deliveries.is_empty() {
                in_vain.saturating_add(1)
            } else {
                0
            };
            for claimed in claims.deliveries {
                self.send(claimed);
            }
            match self.next(&claims.next) {
                None => return,
                Some(due) if due > self.deliverer.store.now() => return self.wake_at(due),
                // Once is a queue that has become due since; more often is a record that can't be had.
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

    /// When the next queue is due for which there is room.
    fn next(&self, next: &NextDue) -> Option<Timestamp> {
        let lanes = Lane::ALL.into_iter();
        let lanes = lanes.filter(|lane| self.free.in_lane(*lane) > 0);
        lanes.filter_map(|lane| next.in_lane(lane)).min()
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
                Woken::ToClaim | Woken::ToStop => return,
                Woken::By(ended) => {
                    // Where there was no room, there may be something to claim now.
                    if self.ended(ended) {
                        return;
                    }
                }
            }
        }
    }

    /// Sends what was claimed; or hands it back, where its host has used up its part of the room.
    fn send(&mut self, claimed: Claimed) {
        let lane = claimed.lane;
        self.change_free(lane, |free| free.saturating_sub(1));
        let host = match (lane, address(&claimed)) {
            (Lane::Suspect, Some(url)) => Some(host(url)),
            _ => None,
        };
        let admitted = match &host {
            Some(host) => self.hosts.admit(host, Instant::now()),
            None => Ok(()),
        };
        if let Err(wait) = admitted {
            return self.hand_back(claimed.delivery, lane, wait);
        }
        let courier = Arc::clone(&self.deliverer.courier);
        let context = context(&claimed);
        let (ending, store) = (self.background.clone(), self.deliverer.store.clone());
        let attempt = async move {
            tokio::select! {
                report = courier.deliver(&claimed) => report,
                () = ending.handing_back() => {
                    let claim = claimed.delivery.claim();
                    if let Err(error) = store.postpone(&claim, store.now()).await {
                        tracing::warn!(%error, "a webhook comes again when its lease ends");
                    }
                    Report::default()
                }
            }
        };
        let attempt = self.background.spawn(context.spanned("deliver", attempt));
        let attempt = async move {
            let report = attempt.await;
            if let Err(error) = &report {
                tracing::error!(%error, "a webhook's attempt broke off; it comes again");
            }
            Ended::Attempt {
                lane,
                host,
                report: report.ok(),
            }
        };
        self.under_way.push(Box::pin(attempt));
    }

    fn hand_back(&mut self, delivery: Delivery, lane: Lane, wait: Duration) {
        let store = self.deliverer.store.clone();
        let due = store.now().after(wait);
        let handed = async move {
            match store.postpone(&delivery.claim(), due).await {
                Ok(_) => Some(due),
                Err(error) => {
                    let event = &delivery.event;
                    tracing::warn!(%event, %error, "a webhook comes again when its lease ends");
                    None
                }
            }
        };
        let handed = self.background.spawn(handed);
        let handed = async move { Ended::HandedBack(lane, handed.await.ok().flatten()) };
        self.under_way.push(Box::pin(handed));
    }

    /// Takes note of an end. Was there no room in its lane until now?
    fn ended(&mut self, ended: Ended) -> bool {
        let (lane, due) = match ended {
            Ended::Attempt { lane, host, report } => {
                let report = report.unwrap_or_default();
                if let Some(host) = host {
                    self.hosts.done(&host, report.good);
                }
                (lane, report.due)
            }
            Ended::HandedBack(lane, due) => (lane, due),
        };
        if let Some(due) = due {
            self.wake_at(due);
        }
        let was_full = self.free.in_lane(lane) == 0;
        self.change_free(lane, |free| free.saturating_add(1));
        was_full
    }

    fn change_free(&mut self, lane: Lane, change: impl FnOnce(usize) -> usize) {
        let (free, all, name) = match lane {
            Lane::Good => (&mut self.free.good, ROOM.good, "good"),
            Lane::Suspect => (&mut self.free.suspect, ROOM.suspect, "suspect"),
        };
        *free = change(*free);
        let under_way = u32::try_from(all.saturating_sub(*free)).unwrap_or(u32::MAX);
        WEBHOOK_IN_FLIGHT.set([name], f64::from(under_way));
    }

    /// Wakes when `due` has come, if not earlier.
    fn wake_at(&mut self, due: Timestamp) {
        let left = due.since(self.deliverer.store.now());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        self.wake = self.wake.min(Instant::now() + left.min(TICK));
    }
}
