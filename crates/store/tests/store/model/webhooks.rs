//! What a tenant's receivers are told, and by what answers of theirs they are told again.

use std::collections::{BTreeMap, BTreeSet};

use evogate_models::delivery::{Claim, Delivery as Stored, DeliveryState, End, Lane};
use evogate_models::event::{DeliveryId, EventKind, Target};
use evogate_models::{EndpointId, EventId, Millis, TaskId, TenantId};
use evogate_store::TenantError;
use evogate_store::dump::Dump;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::outbox::{Delivery, Known};
use super::{Judged, Model, Name, Phase, same};
use crate::kit::step::{Answer, Step};

/// The waits before a delivery's second to ninth attempt, in seconds.
const WAITS: [i64; 8] = [5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200];
const HALF_A_DAY: Millis = 43_200_000;

impl Model {
    /// The task's end, to whoever wants to hear of it.
    pub(super) fn announce_end(&mut self, name: &Name) {
        let task = &self.tasks[name];
        let kind = match task.phase {
            Phase::Completed => "task.completed",
            Phase::Cancelled => "task.cancelled",
            Phase::Lost | Phase::Expired if task.cancel_wanted => "task.cancelled",
            _ => "task.failed",
        };
        self.announce(name, kind);
    }

    /// An event of the task's. Callbacks are told of its end alone.
    pub(super) fn announce(&mut self, name: &Name, kind: &str) {
        let calls_back = self.tasks[name].calls_back && kind != "task.expiring";
        let callback = calls_back.then(|| Target::callback("https://receiver.example/"));
        let event = EventId::of_task(&name.1, kind);
        let kind = kind.parse().unwrap();
        self.tell(&name.0, &event, kind, Some(&name.1), callback);
    }

    fn tell(
        &mut self,
        tenant: &TenantId,
        event: &EventId,
        kind: EventKind,
        task: Option<&TaskId>,
        callback: Option<Target>,
    ) {
        let endpoints = self.webhooks.endpoints.iter();
        let subscribed = endpoints.filter(|((owner, _), endpoint)| {
            let wanted = endpoint.kinds.is_empty() || endpoint.kinds.contains(&kind);
            owner == tenant && !endpoint.disabled && wanted
        });
        let targets: Vec<_> = subscribed
            .map(|((_, id), _)| Target::Endpoint(id.clone()))
            .chain(callback)
            .collect();
        for target in targets {
            self.deliver(tenant, event, kind, task, target);
        }
    }

    fn deliver(
        &mut self,
        tenant: &TenantId,
        event: &EventId,
        kind: EventKind,
        task: Option<&TaskId>,
        target: Target,
    ) {
        let delivery = Delivery {
            task: task.cloned(),
            kind,
            at: self.now,
            state: DeliveryState::Pending,
            made: 0,
            tries: 0,
            due: Some(self.now),
            lease: None,
            fence: 0,
        };
        let event = event.clone();
        let name = (tenant.clone(), DeliveryId { event, target });
        let twice = self.webhooks.deliveries.insert(name.clone(), delivery);
        assert!(twice.is_none(), "the model told of {name:?} twice");
    }

    /// Tells tenants whose balance became low with the last step.
    pub(super) fn watch_balances(&mut self, dump: &Dump) {
        let tenants: Vec<TenantId> = self.tenants.keys().cloned().collect();
        for id in tenants {
            let available = self.available(&id);
            let seq = dump.accounts[&id].1;
            let tenant = self.tenants.get_mut(&id).unwrap();
            let (entries, before) = tenant.balance;
            tenant.balance = (seq, available);
            if entries == seq {
                continue;
            }
            let threshold = tenant.quota.low_credit_threshold;
            let is_low = threshold.is_some_and(|threshold| available < threshold.0.micro());
            let tell = is_low && !tenant.low && available < before;
            tenant.low = is_low && (tenant.low || tell);
            if tell {
                let event = EventId::of_entry(seq, "credits.low");
                self.tell(&id, &event, EventKind::CreditsLow, None, None);
            }
        }
    }

