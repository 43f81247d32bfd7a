//! What admins look through across tenants: usage, users seen, tasks, refused submits.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use evogate_models::task::{State, Task};
use evogate_models::{TaskId, TenantId, Timestamp};
use serde_json::{Value, json};

use super::{Cursor, TenantPath};
use crate::api::timeline::timeline;
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::path::Segment;
use crate::state::Gateway;
use crate::usage;

/// `GET /admin/v1/usage?tenant=&from=&to=&group_by=&format=`
pub async fn usage(gateway: Gateway, _: Viewer, query: Cursor) -> Result<Response, ApiError> {
    let tenant = query.tenant()?;
    usage::report(&gateway, tenant.as_ref(), &query).await
}

/// `GET /admin/v1/tenants/{id}/users`: the users that were seen in submits.
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
    let data: Vec<Value> = users
        .into_iter()
        .map(|seen| {
            json!({
                "user": seen.user,
                "first_seen": seen.first_seen.seconds(),
                "last_seen": seen.last_seen.seconds(),
                "submitted": seen.submitted,
            })
        })
        .collect();
    Ok(Json(json!({ "object": "list", "total": data.len(), "data": data })).into_response())
}

fn shown(task: &Task) -> Value {
    json!({
        "id": task.id,
        "tenant": task.tenant,
        "state": task.state.name(),
        "model": task.spec.model,
        "created": task.created.seconds(),
        "ended": task.ended.map(Timestamp::seconds),
        "key": task.author.key,
        "user": task.author.user,
        "evolink_task_id": task.upstream,
        "credits": {
            "estimated": Decimal(task.estimate),
            "held": Decimal(task.hold),
            "charged": Decimal(task.charged),
        },
    })
}

/// `GET /admin/v1/tasks?tenant=&state=&after=&limit=`: by tenant and id; `next` is the `after` of the
/// next page.
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
    let data: Vec<Value> = tasks.iter().map(shown).collect();
    Ok(Json(json!({ "object": "list", "data": data, "next": next })).into_response())
}

fn place(text: &str) -> Option<(TenantId, TaskId)> {
    let (tenant, task) = text.split_once('/')?;
    Some((tenant.parse().ok()?, task.parse().ok()?))
}

/// `GET /admin/v1/tasks/{task}`: one task, whichever tenant's it is.
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

/// `GET /admin/v1/tenants/{id}/tasks/{task}/timeline`
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

/// `GET /admin/v1/refused?tenant=&request_id=&limit=`: submits that were refused in the last seven days,
/// newest first.
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
