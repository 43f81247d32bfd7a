//! Tenants' webhooks, for admins: endpoints, deliveries, dead letters.

use axum::extract::{FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::response::Response;
use evogate_models::event::DeliveryId;
use evogate_models::{EndpointId, TenantId};

use super::{By, Cursor, Paged, TenantPath};
use crate::auth::{Admin, Viewer};
use crate::deliveries::{self, InFull};
use crate::endpoints::{
    self, EndpointPatch, NewEndpoint, Replay, ReplayBegun, SecretRotation, WithSecret,
};
use crate::error::ApiError;
use crate::openapi::schemas::{Deleted, List, Page, PageByName};
use crate::openapi::{queries, refusals};
use crate::state::Gateway;

/// The tenant and the endpoint that the path names.
#[derive(Debug, Clone)]
pub struct EndpointPath(TenantId, EndpointId);

/// The tenant and the delivery that the path names.
#[derive(Debug, Clone)]
pub struct DeliveryPath(TenantId, DeliveryId);

async fn pair(parts: &mut Parts, gateway: &Gateway) -> Result<(TenantId, String), ApiError> {
    let path = Path::<(String, String)>::from_request_parts(parts, gateway).await;
    let (tenant, name) = path.map_err(|_| ApiError::route_not_found())?.0;
    let tenant = tenant.parse().map_err(|_| ApiError::tenant_not_found())?;
    Ok((tenant, name))
}

impl FromRequestParts<Gateway> for EndpointPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let (tenant, id) = pair(parts, gateway).await?;
        let id = id.parse().map_err(|_| ApiError::endpoint_not_found())?;
        Ok(Self(tenant, id))
    }
}

impl FromRequestParts<Gateway> for DeliveryPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let (tenant, id) = pair(parts, gateway).await?;
        let id = id.parse().map_err(|_| ApiError::delivery_not_found())?;
        Ok(Self(tenant, id))
    }
}

/// Lists the endpoints.
#[utoipa::path(get, path = "/admin/v1/tenants/{id}/webhooks/endpoints", tag = "Admin: webhooks", responses(
    (status = 200, description = "The endpoints, without their secrets", body = List<endpoints::Shown>), refusals::TenantNotFound,
))]
pub async fn list(
    gateway: Gateway,
    _: Viewer,
    TenantPath(tenant): TenantPath,
) -> Result<Response, ApiError> {
    let known = gateway.store.tenant(&tenant).await?;
    known.ok_or_else(ApiError::tenant_not_found)?;
    endpoints::list(&gateway, &tenant).await
}

/// Registers an endpoint.
#[utoipa::path(post, path = "/admin/v1/tenants/{id}/webhooks/endpoints", tag = "Admin: webhooks", request_body = NewEndpoint, responses(
    (status = 201, description = "The endpoint with its secret, which is shown this once", body = WithSecret,
        headers(("cache-control" = String, description = "`no-store`"))),
    refusals::InvalidBody, refusals::TenantNotFound, refusals::TooManyEndpoints, refusals::TooLarge,
))]
pub async fn create(
    gateway: Gateway,
    admin: Admin,
    by: By,
    TenantPath(tenant): TenantPath,
    request: Request,
) -> Result<Response, ApiError> {
    endpoints::create(&gateway, tenant, &by.actor(&admin), request).await
}

/// Shows an endpoint.
#[utoipa::path(get, path = "/admin/v1/tenants/{id}/webhooks/endpoints/{endpoint}", tag = "Admin: webhooks", responses(
    (status = 200, description = "The endpoint", body = endpoints::Shown), refusals::TenantEndpointNotFound,
))]
pub async fn get(
    gateway: Gateway,
    _: Viewer,
    EndpointPath(tenant, id): EndpointPath,
) -> Result<Response, ApiError> {
    endpoints::get(&gateway, &tenant, &id).await
}

/// Changes an endpoint.
#[utoipa::path(patch, path = "/admin/v1/tenants/{id}/webhooks/endpoints/{endpoint}", tag = "Admin: webhooks", request_body = Option<EndpointPatch>, responses(
    (status = 200, description = "The endpoint as it is now", body = endpoints::Shown),
    refusals::InvalidBody, refusals::TenantEndpointNotFound, refusals::TooLarge,
))]
pub async fn change(
    gateway: Gateway,
    admin: Admin,
    by: By,
    EndpointPath(tenant, id): EndpointPath,
    request: Request,
) -> Result<Response, ApiError> {
    endpoints::change(&gateway, &tenant, &id, &by.actor(&admin), request).await
}

/// Deletes an endpoint; what waits for it is given up.
#[utoipa::path(delete, path = "/admin/v1/tenants/{id}/webhooks/endpoints/{endpoint}", tag = "Admin: webhooks", responses(
    (status = 200, description = "It gets nothing from now on", body = Deleted), refusals::TenantEndpointNotFound,
))]
pub async fn delete(
    gateway: Gateway,
    admin: Admin,
    by: By,
    EndpointPath(tenant, id): EndpointPath,
) -> Result<Response, ApiError> {
    endpoints::delete(&gateway, &tenant, &id, &by.actor(&admin)).await
}

