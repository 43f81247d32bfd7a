//! One call of a store with its answer, both comparable between engines.

use evogate_models::delivery::{Attempt, Claim, Delivery, End};
use evogate_models::endpoint::{Endpoint, EndpointChange, Rotation};
use evogate_models::event::{DeliveryId, Event};
use evogate_models::task::Task;
use evogate_models::{EndpointId, KeyId, Millis, TaskId, TenantId, Timestamp};
use evogate_store::{
    Claims, Grant, KeyChange, KeyRecord, Room, Store, Submit, SubmitError, Submitted, Swept,
    TaskCommand, TaskOutcome, Tenant, TenantChange, TenantError, TenantView, TurnError,
};

use super::{KEEP, admin};

/// A call, or something that happens to the store.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    CreateTenant(Box<Tenant>),
    ChangeTenant {
        tenant: TenantId,
        change: Box<TenantChange>,
    },
    Grant(Grant),
    AddKey(KeyRecord),
    ChangeKey {
        tenant: TenantId,
        key: KeyId,
        change: KeyChange,
    },
    DeleteKey {
        tenant: TenantId,
        key: KeyId,
    },
    Submit(Box<Submit>),
    Turn {
        tenant: TenantId,
        task: TaskId,
        command: TaskCommand,
    },
    Restore {
        task: Box<Task>,
        until: Timestamp,
    },
    ClaimDue {
        limit: usize,
        lease: Millis,
    },
    CreateEndpoint(Box<Endpoint>),
    ChangeEndpoint {
        tenant: TenantId,
        endpoint: EndpointId,
        change: Box<EndpointChange>,
    },
    DeleteEndpoint {
        tenant: TenantId,
        endpoint: EndpointId,
    },
    Test {
        endpoint: EndpointId,
        event: Box<Event>,
    },
    RotateSecret {
        tenant: TenantId,
        rotation: Rotation,
    },
    Redeliver {
        tenant: TenantId,
        id: DeliveryId,
    },
    ClaimDeliveries {
        room: Room,
        lease: Millis,
    },
    Attempted {
        claim: Claim,
        attempt: Attempt,
        end: End,
        /// Full jitter, or none.
        jitter: bool,
    },
    Postpone {
        claim: Claim,
        due: Timestamp,
    },
    Sweep,
    /// The clock moves on: not a call.
    Wait(Millis),
    /// The process is another one: not a call.
    Restart,
}

/// What a call answered.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Tenant(Result<Box<TenantView>, TenantError>),
    /// And whether it was granted before.
    Granted(Result<(Box<TenantView>, bool), TenantError>),
    Key(Result<Option<KeyRecord>, TenantError>),
    Submit(Result<Box<Submitted>, SubmitError>),
    Turn(Result<Box<TaskOutcome>, TurnError>),
    Restored(Result<Box<Task>, TurnError>),
    Claimed(Vec<Task>),
    Endpoint(Result<Option<Box<Endpoint>>, TenantError>),
    Delivery(Result<Box<Delivery>, TenantError>),
    Deliveries(Box<Claims>),
    Attempted(Option<Box<Delivery>>),
    Recorded(bool),
    Swept(Swept),
    Nothing,
}

impl Answer {
    /// Was it refused, so that nothing may have been written?
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Tenant(answer) => answer.is_err(),
            Self::Granted(answer) => !matches!(answer, Ok((_, false))),
            Self::Key(answer) => answer.is_err(),
            Self::Submit(answer) => answer.is_err(),
            Self::Turn(answer) => answer.is_err(),
            Self::Restored(answer) => answer.is_err(),
            Self::Endpoint(answer) => answer.is_err(),
            Self::Delivery(answer) => answer.is_err(),
            Self::Attempted(recorded) => recorded.is_none(),
            Self::Recorded(recorded) => !recorded,
            Self::Swept(swept) => *swept == Swept::default(),
            // A pass that claims nothing may still find that somebody else works on what is due.
            Self::Claimed(_) | Self::Deliveries(_) | Self::Nothing => false,
        }
    }
}

impl Step {
    /// Makes the call. A store that fails ends the test.
    pub(crate) async fn run(&self, store: &Store) -> Answer {
        let by = &admin();
        match self.clone() {
            Self::CreateTenant(tenant) => {
                Answer::Tenant(store.create_tenant(*tenant, by).await.map(Box::new))
            }
            Self::ChangeTenant { tenant, change } => {
                let changed = store.change_tenant(&tenant, *change, by).await;
                Answer::Tenant(changed.map(Box::new))
            }
            Self::Grant(grant) => {
                let granted = store.grant(grant, by).await;
                Answer::Granted(granted.map(|granted| (Box::new(granted.view), granted.replay)))
            }
            Self::AddKey(key) => Answer::Key(store.add_key(key, by).await.map(|()| None)),
            Self::ChangeKey {
                tenant,
                key,
                change,
            } => Answer::Key(store.change_key(&tenant, &key, change, by).await.map(Some)),
            Self::DeleteKey { tenant, key } => {
                Answer::Key(store.delete_key(&tenant, &key, by).await.map(|()| None))
            }
            Self::Submit(submit) => Answer::Submit(store.submit(*submit).await.map(Box::new)),
            Self::Turn {
                tenant,
                task,
                command,
            } => Answer::Turn(store.turn(&tenant, &task, command).await.map(Box::new)),
            Self::Restore { task, until } => {
                Answer::Restored(store.restore(*task, until).await.map(Box::new))
            }
            Self::ClaimDue { limit, lease } => {
                Answer::Claimed(store.claim_due(limit, lease).await.unwrap())
            }
            Self::CreateEndpoint(endpoint) => {
                let created = store.create_endpoint(*endpoint, by).await;
                Answer::Endpoint(created.map(|()| None))
            }
            Self::ChangeEndpoint {
                tenant,
                endpoint,
                change,
            } => {
                let changed = store.change_endpoint(&tenant, &endpoint, *change, by).await;
                Answer::Endpoint(changed.map(|endpoint| Some(Box::new(endpoint))))
            }
            Self::DeleteEndpoint { tenant, endpoint } => {
                let deleted = store.delete_endpoint(&tenant, &endpoint, by).await;
                Answer::Endpoint(deleted.map(|()| None))
            }
            Self::Test { endpoint, event } => {
                let sent = store.test_endpoint(&endpoint, *event).await;
                Answer::Delivery(sent.map(Box::new))
            }
            Self::RotateSecret { tenant, rotation } => {
                let rotated = store.rotate_webhook_secret(&tenant, rotation, by).await;
                Answer::Tenant(rotated.map(Box::new))
            }
            Self::Redeliver { tenant, id } => {
                Answer::Delivery(store.redeliver(&tenant, &id).await.map(Box::new))
            }
            Self::ClaimDeliveries { room, lease } => {
                let claims = store.claim_deliveries(room, lease).await.unwrap();
                Answer::Deliveries(Box::new(claims))
            }
            Self::Attempted {
                claim,
                attempt,
                end,
                jitter,
            } => {
                let jitter = if jitter { 1.0 } else { 0.0 };
                let recorded = store.attempted(&claim, attempt, end, jitter).await;
                Answer::Attempted(recorded.unwrap().map(Box::new))
            }
            Self::Postpone { claim, due } => {
                Answer::Recorded(store.postpone(&claim, due).await.unwrap())
            }
            Self::Sweep => Answer::Swept(store.sweep(KEEP).await.unwrap()),
            Self::Wait(_) | Self::Restart => Answer::Nothing,
        }
    }
}
