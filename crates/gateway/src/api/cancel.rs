//! `POST /v1/tasks/{id}/cancel`: stores the wish, sends it on where EvoLink has the task, and answers
//! with the task as it then stands. EvoLink's 200 is not a verdict; the read that follows is.

use axum::response::Response;
use evogate_models::life::LifeError;
use evogate_models::life::news::Cancel;
use evogate_models::task::{State, Task};
use evogate_models::view;
use evogate_store::{TaskCommand, TurnError};

use super::{TaskPath, task_answer};
use crate::auth::{Generate, Scoped};
use crate::error::ApiError;
use crate::evolink::CancelOutcome;
use crate::failpoint;
use crate::openapi::{answers, refusals};
use crate::reads;
use crate::reconcile;
use crate::state::Gateway;

/// Cancels the task, as far as that can be done now.
///
/// The wish is stored and sent on. The answer is the task as it then stands, which may not be `cancelled` yet:
/// poll it.
#[utoipa::path(post, path = "/v1/tasks/{id}/cancel", tag = "Tasks", responses(
    answers::Task, refusals::NotCancellable, refusals::CancelNotFound,
    (status = "4XX", description = "EvoLink's own refusal, as it is", body = crate::error::Body<'static>),
))]
pub async fn post(
    gateway: Gateway,
    principal: Scoped<Generate>,
    TaskPath(id): TaskPath,
) -> Result<Response, ApiError> {
    let wanted = gateway
        .store
        .turn(&principal.tenant, &id, TaskCommand::WantCancel)
        .await;
    let outcome = match wanted {
        Err(TurnError::Life(LifeError::Invalid(_))) => {
            let task = gateway.store.task(&principal.tenant, &id).await?;
            return answer_ended(&task.ok_or_else(ApiError::task_not_found)?);
        }
        other => other?,
    };
    reconcile::count_end(&gateway, &outcome);
    if outcome.cancel != Some(Cancel::Ask) {
        return Ok(task_answer(&outcome.task));
    }
    failpoint::pass("cancel.wanted");
    // The wish is stored, so a client that leaves now changes nothing; neither must a slow EvoLink
    // keep this one.
    let (worker, task) = (gateway.clone(), outcome.task.clone());
    let asked = gateway
        .background
        .spawn(async move { ask(&worker, &task).await });
    let patience = gateway.config.submit.answer_within;
    let Ok(Ok((refused, task))) = tokio::time::timeout(patience, asked).await else {
        return Ok(task_answer(&outcome.task));
    };
    match (refused, task) {
        (_, Some(task)) if matches!(task.state, State::Cancelled) => Ok(task_answer(&task)),
        // It ended in another way while the wish was on its way.
        (_, Some(task)) if task.state.is_ended() => answer_ended(&task),
        // EvoLink will not, and says so itself. Where it says that it could, the wish is sent again.
        (Some(CancelOutcome::Refused(refusal)), Some(task)) if !task.can_cancel => {
            Err(ApiError::refused(&refusal))
        }
        (_, task) => Ok(task_answer(&task.unwrap_or(outcome.task))),
    }
}

/// A task that is cancelled already answers as it stands; one that ended otherwise can't be cancelled.
fn answer_ended(task: &Task) -> Result<Response, ApiError> {
    match view::shown(task) {
        view::Shown::Cancelled => Ok(task_answer(task)),
        shown => Err(ApiError::not_cancellable(shown.as_str())),
    }
}

/// Sends the wish to EvoLink, and reads what came of it.
async fn ask(gateway: &Gateway, task: &Task) -> (Option<CancelOutcome>, Option<Task>) {
    let Some(upstream) = &task.upstream else {
        return (None, None);
    };
    let answer = gateway.evolink.cancel(upstream).await;
    failpoint::pass("cancel.sent");
    let sent = TaskCommand::CancelSent {
        answer: reconcile::describe(&answer),
    };
    if let Err(error) = gateway.store.turn(&task.tenant, &task.id, sent).await {
        tracing::warn!(task = %task.id, %error, "a cancel could not be noted");
    }
    let read = reads::ask(gateway, task).await;
    (Some(answer), read)
}