    pub(super) fn judge_webhook(&mut self, step: &Step, answer: &Answer) -> Judged {
        let judged = match (step, answer) {
            (Step::ClaimDeliveries { room, lease }, Answer::Deliveries(claims)) => {
                let expected = self.webhooks.claim(*room, *lease, self.now);
                let got: Vec<_> = claims.deliveries.iter().map(|c| &c.delivery).collect();
                let got: Vec<_> = got
                    .iter()
                    .map(|d| (d.tenant.clone(), d.id(), d.fence))
                    .collect();
                prop_assert_eq!(&expected, &got);
                for claimed in &claims.deliveries {
                    prop_assert_eq!(&claimed.event.id, &claimed.delivery.event);
                    let target = &claimed.delivery.target;
                    let queue = (claimed.delivery.tenant.clone(), target.clone());
                    prop_assert_eq!(claimed.endpoint.is_some(), self.webhooks.exists(&queue));
                    prop_assert_eq!(claimed.lane, self.webhooks.known(&queue).lane());
                }
                let outbox = self.webhooks.outbox();
                for lane in Lane::ALL {
                    let first = outbox.iter().find(|(l, ..)| *l == lane);
                    prop_assert_eq!(claims.next.in_lane(lane), first.map(|(_, at, ..)| *at));
                }
                Ok(())
            }
            (
                Step::Attempted {
                    claim, end, jitter, ..
                },
                Answer::Attempted(answer),
            ) => {
                let expected = self.attempted(claim, end, *jitter);
                same(&expected, &answer.is_some())
            }
            (Step::Postpone { claim, due }, Answer::Recorded(recorded)) => {
                let expected = self.webhooks.claimed(claim).map(|delivery| {
                    delivery.lease = None;
                    delivery.due = Some(*due);
                });
                same(&expected.is_some(), recorded)
            }
            (Step::Redeliver { tenant, id }, Answer::Delivery(answer)) => {
                let expected = self.redeliver(tenant, id);
                same(&expected.err().as_ref(), &answer.as_ref().err())
            }
            (Step::Test { endpoint, event }, Answer::Delivery(answer)) => {
                let expected = self.test(&event.tenant, endpoint, &event.id);
                same(&expected.err().as_ref(), &answer.as_ref().err())
            }
            (Step::RotateSecret { tenant, .. }, Answer::Tenant(answer)) => {
                let known = self.tenants.contains_key(tenant);
                self.audited += usize::from(known);
                let expected = (!known).then_some(TenantError::NoTenant);
                same(&expected.as_ref(), &answer.as_ref().err())
            }
            (step, Answer::Endpoint(answer)) => {
                let expected = self.endpoint(step);
                same(&expected.err().as_ref(), &answer.as_ref().err())
            }
            _ => Err(TestCaseError::fail(format!("{answer:?} to {step:?}"))),
        };
        self.webhooks.forget();
        judged
    }

    fn test(
        &mut self,
        tenant: &TenantId,
        endpoint: &EndpointId,
        event: &EventId,
    ) -> Result<(), TenantError> {
        let name = self.known_endpoint(tenant, endpoint)?;
        self.open_endpoint(&name)?;
        let target = Target::Endpoint(endpoint.clone());
        self.deliver(tenant, event, EventKind::EndpointTest, None, target);
        Ok(())
    }

    fn redeliver(&mut self, tenant: &TenantId, id: &DeliveryId) -> Result<(), TenantError> {
        let name = (tenant.clone(), id.clone());
        if !self.webhooks.deliveries.contains_key(&name) {
            return Err(TenantError::NoDelivery);
        }
        if let Some(endpoint) = id.target.endpoint() {
            self.open_endpoint(&(tenant.clone(), endpoint.clone()))?;
        }
        let now = self.now;
        let delivery = self.webhooks.deliveries.get_mut(&name).unwrap();
        if delivery.lease.is_none() {
            delivery.state = DeliveryState::Pending;
            delivery.due = Some(now);
            delivery.tries = 0;
        }
        Ok(())
    }

    /// Answers whether it was taken note of.
    fn attempted(&mut self, claim: &Claim, end: &End, jitter: bool) -> bool {
        let now = self.now;
        let Some(delivery) = self.webhooks.claimed(claim) else {
            return false;
        };
        delivery.lease = None;
        delivery.made += 1;
        delivery.tries += 1;
        let wait = WAITS.get(delivery.tries - 1).map(|wait| wait * 1000);
        let wait = wait.map(|wait| if jitter { wait * 6 / 5 } else { wait });
        let (state, wait) = match end {
            End::Answered { status, .. } if status / 100 == 2 => (DeliveryState::Delivered, None),
            End::Answered { status: 410, .. } | End::Gone => (DeliveryState::Dead, None),
            End::Answered {
                status: 429,
                retry_after: Some(asked),
            } => {
                let wait = wait.map(|wait| wait.max((*asked).min(HALF_A_DAY)));
                (DeliveryState::Dead, wait)
            }
            _ => (DeliveryState::Dead, wait),
        };
        delivery.due = wait.map(|wait| now.plus(wait));
        delivery.state = if wait.is_some() {
            DeliveryState::Pending
        } else {
            state
        };
        let queue = (claim.tenant.clone(), claim.id.target.clone());
        self.webhooks
            .known
            .entry(queue)
            .or_default()
            .learn(end, now);
        if let (End::Answered { status: 410, .. }, Some(id)) = (end, claim.id.target.endpoint()) {
            self.disable(&(claim.tenant.clone(), id.clone()));
        }
        true
    }

