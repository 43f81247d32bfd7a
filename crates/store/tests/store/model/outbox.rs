//! Queues and what waits in them: the delivery rules, written down a second time.

use std::collections::{BTreeMap, BTreeSet};

use evogate_models::delivery::{Claim, DeliveryState, End, Lane};
use evogate_models::event::{DeliveryId, EventKind, Target};
use evogate_models::{EndpointId, Millis, TaskId, TenantId, Timestamp};
use evogate_store::Room;

use super::Name;
use crate::kit::KEEP;

#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) task: Option<TaskId>,
    pub(super) kind: EventKind,
    pub(super) at: Timestamp,
    pub(super) state: DeliveryState,
    pub(super) made: u32,
    pub(super) tries: usize,
    pub(super) due: Option<Timestamp>,
    pub(super) lease: Option<Timestamp>,
    pub(super) fence: u64,
}

#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) kinds: Vec<EventKind>,
    pub(super) url: String,
    pub(super) disabled: bool,
    pub(super) secrets: usize,
}

const THREE_DAYS: Millis = 3 * 86_400_000;

/// What is known of a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Known {
    pub(super) good: bool,
    pub(super) window: usize,
    pub(super) failures: u32,
    pub(super) paused: Option<Timestamp>,
    pub(super) took: Option<Timestamp>,
    pub(super) closed: bool,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            good: false,
            window: 1,
            failures: 0,
            paused: None,
            took: None,
            closed: false,
        }
    }
}

impl Known {
    pub(super) fn learn(&mut self, end: &End, now: Timestamp) {
        let asked = match end {
            End::Answered { status, .. } if status / 100 == 2 => {
                *self = Self {
                    good: true,
                    window: (self.window * 2).min(16),
                    took: Some(Timestamp::from_millis(now.millis() / 60_000 * 60_000)),
                    closed: self.closed,
                    ..Self::default()
                };
                return;
            }
            End::Answered {
                status: 429 | 503,
                retry_after,
            } => retry_after.unwrap_or(0).min(300_000),
            End::Answered { .. } | End::Silent => 0,
            End::NotSent | End::Gone => return,
        };
        self.failures += 1;
        self.window = (self.window / 2).max(1);
        self.good &= self.window > 1;
        let pause = match self.failures {
            0..=2 => 0,
            3 => 5_000,
            4 => 10_000,
            5 => 20_000,
            6 => 40_000,
            _ => 60_000,
        };
        if pause.max(asked) > 0 {
            self.paused = self.paused.max(Some(now.plus(pause.max(asked))));
        }
    }

    pub(super) fn lane(&self) -> Lane {
        if self.good { Lane::Good } else { Lane::Suspect }
    }
}

/// Everything about webhooks that is kept.
#[derive(Debug, Default)]
pub(super) struct Webhooks {
    pub(super) endpoints: BTreeMap<(TenantId, EndpointId), Endpoint>,
    pub(super) deliveries: BTreeMap<(TenantId, DeliveryId), Delivery>,
    pub(super) known: BTreeMap<(TenantId, Target), Known>,
}

pub(super) type Queue = (TenantId, Target);

