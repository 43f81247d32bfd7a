//! `/admin/v1/tenants/{id}/keys`: a tenant's keys, for admins.

use axum::extract::Request;
use axum::response::Response;

use super::{By, KeyPath, TenantPath};
use crate::auth::{Admin, Viewer};
use crate::error::ApiError;
use crate::keys::{self, Most};
use crate::state::Gateway;

/// `POST …/keys {name, user?, scopes?, expires_in?, credit_cap?}`
pub async fn create(
    gateway: Gateway,
    admin: Admin,
    by: By,
    TenantPath(tenant): TenantPath,
    request: Request,
) -> Result<Response, ApiError> {
    keys::create(&gateway, tenant, &by.actor(&admin), &Most::ALL, request).await
}

/// `GET …/keys`
pub async fn list(
    gateway: Gateway,
    _: Viewer,
    TenantPath(tenant): TenantPath,
) -> Result<Response, ApiError> {
    keys::list(&gateway, &tenant).await
}

/// `POST …/keys/{key}/rotate {overlap?}`
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

/// `DELETE …/keys/{key}`
pub async fn delete(
    gateway: Gateway,
    admin: Admin,
    by: By,
    KeyPath(tenant, key): KeyPath,
) -> Result<Response, ApiError> {
    keys::delete(&gateway, &tenant, &key, &by.actor(&admin)).await
}
