//! `GET /v1/tasks/{id}`: the task object, as fresh as `reads.refresh_after` allows.

use axum::response::{IntoResponse as _, Response};

use super::TaskPath;
use crate::auth::{Read, Scoped};
use crate::error::ApiError;
use crate::openapi::{answers, refusals};
use crate::reads;
use crate::state::Gateway;

/// Reads the task.
///
/// It is as fresh as a few seconds, however many clients poll; a finished task is answered without asking
/// EvoLink, also after EvoLink has forgotten it.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}",
    tag = "Tasks",
    responses(answers::Task, refusals::TaskNotFound)
)]
pub async fn get(
    gateway: Gateway,
    principal: Scoped<Read>,
    TaskPath(id): TaskPath,
) -> Result<Response, ApiError> {
    let sight = reads::read(&gateway, &principal.tenant, &id).await?;
    reads::given(&gateway, &sight);
    Ok(sight.answer.clone().into_response())
}
