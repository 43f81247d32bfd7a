//! A hold whose own answer was lost: the store was asked for it and did not say whether it took it. The
//! client was told that nothing was submitted, so the hold, if there is one, is given back.

use std::time::Duration;

use evogate_models::life::submit::Intent;
use evogate_store::{TaskCommand, TurnError};

use super::drive::persist;
use crate::error::ApiError;
use crate::state::Gateway;

/// After this the store takes no call any more that was made before.
const SETTLED: Duration = Duration::from_secs(2);

/// Gives the hold of a task that was never sent back, as soon as the store answers. Until then the task
/// looks as if it were on its way; should this process end first, it becomes unknown, and at its deadline
/// lost, which gives the hold back too.
pub(super) fn disown(gateway: &Gateway, intent: &Intent) {
    let (worker, tenant, id) = (gateway.clone(), intent.tenant.clone(), intent.id.clone());
    tracing::warn!(task = %id, %tenant, "it is not known whether a hold was taken");
    gateway.background.spawn(async move {
        tokio::time::sleep(SETTLED).await;
        let refusal = ApiError::store_unavailable().into_refusal();
        let refuse = || {
            let command = TaskCommand::Refuse {
                refusal: refusal.clone(),
                temporary: true,
                told: false,
            };
            worker.store.turn(&tenant, &id, command)
        };
        match persist(&worker.background, refuse).await {
            Ok(_) => {
                tracing::info!(task = %id, %tenant, "a hold that nobody knew of was given back");
            }
            Err(TurnError::NoTask) => tracing::info!(task = %id, %tenant, "no hold was taken"),
            Err(error) => tracing::error!(task = %id, %tenant, %error, "a hold was not given back"),
        }
    });
}
