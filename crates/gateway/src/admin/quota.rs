//! `/admin/v1/tenants/{id}/quota`: what a tenant may do. Set as a whole; what is left out is not limited.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use evogate_models::Fault;
use evogate_models::quota::Quota;
use evogate_store::TenantChange;

use super::{By, TenantPath};
use crate::auth::{Admin, Viewer};
use crate::error::ApiError;
use crate::openapi::refusals;
use crate::state::Gateway;
use crate::windows;

/// Shows the tenant's quota.
#[utoipa::path(get, path = "/admin/v1/tenants/{id}/quota", tag = "Admin: tenants", responses(
    (status = 200, description = "The quota as a whole", body = Quota), refusals::TenantNotFound,
))]
pub async fn get(
    gateway: Gateway,
    _: Viewer,
    TenantPath(id): TenantPath,
) -> Result<Response, ApiError> {
    let view = gateway
        .store
        .tenant(&id)
        .await?
        .ok_or_else(ApiError::tenant_not_found)?;
    Ok(Json(view.tenant.quota).into_response())
}

/// Sets the tenant's quota as a whole; what is left out is not limited.
///
/// It counts for every submit that begins after the answer.
#[utoipa::path(put, path = "/admin/v1/tenants/{id}/quota", tag = "Admin: tenants", request_body = Quota, responses(
    (status = 200, description = "The quota as it is now", body = Quota),
    refusals::InvalidBody, refusals::TenantNotFound, refusals::TooLarge,
))]
pub async fn put(
    gateway: Gateway,
    admin: Admin,
    by: By,
    TenantPath(id): TenantPath,
    request: Request,
) -> Result<Response, ApiError> {
    let quota: Quota = super::json(request).await?;
    let mut faults = quota.faults();
    if windows::time_zone(&quota.time_zone).is_none() {
        let message = "time_zone must be an IANA name, such as UTC or Europe/Berlin";
        faults.push(Fault::parameter("time_zone", message));
    }
    if !faults.is_empty() {
        return Err(ApiError::faults(faults));
    }
    let change = TenantChange {
        quota: Some(quota),
        ..TenantChange::default()
    };
    let view = gateway
        .store
        .change_tenant(&id, change, &by.actor(&admin))
        .await?;
    Ok(Json(view.tenant.quota).into_response())
}
