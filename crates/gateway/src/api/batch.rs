//! `POST /v1/tasks/batch`: up to 50 tasks at once, read as `GET /v1/tasks/{id}` reads one. Unknown and
//! foreign ids are left out, as EvoLink does.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use evogate_models::request::TaskIds;
use evogate_models::{TaskId, view};
use futures::StreamExt as _;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::auth::{Read, Scoped};
use crate::body;
use crate::error::ApiError;
use crate::openapi::{refusals, schemas};
use crate::reads;
use crate::state::Gateway;

/// Tasks that are read at the same time.
const AT_ONCE: usize = 10;

/// Tasks.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskBatch)]
struct Batch {
    /// Always 200.
    code: u16,
    #[schema(value_type = Vec<schemas::Task>)]
    data: Vec<Box<RawValue>>,
}

/// Reads up to 50 tasks at once. Unknown and foreign ids are left out.
#[utoipa::path(post, path = "/v1/tasks/batch", tag = "Tasks", request_body = schemas::TaskIds, responses(
    (status = 200, description = "The tasks, in the order asked for", body = Batch),
    refusals::InvalidBody, refusals::TooLarge,
))]
pub async fn post(
    gateway: Gateway,
    principal: Scoped<Read>,
    request: Request,
) -> Result<Response, ApiError> {
    let body = body::read(request, gateway.config.submit.max_body).await?;
    let ids = TaskIds::parse(&body).map_err(ApiError::faults)?;
    let ids: Vec<TaskId> = ids.iter().cloned().collect();
    let reads: Vec<_> = futures::stream::iter(ids)
        .map(|id| {
            let (gateway, tenant) = (gateway.clone(), principal.tenant.clone());
            async move { reads::read(&gateway, &tenant, &id).await }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let absent = ApiError::task_not_found();
    let mut data = Vec::new();
    for read in reads {
        match read {
            Ok(sight) => {
                reads::given(&gateway, &sight);
                data.extend(RawValue::from_string(view::render(&sight.task)).ok());
            }
            Err(error) if error.code() == absent.code() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Json(Batch { code: 200, data }).into_response())
}
