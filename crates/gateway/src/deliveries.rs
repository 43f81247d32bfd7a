//! Deliveries of webhooks, for the tenant and for admins alike: lists with filters, one with all its
//! attempts, and sending one again.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use evogate_models::delivery::{Attempt, Delivery, DeliveryState};
use evogate_models::event::{DeliveryId, EventKind, Target};
use evogate_models::{EndpointId, EventId, TaskId, TenantId, Timestamp};
use evogate_store::{Cursor, DeliveryFilter};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::admin;
use crate::error::ApiError;
use crate::openapi::schemas;
use crate::state::Gateway;

/// A delivery: one event on its way to one receiver. Times without a unit are Unix seconds.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct Shown {
    /// `webhook.delivery`
    object: &'static str,
    id: String,
    #[schema(value_type = String)]
    tenant: TenantId,
    event: ShownEvent,
    /// The task that it tells of.
    #[schema(value_type = Option<String>, required = true)]
    task: Option<TaskId>,
    /// The endpoint; null where it goes to the request's `callback_url`.
    #[schema(value_type = Option<String>, required = true)]
    endpoint: Option<EndpointId>,
    #[schema(schema_with = schemas::delivery_state)]
    state: &'static str,
    /// Attempts ever; the last 30 are kept.
    attempts_made: u32,
    /// When it is tried next, if nothing keeps it waiting longer.
    #[schema(required = true)]
    next_attempt: Option<i64>,
    /// Is it being sent now?
    in_progress: bool,
    /// In lists: the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_attempt: Option<ShownAttempt>,
    /// Of one delivery: its attempts, the newest last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attempts: Option<Vec<ShownAttempt>>,
}

/// What is told.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEvent)]
struct ShownEvent {
    /// `webhook-id`: the same on every attempt, and for every receiver.
    #[schema(value_type = String)]
    id: EventId,
    #[schema(value_type = schemas::AnyEventName)]
    r#type: EventKind,
    /// When it happened.
    at: i64,
}

/// One attempt.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
struct ShownAttempt {
    /// RFC 3339.
    at: String,
    /// Milliseconds.
    took_ms: u32,
    /// The HTTP status, when there was an answer.
    #[schema(required = true)]
    status: Option<u16>,
    /// The first 1 KiB of the answer.
    #[schema(required = true)]
    answer: Option<String>,
    /// What went wrong, when there was no answer.
    #[schema(required = true)]
    error: Option<String>,
}

/// A delivery with its address and its body.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDeliveryInFull)]
pub(crate) struct InFull {
    #[serde(flatten)]
    shown: Shown,
    /// The address; null where the endpoint was deleted.
    #[schema(required = true)]
    url: Option<String>,
    /// What is sent.
    body: String,
}

/// A delivery as people read it.
pub(crate) fn shown(delivery: &Delivery, with_attempts: bool) -> Shown {
    let last = delivery.attempts.last().filter(|_| !with_attempts);
    let attempts = with_attempts.then(|| delivery.attempts.iter().map(attempt).collect());
    Shown {
        object: "webhook.delivery",
        id: delivery.id().to_string(),
        tenant: delivery.tenant.clone(),
        event: ShownEvent {
            id: delivery.event.clone(),
            r#type: delivery.kind,
            at: delivery.at.seconds(),
        },
        task: delivery.task.clone(),
        endpoint: delivery.target.endpoint().cloned(),
        state: delivery.state.as_str(),
        attempts_made: delivery.made,
        next_attempt: delivery.due.map(Timestamp::seconds),
        in_progress: delivery.lease.is_some(),
        last_attempt: last.map(attempt),
        attempts,
    }
}

fn attempt(attempt: &Attempt) -> ShownAttempt {
    ShownAttempt {
        at: admin::time(attempt.at),
        took_ms: attempt.took_ms,
        status: attempt.status,
        answer: attempt.answer.clone(),
        error: attempt.error.clone(),
    }
}

/// The state of this name.
pub(crate) fn state(name: &str, names: &str) -> Result<DeliveryState, ApiError> {
    let states = [
        DeliveryState::Pending,
        DeliveryState::Delivered,
        DeliveryState::Dead,
    ];
    let found = states.into_iter().find(|state| state.as_str() == name);
    found.ok_or_else(|| ApiError::invalid("state", format!("state must be one of: {names}")))
}

