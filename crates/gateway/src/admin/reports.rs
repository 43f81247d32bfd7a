//! What admins look through across tenants: usage, users seen, tasks, refused submits.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse as _, Response};
use evogate_models::task::{State, Task};
use evogate_models::{KeyId, TaskId, TenantId, Timestamp, UpstreamId};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Cursor, TenantPath};
use crate::api::timeline::{Money, Timeline, timeline};
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::openapi::{queries, refusals, schemas};
use crate::path::Segment;
use crate::state::Gateway;
use crate::usage;

/// Sums up usage, of one tenant or all.
#[utoipa::path(get, path = "/admin/v1/usage", tag = "Admin: reports", params(queries::OfTenant, queries::Usage), responses(
    (status = 200, description = "The sums", content((schemas::Usage), (String = "text/csv"))),
    refusals::InvalidQuery, refusals::TenantNotFound,
))]
pub async fn usage(gateway: Gateway, _: Viewer, query: Cursor) -> Result<Response, ApiError> {
    let tenant = query.tenant()?;
    usage::report(&gateway, tenant.as_ref(), &query).await
}

/// A user that was seen in submits. Times are Unix seconds.
#[derive(Serialize, ToSchema)]
struct UserSeen {
    user: String,
    first_seen: i64,
    last_seen: i64,
    /// How many submits.
    submitted: u64,
}

/// Lists the users that were seen in the tenant's submits.
#[utoipa::path(get, path = "/admin/v1/tenants/{id}/users", tag = "Admin: reports", responses(
    (status = 200, description = "The users", body = schemas::List<UserSeen>), refusals::TenantNotFound,
))]
pub async fn users(
    gateway: Gateway,
    _: Viewer,
    TenantPath(tenant): TenantPath,
) -> Result<Response, ApiError> {
    gateway
        .store
        .tenant(&tenant)
        .await?
        .ok_or_else(ApiError::tenant_not_found)?;
    let users = gateway.store.users(&tenant).await?;
    let data: Vec<UserSeen> = users
        .into_iter()
        .map(|seen| UserSeen {
            user: seen.user,
            first_seen: seen.first_seen.seconds(),
            last_seen: seen.last_seen.seconds(),
            submitted: seen.submitted,
        })
        .collect();
    Ok(Json(json!({ "object": "list", "total": data.len(), "data": data })).into_response())
}

/// A task as admins see it. Times are Unix seconds.
#[derive(Serialize, ToSchema)]
#[schema(as = AdminTask)]
struct ShownTask<'a> {
    #[schema(value_type = String)]
    id: &'a TaskId,
    #[schema(value_type = String)]
    tenant: &'a TenantId,
    #[schema(schema_with = schemas::state)]
    state: &'static str,
    model: &'a str,
    created: i64,
    #[schema(required = true)]
    ended: Option<i64>,
    /// The key that submitted it; null for a token.
    #[schema(value_type = Option<String>, required = true)]
    key: Option<&'a KeyId>,
    #[schema(required = true)]
    user: Option<&'a str>,
    /// Null until EvoLink has it.
    #[schema(value_type = Option<String>, required = true)]
    evolink_task_id: Option<&'a UpstreamId>,
    credits: Money,
}

fn shown(task: &Task) -> ShownTask<'_> {
    ShownTask {
        id: &task.id,
        tenant: &task.tenant,
        state: task.state.name(),
        model: &task.spec.model,
        created: task.created.seconds(),
        ended: task.ended.map(Timestamp::seconds),
        key: task.author.key.as_ref(),
        user: task.author.user.as_deref(),
        evolink_task_id: task.upstream.as_ref(),
        credits: Money::of(task),
    }
}

