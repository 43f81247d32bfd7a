//! `/v1/keys`: a tenant's own `tenant_admin` manages that tenant's keys.

use axum::extract::Request;
use axum::response::Response;
use evogate_models::KeyId;

use crate::admin::By;
use crate::auth::{Principal, Scoped, TenantAdmin};
use crate::error::ApiError;
use crate::keys::{self, Most};
use crate::path::Segment;
use crate::state::Gateway;

/// Who it is, for the audit trail.
fn name(principal: &Principal) -> String {
    format!("{}/{}", principal.tenant, principal.credential)
}

fn key(text: &str) -> Result<KeyId, ApiError> {
    text.parse().map_err(|_| ApiError::key_not_found())
}

/// `POST /v1/keys`: a key of this tenant, good for no more than the one that it is made with.
pub async fn create(
    gateway: Gateway,
    principal: Scoped<TenantAdmin>,
    by: By,
    request: Request,
) -> Result<Response, ApiError> {
    let by = by.named(name(&principal));
    let most = Most::of(&principal);
    keys::create(&gateway, principal.tenant.clone(), &by, &most, request).await
}

/// `GET /v1/keys`
pub async fn list(gateway: Gateway, principal: Scoped<TenantAdmin>) -> Result<Response, ApiError> {
    keys::list(&gateway, &principal.tenant).await
}

/// `POST /v1/keys/{key}/rotate`: of a key that is good for no more than the one that it is done with.
pub async fn rotate(
    gateway: Gateway,
    principal: Scoped<TenantAdmin>,
    by: By,
    Segment(id): Segment,
    request: Request,
) -> Result<Response, ApiError> {
    let by = by.named(name(&principal));
    let most = Most::of(&principal);
    keys::rotate(&gateway, &principal.tenant, &key(&id)?, &by, &most, request).await
}

/// `DELETE /v1/keys/{key}`
pub async fn delete(
    gateway: Gateway,
    principal: Scoped<TenantAdmin>,
    by: By,
    Segment(id): Segment,
) -> Result<Response, ApiError> {
    let by = by.named(name(&principal));
    keys::delete(&gateway, &principal.tenant, &key(&id)?, &by).await
}
