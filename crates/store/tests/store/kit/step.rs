//! One call of a store with its answer, both comparable between engines.

use evogate_models::event::{Attempt, Delivery, DeliveryState};
use evogate_models::task::Task;
use evogate_models::{EventId, KeyId, Millis, TaskId, TenantId, Timestamp};
use evogate_store::{
    Grant, KeyChange, KeyRecord, Store, Submit, SubmitError, Submitted, Swept, TaskCommand,
    TaskOutcome, Tenant, TenantChange, TenantError, TenantView, TurnError,
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
    ClaimDeliveries {
        limit: usize,
        lease: Millis,
    },
    Attempted {
        tenant: TenantId,
        event: EventId,
        fence: u64,
        attempt: Attempt,
        state: DeliveryState,
        due: Option<Timestamp>,
    },
    Postpone {
        tenant: TenantId,
        event: EventId,
        fence: u64,
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
    Deliveries(Vec<Delivery>),
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
            Self::Recorded(recorded) => !recorded,
            Self::Deliveries(claimed) => claimed.is_empty(),
            Self::Swept(swept) => *swept == Swept::default(),
            // A pass that claims nothing may still find that somebody else works on what is due.
            Self::Claimed(_) | Self::Nothing => false,
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
            Self::ClaimDeliveries { limit, lease } => {
                Answer::Deliveries(store.claim_deliveries(limit, lease).await.unwrap())
            }
            Self::Attempted {
                tenant,
                event,
                fence,
                attempt,
                state,
                due,
            } => {
                let recorded = store.attempted(&tenant, &event, fence, attempt, state, due);
                Answer::Recorded(recorded.await.unwrap())
            }
            Self::Postpone {
                tenant,
                event,
                fence,
                due,
            } => Answer::Recorded(store.postpone(&tenant, &event, fence, due).await.unwrap()),
            Self::Sweep => Answer::Swept(store.sweep(KEEP).await.unwrap()),
            Self::Wait(_) | Self::Restart => Answer::Nothing,
        }
    }
}
