//! What a tenant's receiver is told, and when it is told again.

use evogate_models::event::DeliveryState;
use evogate_models::{EventId, Millis, TenantId};
use proptest::test_runner::TestCaseError;

use super::{Delivery, Judged, Model, Name, Phase, same};
use crate::kit::step::{Answer, Step};

impl Model {
    /// The task's one event, where somebody wants to hear it.
    pub(super) fn announce(&mut self, name: &Name) {
        let task = &self.tasks[name];
        if !task.calls_back {
            return;
        }
        let kind = match task.phase {
            Phase::Completed => "task.completed",
            Phase::Cancelled => "task.cancelled",
            Phase::Lost | Phase::Expired if task.cancel_wanted => "task.cancelled",
            _ => "task.failed",
        };
        let delivery = Delivery {
            task: name.1.clone(),
            state: DeliveryState::Pending,
            attempts: 0,
            due: Some(self.now),
            leased: false,
            fence: 0,
        };
        let event = (name.0.clone(), EventId::of_task(&name.1, kind));
        let twice = self.deliveries.insert(event, delivery);
        assert!(twice.is_none(), "the model told of {name:?} twice");
    }

    pub(super) fn judge_delivery(&mut self, step: &Step, answer: &Answer) -> Judged {
        match (step, answer) {
            (Step::ClaimDeliveries { limit, lease }, Answer::Deliveries(claimed)) => {
                let events: Vec<_> = claimed
                    .iter()
                    .map(|delivery| {
                        (
                            delivery.tenant.clone(),
                            delivery.event.clone(),
                            delivery.fence,
                        )
                    })
                    .collect();
                same(&self.claim_deliveries(*limit, *lease), &events)
            }
            (
                Step::Attempted {
                    tenant,
                    event,
                    fence,
                    state,
                    due,
                    ..
                },
                Answer::Recorded(recorded),
            ) => {
                let now = self.now;
                let expected = self.claimed(tenant, event, *fence).map(|delivery| {
                    delivery.state = *state;
                    delivery.attempts += 1;
                    delivery.due = match state {
                        DeliveryState::Pending => Some(due.unwrap_or(now)),
                        DeliveryState::Delivered | DeliveryState::Dead => None,
                    };
                    delivery.leased = false;
                });
                same(&expected.is_some(), recorded)
            }
            (
                Step::Postpone {
                    tenant,
                    event,
                    fence,
                    due,
                },
                Answer::Recorded(recorded),
            ) => {
                let expected = self.claimed(tenant, event, *fence).map(|delivery| {
                    delivery.due = Some(*due);
                    delivery.leased = false;
                });
                same(&expected.is_some(), recorded)
            }
            _ => Err(TestCaseError::fail(format!("{answer:?} to {step:?}"))),
        }
    }

    fn claim_deliveries(&mut self, limit: usize, lease: Millis) -> Vec<(TenantId, EventId, u64)> {
        let now = self.now;
        let mut due: Vec<_> = self
            .deliveries
            .iter_mut()
            .filter_map(|(name, delivery)| Some((delivery.due?, name.clone(), delivery)))
            .filter(|(due, _, _)| *due <= now)
            .collect();
        due.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        due.into_iter()
            .take(limit)
            .map(|(_, (tenant, event), delivery)| {
                delivery.fence += 1;
                delivery.leased = true;
                delivery.due = Some(now.plus(lease));
                (tenant, event, delivery.fence)
            })
            .collect()
    }

    /// The delivery, if whoever holds `fence` is the one who sends it now.
    fn claimed(&mut self, tenant: &TenantId, event: &EventId, fence: u64) -> Option<&mut Delivery> {
        let delivery = self.deliveries.get_mut(&(tenant.clone(), event.clone()))?;
        (delivery.leased && delivery.fence == fence).then_some(delivery)
    }
}
