//! `/v1/webhooks/deliveries`: what became of a tenant's events.

use axum::response::Response;
use evogate_models::event::DeliveryId;

use crate::admin::Cursor;
use crate::auth::{Scoped, Webhooks};
use crate::deliveries::{self, InFull};
use crate::error::ApiError;
use crate::openapi::schemas::PageByName;
use crate::openapi::{queries, refusals};
use crate::path::Segment;
use crate::state::Gateway;

fn delivery(text: &str) -> Result<DeliveryId, ApiError> {
    text.parse().map_err(|_| ApiError::delivery_not_found())
}

/// Lists deliveries, newest first.
#[utoipa::path(get, path = "/v1/webhooks/deliveries", tag = "Webhooks", params(queries::Deliveries, queries::Limit), responses(
    (status = 200, description = "The deliveries", body = PageByName<deliveries::Shown>),
    refusals::InvalidQuery, refusals::FilterNotFound,
))]
pub async fn list(
    gateway: Gateway,
    principal: Scoped<Webhooks>,
    query: Cursor,
) -> Result<Response, ApiError> {
    deliveries::list(&gateway, Some(&principal.tenant), &query).await
}

/// Shows a delivery with every attempt.
#[utoipa::path(get, path = "/v1/webhooks/deliveries/{delivery}", tag = "Webhooks", responses(
    (status = 200, description = "The delivery, with its address and its body", body = InFull), refusals::DeliveryNotFound,
))]
pub async fn get(
    gateway: Gateway,
    principal: Scoped<Webhooks>,
    Segment(id): Segment,
) -> Result<Response, ApiError> {
    deliveries::get(&gateway, &principal.tenant, &delivery(&id)?).await
}

/// Sends a delivery again, whatever became of it.
#[utoipa::path(post, path = "/v1/webhooks/deliveries/{delivery}/redeliver", tag = "Webhooks", responses(
    (status = 202, description = "The delivery, due now", body = deliveries::Shown),
    refusals::DeliveryNotFound, refusals::EndpointDisabled,
))]
pub async fn redeliver(
    gateway: Gateway,
    principal: Scoped<Webhooks>,
    Segment(id): Segment,
) -> Result<Response, ApiError> {
    deliveries::redeliver(&gateway, &principal.tenant, &delivery(&id)?).await
}
