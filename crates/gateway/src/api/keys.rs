//! `/v1/keys`: a tenant's own `tenant_admin` manages that tenant's keys.

use axum::extract::Request;
use axum::response::Response;
use evogate_models::KeyId;

use crate::admin::By;
use crate::auth::{Principal, Scoped, TenantAdmin};
use crate::error::ApiError;
use crate::keys::{self, Key, MintedKey, Most, NewKey, Rotation};
use crate::openapi::schemas::{Deleted, List};
use crate::openapi::{answers, refusals};
use crate::path::Segment;
use crate::state::Gateway;

/// Who it is, for the audit trail.
fn name(principal: &Principal) -> String {
    format!("{}/{}", principal.tenant, principal.credential)
}

fn key(text: &str) -> Result<KeyId, ApiError> {
    text.parse().map_err(|_| ApiError::key_not_found())
}

/// Mints a key of this tenant, good for no more than the one that it is made with.
#[utoipa::path(post, path = "/v1/keys", tag = "Keys", request_body = Option<NewKey>, responses(
    (status = 201, description = "The key with its secret, which is shown this once", body = MintedKey,
        headers(("cache-control" = String, description = "`no-store`"))),
    refusals::InvalidBody, refusals::TooLarge,
))]
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

/// Lists the tenant's keys.
#[utoipa::path(get, path = "/v1/keys", tag = "Keys", responses(
    (status = 200, description = "The keys, without their secrets", body = List<Key>), 
))]
pub async fn list(gateway: Gateway, principal: Scoped<TenantAdmin>) -> Result<Response, ApiError> {
    keys::list(&gateway, &principal.tenant).await
}

/// Gives a key a new secret; the old one counts for a while.
///
/// Of a key that is good for no more than the one that it is done with.
#[utoipa::path(post, path = "/v1/keys/{key}/rotate", tag = "Keys", request_body = Option<Rotation>, responses(
    answers::Rotated, refusals::InvalidBody, refusals::KeyNotFound, refusals::TooLarge,
))]
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

/// Deletes a key.
#[utoipa::path(delete, path = "/v1/keys/{key}", tag = "Keys", responses(
    (status = 200, description = "It is worth nothing from now on", body = Deleted), refusals::KeyNotFound,
))]
pub async fn delete(
    gateway: Gateway,
    principal: Scoped<TenantAdmin>,
    by: By,
    Segment(id): Segment,
) -> Result<Response, ApiError> {
    let by = by.named(name(&principal));
    keys::delete(&gateway, &principal.tenant, &key(&id)?, &by).await
}