/// A time: Unix seconds, or RFC 3339.
pub(crate) fn time(param: &str, text: &str) -> Result<Timestamp, ApiError> {
    if let Ok(seconds) = text.parse() {
        return Ok(Timestamp::from_seconds(seconds));
    }
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed
        .map(|at| Timestamp::from_millis(at.as_millisecond()))
        .map_err(|_| {
            let message =
                format!("{param} must be Unix seconds, or a time such as 2026-11-26T10:00:00Z");
            ApiError::invalid(param, message)
        })
}

/// `?endpoint=&state=&event=&task=&from=&to=`
fn filter(query: &admin::Cursor) -> Result<DeliveryFilter, ApiError> {
    let endpoint = query.text("endpoint").map(|id| {
        let id: Result<EndpointId, _> = id.parse();
        id.map_err(|_| ApiError::endpoint_not_found())
    });
    let kind = query.text("event").map(|name| {
        let kind: Result<EventKind, _> = name.parse();
        kind.map_err(|unknown| ApiError::invalid("event", format!("event {unknown}")))
    });
    let task = query.text("task").map(|id| {
        let id: Result<TaskId, _> = id.parse();
        id.map_err(|_| ApiError::task_not_found())
    });
    let at = |param: &str| query.text(param).map(|text| time(param, text)).transpose();
    let named = query.text("state");
    Ok(DeliveryFilter {
        target: endpoint.transpose()?.map(Target::Endpoint),
        state: named
            .map(|name| state(name, "pending, delivered, dead"))
            .transpose()?,
        kind: kind.transpose()?,
        task: task.transpose()?,
        from: at("from")?,
        to: at("to")?,
    })
}

/// The place that `after` names: a tenant and a delivery's id.
async fn place(
    gateway: &Gateway,
    tenant: Option<&TenantId>,
    text: &str,
) -> Result<Cursor, ApiError> {
    let unknown = || ApiError::invalid("after", "after must be the `next` of the page before");
    let (owner, id) = match (text.split_once('/'), tenant) {
        (Some((owner, id)), _) => (owner.parse().map_err(|_| unknown())?, id),
        (None, Some(tenant)) => (tenant.clone(), text),
        (None, None) => return Err(unknown()),
    };
    if tenant.is_some_and(|tenant| *tenant != owner) {
        return Err(unknown());
    }
    let id: DeliveryId = id.parse().map_err(|_| unknown())?;
    let found = gateway.store.delivery(&owner, &id).await?;
    let (_, delivery) = found.ok_or_else(unknown)?;
    Ok(Cursor::of(&delivery))
}

/// Lists deliveries, newest first, of one tenant or tenant by tenant; `next` is the `after` of the next
/// page.
pub async fn list(
    gateway: &Gateway,
    tenant: Option<&TenantId>,
    query: &admin::Cursor,
) -> Result<Response, ApiError> {
    let (filter, limit) = (filter(query)?, query.limit()?);
    let after = match query.text("after") {
        Some(text) => Some(place(gateway, tenant, text).await?),
        None => None,
    };
    let listed = gateway.store.list_deliveries(tenant, filter, after, limit);
    let deliveries = listed.await?;
    let next = deliveries.last().filter(|_| deliveries.len() == limit);
    let next = next.map(|last| match tenant {
        Some(_) => last.id().to_string(),
        None => format!("{}/{}", last.tenant, last.id()),
    });
    let data: Vec<_> = deliveries
        .iter()
        .map(|delivery| shown(delivery, false))
        .collect();
    Ok(Json(json!({ "object": "list", "data": data, "next": next })).into_response())
}

/// Shows a delivery with every attempt, its address and its body.
pub async fn get(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &DeliveryId,
) -> Result<Response, ApiError> {
    let found = gateway.store.delivery(tenant, id).await?;
    let (event, delivery) = found.ok_or_else(ApiError::delivery_not_found)?;
    let url = match delivery.target.endpoint() {
        Some(id) => gateway
            .store
            .endpoint(tenant, id)
            .await?
            .map(|endpoint| endpoint.url),
        None => event.callback_url.clone(),
    };
    let body = InFull {
        shown: shown(&delivery, true),
        url,
        body: event.body().into_owned(),
    };
    Ok(Json(body).into_response())
}

/// Sends a delivery again, whatever became of it.
pub async fn redeliver(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &DeliveryId,
) -> Result<Response, ApiError> {
    let delivery = gateway.store.redeliver(tenant, id).await?;
    Ok((StatusCode::ACCEPTED, Json(shown(&delivery, true))).into_response())
}
