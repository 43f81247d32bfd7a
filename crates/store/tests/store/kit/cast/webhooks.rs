//! Turns commands about endpoints and deliveries into steps.

use evogate_models::delivery::{Attempt, Claim, End};
use evogate_models::endpoint::{Endpoint, EndpointChange, Rotation, StoredSecret};
use evogate_models::event::{Event, EventKind};
use evogate_models::{EndpointId, EventId, Timestamp};
use evogate_store::Room;

use super::{Cast, fence, named, stranger};
use crate::kit::START;
use crate::kit::command::{Attempted, Fence, Pick, Webhook};
use crate::kit::step::Step;

/// An endpoint of a number.
fn endpoint_id(endpoint: u8) -> EndpointId {
    EndpointId::mint(u128::from(endpoint))
}

/// What endpoints subscribe to.
fn kinds(number: u8) -> Vec<EventKind> {
    match number {
        0 => Vec::new(),
        1 => vec![EventKind::TaskCompleted, EventKind::TaskExpiring],
        2 => vec![EventKind::CreditsLow, EventKind::EndpointDisabled],
        _ => vec![EventKind::TaskFailed, EventKind::TaskCancelled],
    }
}

fn secret(byte: u8) -> StoredSecret {
    StoredSecret::plain(vec![byte; 32])
}

fn end(outcome: Attempted) -> End {
    match outcome {
        Attempted::Answered(status, retry_after) => End::Answered {
            status,
            retry_after,
        },
        Attempted::Silent => End::Silent,
        Attempted::NotSent => End::NotSent,
        Attempted::Gone => End::Gone,
    }
}

/// An attempt to deliver.
pub(crate) fn attempt(at: Timestamp, end: End) -> Attempt {
    Attempt {
        at,
        took_ms: 5,
        status: end.status(),
        answer: None,
        error: None,
    }
}

impl Cast {
    fn claim(&self, Pick(pick): Pick, foreign: bool, which: Fence) -> Option<Claim> {
        let back = usize::from(pick).checked_rem(self.deliveries.len())?;
        let mut claim = self.deliveries.iter().rev().nth(back)?.clone();
        if foreign {
            claim.tenant = stranger(&claim.tenant);
        }
        claim.fence = fence(which, claim.fence);
        Some(claim)
    }

    pub(super) fn webhook(&mut self, command: Webhook, now: Timestamp) -> Option<Step> {
        Some(match command {
            Webhook::Redeliver { delivery, foreign } => {
                let claim = self.claim(delivery, foreign, Fence::Last)?;
                Step::Redeliver {
                    tenant: claim.tenant,
                    id: claim.id,
                }
            }
            Webhook::Claim {
                good,
                suspect,
                lease,
            } => Step::ClaimDeliveries {
                room: Room { good, suspect },
                lease,
            },
            Webhook::Attempted {
                delivery,
                foreign,
                fence,
                outcome,
                jitter,
            } => {
                let end = end(outcome);
                Step::Attempted {
                    claim: self.claim(delivery, foreign, fence)?,
                    attempt: attempt(now, end),
                    end,
                    jitter,
                }
            }
            Webhook::Postpone {
                delivery,
                foreign,
                fence,
                wait,
            } => Step::Postpone {
                claim: self.claim(delivery, foreign, fence)?,
                due: now.plus(wait),
            },
            command => self.by_tenant(command, now),
        })
    }

    fn by_tenant(&mut self, command: Webhook, now: Timestamp) -> Step {
        match command {
            Webhook::CreateEndpoint {
                tenant,
                endpoint,
                kinds: number,
            } => Step::CreateEndpoint(Box::new(Endpoint {
                id: endpoint_id(endpoint),
                tenant: named(tenant),
                url: "https://endpoint.example/".to_owned(),
                events: kinds(number),
                description: None,
                created: START,
                secrets: vec![secret(endpoint)],
                disabled: None,
            })),
            Webhook::ChangeEndpoint {
                tenant,
                endpoint,
                kinds: number,
                moves,
                disabled,
                rotates,
            } => {
                let rotation = rotates.then(|| Rotation {
                    secret: secret(9),
                    until: now.plus(60_000),
                });
                let change = EndpointChange {
                    url: moves.then(|| format!("https://endpoint.example/{}", now.millis())),
                    events: number.map(kinds),
                    description: None,
                    disabled: disabled.map(|disabled| disabled.then(|| "enough".to_owned())),
                    rotation,
                };
                Step::ChangeEndpoint {
                    tenant: named(tenant),
                    endpoint: endpoint_id(endpoint),
                    change: Box::new(change),
                }
            }
            Webhook::DeleteEndpoint { tenant, endpoint } => Step::DeleteEndpoint {
                tenant: named(tenant),
                endpoint: endpoint_id(endpoint),
            },
            Webhook::Test { tenant, endpoint } => {
                self.tests += 1;
                let id = EventId::mint_test(u128::from(self.tests));
                let endpoint = endpoint_id(endpoint);
                let event = Event::test(id, &named(tenant), &endpoint, now);
                let event = Box::new(event);
                Step::Test { endpoint, event }
            }
            Webhook::RotateSecret { tenant, overlap } => Step::RotateSecret {
                tenant: named(tenant),
                rotation: Rotation {
                    secret: secret(8),
                    until: now.plus(overlap),
                },
            },
            command => panic!("{command:?}"),
        }
    }
}
