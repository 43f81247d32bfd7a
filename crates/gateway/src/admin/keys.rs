//! `/admin/v1/tenants/{id}/keys`: a tenant's keys, for admins.

use axum::extract::Request;
use axum::response::Response;

use super::{By, KeyPath, TenantPath};
use crate::auth::{Admin, Viewer};
use crate::error::ApiError;
use crate::keys::{self, Key, MintedKey, Most, NewKey, Rotation};
use crate::openapi::schemas::{Deleted, List};
use crate::openapi::{answers, refusals};
use crate::state::Gateway;

/// Mints a key for the tenant.
#[utoipa::path(post, path = "/admin/v1/tenants/{id}/keys", tag = "Admin: keys", request_body = Option<NewKey>, responses(
    (status = 201, description = "The key with its secret, which is shown this once", body = MintedKey,
        headers(("cache-control" = String, description = "`no-store`"))),
    refusals::InvalidBody, refusals::TenantNotFound, refusals::TooLarge,
))]
pub async fn create(
    gateway: Gateway,
    admin: Admin,
    by: By,
    TenantPath(tenant): TenantPath,
    request: Request,
) -> Result<Response, ApiError> {
    keys::create(&gateway, tenant, &by.actor(&admin), &Most::ALL, request).await
}

/// Lists the tenant's keys.
#[utoipa::path(get, path = "/admin/v1/tenants/{id}/keys", tag = "Admin: keys", responses(
    (status = 200, description = "The keys, without their secrets", body = List<Key>), refusals::TenantNotFound, 
))]
pub async fn list(
    gateway: Gateway,
    _: Viewer,
    TenantPath(tenant): TenantPath,
) -> Result<Response, ApiError> {
    keys::list(&gateway, &tenant).await
}

/// Gives a key a new secret; the old one counts for a while.
#[utoipa::path(post, path = "/admin/v1/tenants/{id}/keys/{key}/rotate", tag = "Admin: keys", request_body = Option<Rotation>, responses(
    answers::Rotated, refusals::InvalidBody, refusals::TenantKeyNotFound, refusals::TooLarge,
))]
pub async fn rotate(
    gateway: Gateway,
    admin: Admin,
    by: By,
    KeyPath(tenant, key): KeyPath,
    request: Request,
) -> Result<Response, ApiError> {
    let by = by.actor(&admin);
    keys::rotate(&gateway, &tenant, &key, &by, &Most::ALL, request).await
}

/// Deletes a key.
#[utoipa::path(delete, path = "/admin/v1/tenants/{id}/keys/{key}", tag = "Admin: keys", responses(
    (status = 200, description = "It is worth nothing from now on", body = Deleted), refusals::TenantKeyNotFound,
))]
pub async fn delete(
    gateway: Gateway,
    admin: Admin,
    by: By,
    KeyPath(tenant, key): KeyPath,
) -> Result<Response, ApiError> {
    keys::delete(&gateway, &tenant, &key, &by.actor(&admin)).await
}