/// Gives an endpoint a new secret; the old one signs beside it for a while.
#[utoipa::path(post, path = "/admin/v1/tenants/{id}/webhooks/endpoints/{endpoint}/rotate-secret", tag = "Admin: webhooks", request_body = Option<SecretRotation>, responses(
    (status = 200, description = "The endpoint with its new secret, which is shown this once", body = WithSecret,
        headers(("cache-control" = String, description = "`no-store`"))),
    refusals::InvalidBody, refusals::TenantEndpointNotFound, refusals::TooLarge,
))]
pub async fn rotate_secret(
    gateway: Gateway,
    admin: Admin,
    by: By,
    EndpointPath(tenant, id): EndpointPath,
    request: Request,
) -> Result<Response, ApiError> {
    endpoints::rotate_secret(&gateway, &tenant, &id, &by.actor(&admin), request).await
}

/// Sends a test event to an endpoint.
#[utoipa::path(post, path = "/admin/v1/tenants/{id}/webhooks/endpoints/{endpoint}/test", tag = "Admin: webhooks", responses(
    (status = 202, description = "The delivery; read it to see what comes of it", body = deliveries::Shown),
    refusals::TenantEndpointNotFound, refusals::EndpointDisabled,
))]
pub async fn test(
    gateway: Gateway,
    _: Admin,
    EndpointPath(tenant, id): EndpointPath,
) -> Result<Response, ApiError> {
    endpoints::test(&gateway, &tenant, &id).await
}

/// Sends deliveries to an endpoint again: the dead ones, or all of a span of time.
#[utoipa::path(post, path = "/admin/v1/tenants/{id}/webhooks/endpoints/{endpoint}/replay", tag = "Admin: webhooks", request_body = Option<Replay>, responses(
    (status = 200, description = "How many are sent again", body = ReplayBegun),
    refusals::InvalidBody, refusals::TenantEndpointNotFound, refusals::EndpointDisabled, refusals::TooLarge,
))]
pub async fn replay(
    gateway: Gateway,
    _: Admin,
    EndpointPath(tenant, id): EndpointPath,
    request: Request,
) -> Result<Response, ApiError> {
    endpoints::replay(&gateway, &tenant, &id, request).await
}

/// Lists the endpoints of all tenants, or of one.
///
/// `search` looks in the tenant's id, the endpoint's, its address and its description.
#[utoipa::path(get, path = "/admin/v1/webhooks/endpoints", tag = "Admin: webhooks", params(queries::OfTenant, queries::Endpoints, queries::Search), responses(
    (status = 200, description = "A page of endpoints, without their secrets", body = Page<endpoints::Shown>),
    refusals::InvalidQuery, refusals::TenantNotFound,
))]
pub async fn list_all(
    gateway: Gateway,
    _: Viewer,
    query: Cursor,
    paged: Paged,
) -> Result<Response, ApiError> {
    let (tenant, enabled) = (query.tenant()?, query.yes_or_no("enabled")?);
    endpoints::list_all(&gateway, tenant, enabled, &paged).await
}

/// Lists deliveries of all tenants, or of one; of each the newest first.
#[utoipa::path(get, path = "/admin/v1/webhooks/deliveries", tag = "Admin: webhooks", params(queries::OfTenant, queries::Deliveries, queries::Limit), responses(
    (status = 200, description = "The deliveries", body = PageByName<deliveries::Shown>),
    refusals::InvalidQuery, refusals::FilterNotFound,
))]
pub async fn deliveries(gateway: Gateway, _: Viewer, query: Cursor) -> Result<Response, ApiError> {
    let tenant = query.tenant()?;
    deliveries::list(&gateway, tenant.as_ref(), &query).await
}

/// Shows a delivery with every attempt.
#[utoipa::path(get, path = "/admin/v1/tenants/{id}/webhooks/deliveries/{delivery}", tag = "Admin: webhooks", responses(
    (status = 200, description = "The delivery, with its address and its body", body = InFull), refusals::TenantDeliveryNotFound,
))]
pub async fn delivery(
    gateway: Gateway,
    _: Viewer,
    DeliveryPath(tenant, id): DeliveryPath,
) -> Result<Response, ApiError> {
    deliveries::get(&gateway, &tenant, &id).await
}

/// Sends a delivery again, whatever became of it.
#[utoipa::path(post, path = "/admin/v1/tenants/{id}/webhooks/deliveries/{delivery}/redeliver", tag = "Admin: webhooks", responses(
    (status = 202, description = "The delivery, due now", body = deliveries::Shown),
    refusals::TenantDeliveryNotFound, refusals::EndpointDisabled,
))]
pub async fn redeliver(
    gateway: Gateway,
    _: Admin,
    DeliveryPath(tenant, id): DeliveryPath,
) -> Result<Response, ApiError> {
    deliveries::redeliver(&gateway, &tenant, &id).await
}
