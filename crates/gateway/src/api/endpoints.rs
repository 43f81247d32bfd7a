//! `/v1/webhooks/endpoints`: where a tenant wants its events.

use axum::extract::Request;
use axum::response::Response;
use evogate_models::EndpointId;
use evogate_store::Actor;

use crate::admin::By;
use crate::auth::{Principal, Scoped, Webhooks};
use crate::deliveries;
use crate::endpoints::{
    self, EndpointPatch, NewEndpoint, Replay, ReplayBegun, SecretRotation, WithSecret,
};
use crate::error::ApiError;
use crate::openapi::refusals;
use crate::openapi::schemas::{Deleted, List};
use crate::path::Segment;
use crate::state::Gateway;

/// Who it is, for the audit trail.
pub(super) fn actor(principal: &Principal, by: By) -> Actor {
    by.named(format!("{}/{}", principal.tenant, principal.credential))
}

fn endpoint(text: &str) -> Result<EndpointId, ApiError> {
    text.parse().map_err(|_| ApiError::endpoint_not_found())
}

/// Registers an endpoint.
#[utoipa::path(post, path = "/v1/webhooks/endpoints", tag = "Webhooks", request_body = NewEndpoint, responses(
    (status = 201, description = "The endpoint with its secret, which is shown this once", body = WithSecret,
        headers(("cache-control" = String, description = "`no-store`"))),
    refusals::InvalidBody, refusals::TooManyEndpoints, refusals::TooLarge,
))]
pub async fn create(
    gateway: Gateway,
    principal: Scoped<Webhooks>,
    by: By,
    request: Request,
) -> Result<Response, ApiError> {
    let by = actor(&principal, by);
    endpoints::create(&gateway, principal.tenant.clone(), &by, request).await
}

/// Lists the endpoints.
#[utoipa::path(get, path = "/v1/webhooks/endpoints", tag = "Webhooks", responses(
    (status = 200, description = "The endpoints, without their secrets", body = List<endpoints::Shown>), 
))]
pub async fn list(gateway: Gateway, principal: Scoped<Webhooks>) -> Result<Response, ApiError> {
    endpoints::list(&gateway, &principal.tenant).await
}

/// Shows an endpoint.
#[utoipa::path(get, path = "/v1/webhooks/endpoints/{endpoint}", tag = "Webhooks", responses(
    (status = 200, description = "The endpoint", body = endpoints::Shown), refusals::EndpointNotFound,
))]
pub async fn get(
    gateway: Gateway,
    principal: Scoped<Webhooks>,
    Segment(id): Segment,
) -> Result<Response, ApiError> {
    endpoints::get(&gateway, &principal.tenant, &endpoint(&id)?).await
}

/// Changes an endpoint.
#[utoipa::path(patch, path = "/v1/webhooks/endpoints/{endpoint}", tag = "Webhooks", request_body = Option<EndpointPatch>, responses(
    (status = 200, description = "The endpoint as it is now", body = endpoints::Shown),
    refusals::InvalidBody, refusals::EndpointNotFound, refusals::TooLarge,
))]
pub async fn change(
    gateway: Gateway,
    principal: Scoped<Webhooks>,
    by: By,
    Segment(id): Segment,
    request: Request,
) -> Result<Response, ApiError> {
    let by = actor(&principal, by);
    endpoints::change(&gateway, &principal.tenant, &endpoint(&id)?, &by, request).await
}

/// Deletes an endpoint; what waits for it is given up.
#[utoipa::path(delete, path = "/v1/webhooks/endpoints/{endpoint}", tag = "Webhooks", responses(
    (status = 200, description = "It gets nothing from now on", body = Deleted), refusals::EndpointNotFound,
))]
pub async fn delete(
    gateway: Gateway,
    principal: Scoped<Webhooks>,
    by: By,
    Segment(id): Segment,
) -> Result<Response, ApiError> {
    let by = actor(&principal, by);
    endpoints::delete(&gateway, &principal.tenant, &endpoint(&id)?, &by).await
}

/// Gives an endpoint a new secret; the old one signs beside it for a while.
#[utoipa::path(post, path = "/v1/webhooks/endpoints/{endpoint}/rotate-secret", tag = "Webhooks", request_body = Option<SecretRotation>, responses(
    (status = 200, description = "The endpoint with its new secret, which is shown this once", body = WithSecret,
        headers(("cache-control" = String, description = "`no-store`"))),
    refusals::InvalidBody, refusals::EndpointNotFound, refusals::TooLarge,
))]
pub async fn rotate_secret(
    gateway: Gateway,
    principal: Scoped<Webhooks>,
    by: By,
    Segment(id): Segment,
    request: Request,
) -> Result<Response, ApiError> {
    let by = actor(&principal, by);
    endpoints::rotate_secret(&gateway, &principal.tenant, &endpoint(&id)?, &by, request).await
}

/// Sends a test event to an endpoint.
#[utoipa::path(post, path = "/v1/webhooks/endpoints/{endpoint}/test", tag = "Webhooks", responses(
    (status = 202, description = "The delivery; read it to see what comes of it", body = deliveries::Shown),
    refusals::EndpointNotFound, refusals::EndpointDisabled,
))]
pub async fn test(
    gateway: Gateway,
    principal: Scoped<Webhooks>,
    Segment(id): Segment,
) -> Result<Response, ApiError> {
    endpoints::test(&gateway, &principal.tenant, &endpoint(&id)?).await
}

/// Sends deliveries to an endpoint again: the dead ones, or all of a span of time.
#[utoipa::path(post, path = "/v1/webhooks/endpoints/{endpoint}/replay", tag = "Webhooks", request_body = Option<Replay>, responses(
    (status = 200, description = "How many are sent again", body = ReplayBegun),
    refusals::InvalidBody, refusals::EndpointNotFound, refusals::EndpointDisabled, refusals::TooLarge,
))]
pub async fn replay(
    gateway: Gateway,
    principal: Scoped<Webhooks>,
    Segment(id): Segment,
    request: Request,
) -> Result<Response, ApiError> {
    endpoints::replay(&gateway, &principal.tenant, &endpoint(&id)?, request).await
}