/// Lists the tasks of all tenants.
#[utoipa::path(get, path = "/admin/v1/tasks", tag = "Admin: reports", params(queries::OfTenant, queries::AllTasks, queries::Limit), responses(
    (status = 200, description = "A page, by tenant and id", body = schemas::PageByName<ShownTask<'static>>),
    refusals::InvalidQuery, refusals::TenantNotFound,
))]
pub async fn tasks(gateway: Gateway, _: Viewer, query: Cursor) -> Result<Response, ApiError> {
    let tenant = query.tenant()?;
    let state = query.text("state").map(str::to_owned);
    if state
        .as_deref()
        .is_some_and(|state| !State::NAMES.contains(&state))
    {
        let message = format!("state must be one of: {}", State::NAMES.join(", "));
        return Err(ApiError::invalid("state", message));
    }
    let after = match query.text("after") {
        None => None,
        Some(text) => Some(place(text).ok_or_else(|| {
            ApiError::invalid("after", "after must be the `next` of the page before")
        })?),
    };
    let limit = query.limit()?;
    let keep = move |task: &Task| {
        tenant.as_ref().is_none_or(|tenant| *tenant == task.tenant)
            && state
                .as_deref()
                .is_none_or(|state| state == task.state.name())
    };
    let tasks = gateway.store.all_tasks(after, limit, keep).await?;
    let next = tasks.last().filter(|_| tasks.len() == limit);
    let next = next.map(|task| format!("{}/{}", task.tenant, task.id));
    let data: Vec<ShownTask<'_>> = tasks.iter().map(shown).collect();
    Ok(Json(json!({ "object": "list", "data": data, "next": next })).into_response())
}

fn place(text: &str) -> Option<(TenantId, TaskId)> {
    let (tenant, task) = text.split_once('/')?;
    Some((tenant.parse().ok()?, task.parse().ok()?))
}

/// Shows one task, whichever tenant's it is.
#[utoipa::path(get, path = "/admin/v1/tasks/{task}", tag = "Admin: reports", responses(
    (status = 200, description = "The task", body = ShownTask<'static>), refusals::TaskIdNotFound,
))]
pub async fn task(
    gateway: Gateway,
    _: Viewer,
    Segment(task): Segment,
) -> Result<Response, ApiError> {
    let id: TaskId = task.parse().map_err(|_| ApiError::task_not_found())?;
    for view in gateway.store.tenants().await? {
        if let Some(task) = gateway.store.task(&view.tenant.id, &id).await? {
            return Ok(Json(shown(&task)).into_response());
        }
    }
    Err(ApiError::task_not_found())
}

/// Tells every step of a tenant's task.
#[utoipa::path(get, path = "/admin/v1/tenants/{id}/tasks/{task}/timeline", tag = "Admin: reports", responses(
    (status = 200, description = "The steps, in their order", body = Timeline<'static>), refusals::TenantTaskNotFound,
))]
pub async fn task_timeline(
    gateway: Gateway,
    _: Viewer,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path((tenant, task)) = path.map_err(|_| ApiError::route_not_found())?;
    let tenant: TenantId = tenant.parse().map_err(|_| ApiError::tenant_not_found())?;
    let id: TaskId = task.parse().map_err(|_| ApiError::task_not_found())?;
    let task = gateway
        .store
        .task(&tenant, &id)
        .await?
        .ok_or_else(ApiError::task_not_found)?;
    timeline(&task, &gateway.store.timeline(&tenant, &id).await?)
}

/// Lists the submits that were refused in the last seven days, newest first.
#[utoipa::path(get, path = "/admin/v1/refused", tag = "Admin: reports", params(queries::OfTenant, queries::OfRequest, queries::Limit), responses(
    (status = 200, description = "Refused submits", body = schemas::Found<schemas::RefusedSubmit>),
    refusals::InvalidQuery, refusals::TenantNotFound,
))]
pub async fn refused(gateway: Gateway, _: Viewer, query: Cursor) -> Result<Response, ApiError> {
    let tenant = query.tenant()?;
    let found = gateway
        .store
        .refused(tenant.as_ref(), query.text("request_id"), query.limit()?)
        .await?;
    let shown: Result<Vec<_>, _> = found
        .iter()
        .map(|refused| super::with_time(refused, refused.at))
        .collect();
    let data = shown.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(json!({ "object": "list", "data": data })).into_response())
}