impl Webhooks {
    fn of<'a>(&'a self, queue: &'a Queue) -> impl Iterator<Item = (&'a DeliveryId, &'a Delivery)> {
        let deliveries = self.deliveries.iter();
        deliveries
            .filter(|((tenant, id), _)| *tenant == queue.0 && id.target == queue.1)
            .map(|((_, id), delivery)| (id, delivery))
    }

    pub(super) fn known(&self, queue: &Queue) -> Known {
        self.known.get(queue).copied().unwrap_or_default()
    }

    pub(super) fn exists(&self, queue: &Queue) -> bool {
        let endpoint = queue.1.endpoint();
        endpoint.is_some_and(|id| self.endpoints.contains_key(&(queue.0.clone(), id.clone())))
    }

    /// Is somebody still told of the task? A receiver is waited for three days beyond the rest.
    pub(super) fn is_waited_for(&self, name: &Name, now: Timestamp) -> bool {
        let own = self.deliveries.iter().filter(|((tenant, _), delivery)| {
            *tenant == name.0 && delivery.task.as_ref() == Some(&name.1)
        });
        let waited_for = KEEP.tasks + THREE_DAYS;
        let mut pending = own.filter(|(_, delivery)| delivery.state == DeliveryState::Pending);
        pending.any(|(_, delivery)| now.since(delivery.at) < waited_for)
    }

    /// The task leaves.
    pub(super) fn leave(&mut self, name: &Name) {
        self.deliveries.retain(|(tenant, _), delivery| {
            *tenant != name.0 || delivery.task.as_ref() != Some(&name.1)
        });
    }

    /// Old events that are about no task leave. Answers how many.
    pub(super) fn sweep_events(&mut self, now: Timestamp) -> usize {
        let mut events: BTreeMap<_, bool> = BTreeMap::new();
        for ((tenant, id), delivery) in &self.deliveries {
            if delivery.task.is_none() {
                let pending = delivery.state == DeliveryState::Pending;
                let waits = if pending { THREE_DAYS } else { 0 };
                let old = now.since(delivery.at) >= KEEP.tasks + waits;
                let event = (tenant.clone(), id.event.clone());
                *events.entry(event).or_insert(true) &= old;
            }
        }
        events.retain(|_, old| *old);
        self.deliveries
            .retain(|(tenant, id), _| !events.contains_key(&(tenant.clone(), id.event.clone())));
        events.len()
    }

    /// Callbacks that nothing was sent to for a day are forgotten. Answers how many.
    pub(super) fn sweep(&mut self, now: Timestamp) -> usize {
        let known: Vec<_> = self.known.keys().cloned().collect();
        let before = known.len();
        for queue in known {
            let idle = self.is_idle(&queue) && queue.1.endpoint().is_none();
            let took = self.known(&queue).took;
            if idle && took.is_none_or(|took| now.since(took) >= 86_400_000) {
                self.known.remove(&queue);
            }
        }
        before - self.known.len()
    }

    fn is_idle(&self, queue: &Queue) -> bool {
        let done = |d: &Delivery| d.due.is_none() && d.lease.is_none();
        self.of(queue).all(|(_, delivery)| done(delivery))
    }

    /// What is known of who is gone, or of callbacks that nothing waits for, is forgotten.
    pub(super) fn forget(&mut self) {
        let known: Vec<_> = self.known.keys().cloned().collect();
        for queue in known {
            let idle = self.is_idle(&queue);
            let good_callback = queue.1.endpoint().is_none() && self.known(&queue).good;
            let idle = idle && !self.exists(&queue) && !good_callback;
            if idle || self.known(&queue) == Known::default() {
                self.known.remove(&queue);
            }
        }
    }

    /// When the queue is due, and in which lane.
    pub(super) fn due(&self, queue: &Queue) -> Option<(Lane, Timestamp)> {
        let known = self.known(queue);
        if known.closed {
            return None;
        }
        let leases: Vec<_> = self.of(queue).filter_map(|(_, d)| d.lease).collect();
        let first = self.of(queue).filter_map(|(_, d)| d.due).min();
        let first = first.filter(|_| leases.len() < known.window);
        let first = first.map(|first| known.paused.map_or(first, |until| until.max(first)));
        let due = first.into_iter().chain(leases).min()?;
        Some((known.lane(), due))
    }

    fn queues(&self) -> BTreeSet<Queue> {
        let names = self.deliveries.keys();
        names
            .map(|(tenant, id)| (tenant.clone(), id.target.clone()))
            .collect()
    }

    pub(super) fn outbox(&self) -> BTreeSet<(Lane, Timestamp, TenantId, Target)> {
        let queues = self.queues().into_iter();
        queues
            .filter_map(|queue| {
                let (lane, due) = self.due(&queue)?;
                Some((lane, due, queue.0, queue.1))
            })
            .collect()
    }

    /// Whoever sent something is gone.
    pub(super) fn restart(&mut self, now: Timestamp) {
        for delivery in self.deliveries.values_mut() {
            if delivery.lease.take().is_some() {
                delivery.due = Some(now);
            }
        }
    }

    pub(super) fn claim(
        &mut self,
        room: Room,
        lease: Millis,
        now: Timestamp,
    ) -> Vec<(TenantId, DeliveryId, u64)> {
        let mut claimed = Vec::new();
        // Whatever one lane's claims change for the other is seen when that is looked at.
        for lane in Lane::ALL {
            let mut left = room.in_lane(lane);
            let due = self.outbox();
            let due = due.iter().filter(|(l, at, ..)| *l == lane && *at <= now);
            for (_, _, tenant, target) in due.take(left) {
                if left == 0 {
                    break;
                }
                let taken = self.take(&(tenant.clone(), target.clone()), left, lease, now);
                left -= taken.len();
                claimed.extend(taken);
            }
        }
        claimed
    }

    fn take(
        &mut self,
        queue: &Queue,
        left: usize,
        lease: Millis,
        now: Timestamp,
    ) -> Vec<(TenantId, DeliveryId, u64)> {
        let known = self.known(queue);
        let mut own: Vec<_> = self
            .deliveries
            .iter_mut()
            .filter(|((tenant, id), _)| *tenant == queue.0 && id.target == queue.1)
            .collect();
        for (_, delivery) in &mut own {
            if let Some(until) = delivery.lease.filter(|until| *until <= now) {
                delivery.lease = None;
                delivery.due = Some(until);
            }
        }
        let sending = own.iter().filter(|(_, d)| d.lease.is_some()).count();
        let paused = known.paused.is_some_and(|until| until > now);
        let room = if paused || known.closed {
            0
        } else {
            known.window.saturating_sub(sending).min(left)
        };
        let mut due: Vec<_> = own
            .into_iter()
            .filter_map(|(name, d)| Some((d.due.filter(|due| *due <= now)?, name.clone(), d)))
            .collect();
        due.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        due.into_iter()
            .take(room)
            .map(|(_, (tenant, id), delivery)| {
                delivery.fence += 1;
                delivery.due = None;
                delivery.lease = Some(now.plus(lease));
                (tenant, id, delivery.fence)
            })
            .collect()
    }

    /// The delivery, if whoever has `claim` is the one who sends it now.
    pub(super) fn claimed(&mut self, claim: &Claim) -> Option<&mut Delivery> {
        let name = (claim.tenant.clone(), claim.id.clone());
        let delivery = self.deliveries.get_mut(&name)?;
        (delivery.lease.is_some() && delivery.fence == claim.fence).then_some(delivery)
    }
}