    /// The endpoint said that it is gone; the others are told.
    fn disable(&mut self, name: &(TenantId, EndpointId)) {
        let Some(endpoint) = self.webhooks.endpoints.get_mut(name) else {
            return;
        };
        if !std::mem::replace(&mut endpoint.disabled, true) {
            self.anew(name, true);
            let event = EventId::of_endpoint(&name.1, self.now, "endpoint.disabled");
            let kind = EventKind::EndpointDisabled;
            self.tell(&name.0, &event, kind, None, None);
        }
    }

    /// Every event reaches whom it concerns, and is sent until it is taken.
    pub(super) fn check_deliveries(&self, dump: &Dump) -> Judged {
        let webhooks = &self.webhooks;
        prop_assert!(dump.endpoints.keys().eq(webhooks.endpoints.keys()));
        for (name, stored) in &dump.endpoints {
            let endpoint = &webhooks.endpoints[name];
            prop_assert_eq!(stored.disabled.is_some(), endpoint.disabled);
            prop_assert_eq!(&stored.url, &endpoint.url);
            prop_assert_eq!(&stored.events, &endpoint.kinds);
            prop_assert!(stored.secrets.len() <= endpoint.secrets.min(5));
        }
        prop_assert!(dump.deliveries.keys().eq(webhooks.deliveries.keys()));
        for (name, stored) in &dump.deliveries {
            self.check_delivery(name, stored, dump)?;
        }
        let told: BTreeSet<_> = dump
            .deliveries
            .keys()
            .map(|(tenant, id)| (tenant.clone(), id.event.clone()))
            .collect();
        prop_assert!(
            dump.events.keys().eq(&told),
            "an event that nobody is told of"
        );
        let low: Vec<_> = self.tenants.iter().filter(|(_, t)| t.low).collect();
        prop_assert!(dump.low.iter().eq(low.into_iter().map(|(id, _)| id)));
        prop_assert_eq!(&dump.outbox, &webhooks.outbox());
        let known: BTreeMap<_, _> = dump
            .queues
            .iter()
            .map(|(queue, stored)| {
                let health = stored.health;
                let known = Known {
                    good: health.lane() == Lane::Good,
                    window: usize::try_from(health.window).unwrap(),
                    failures: health.failures,
                    paused: health.paused,
                    took: health.took,
                    closed: stored.closed,
                };
                (queue.clone(), known)
            })
            .collect();
        prop_assert_eq!(&known, &webhooks.known);
        Ok(())
    }

    fn check_delivery(
        &self,
        name: &(TenantId, DeliveryId),
        stored: &Stored,
        dump: &Dump,
    ) -> Judged {
        let delivery = &self.webhooks.deliveries[name];
        prop_assert_eq!(&stored.task, &delivery.task);
        prop_assert_eq!(stored.kind, delivery.kind);
        prop_assert_eq!(stored.at, delivery.at);
        prop_assert_eq!(stored.state, delivery.state);
        prop_assert_eq!(stored.made, delivery.made);
        prop_assert_eq!(stored.due, delivery.due);
        prop_assert_eq!(stored.lease, delivery.lease);
        prop_assert_eq!(stored.fence, delivery.fence);
        let waits = stored.due.is_some() != stored.lease.is_some();
        prop_assert_eq!(waits, stored.state == DeliveryState::Pending);
        let event = &dump.events[&(name.0.clone(), name.1.event.clone())];
        prop_assert_eq!((event.kind, event.at), (stored.kind, stored.at));
        if let Some(task) = &stored.task {
            let task = &dump.tasks[&(name.0.clone(), task.clone())];
            prop_assert!(task.state.is_ended());
            prop_assert_eq!(event.body(), evogate_models::view::render(task));
        }
        Ok(())
    }
}
