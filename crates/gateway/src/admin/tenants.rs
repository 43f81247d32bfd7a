//! `/admin/v1/tenants`: make, list, read, change, suspend and resume tenants.

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use evogate_models::TenantId;
use evogate_models::credits::Decimal;
use evogate_models::quota::Quota;
use evogate_store::{Tenant, TenantChange, TenantError, TenantView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{By, Paged, TenantPath};
use crate::auth::{Admin, Viewer};
use crate::error::ApiError;
use crate::openapi::schemas::Page;
use crate::openapi::{queries, refusals, schemas};
use crate::state::Gateway;

/// A tenant as admins see it.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(super) struct Shown {
    /// `tenant`
    object: &'static str,
    #[schema(value_type = String)]
    id: TenantId,
    name: String,
    /// Unix seconds.
    created: i64,
    /// It submits nothing.
    suspended: bool,
    /// Its balance has no floor.
    unlimited: bool,
    credits: Credits,
    tasks_in_flight: u32,
    quota: Quota,
}

/// A tenant's credits: `granted` = `available` + `held` + `spent`.
#[derive(Serialize, ToSchema)]
#[schema(as = TenantCredits)]
struct Credits {
    granted: Decimal,
    available: Decimal,
    held: Decimal,
    spent: Decimal,
}

impl From<TenantView> for Shown {
    fn from(view: TenantView) -> Self {
        let TenantView {
            tenant,
            account,
            tasks_in_flight,
            ..
        } = view;
        Self {
            object: "tenant",
            id: tenant.id,
            name: tenant.name,
            created: tenant.created.seconds(),
            suspended: tenant.suspended,
            unlimited: tenant.quota.unlimited,
            credits: Credits {
                granted: Decimal(account.granted),
                available: Decimal(account.available),
                held: Decimal(account.held),
                spent: Decimal(account.spent),
            },
            tasks_in_flight,
            quota: tenant.quota,
        }
    }
}

/// A tenant to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTenant, example = json!({"id": "studio", "name": "Film studio"}))]
struct New {
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
    id: String,
    /// For people; the id unless given.
    #[schema(value_type = Option<schemas::ShortText>)]
    name: Option<String>,
}

/// Makes a tenant.
#[utoipa::path(post, path = "/admin/v1/tenants", tag = "Admin: tenants", request_body = New, responses(
    (status = 201, description = "The tenant", body = Shown),
    refusals::InvalidBody, refusals::AlreadyExists, refusals::TooLarge,
))]
pub async fn create(
    gateway: Gateway,
    admin: Admin,
    by: By,
    request: Request,
) -> Result<Response, ApiError> {
    let new: New = super::json(request).await?;
    let parsed: Result<TenantId, _> = new.id.parse();
    let id = parsed.map_err(|error| ApiError::invalid("id", error.to_string()))?;
    let name = match new.name {
        Some(name) => super::text("name", &name)?,
        None => id.to_string(),
    };
    let made = gateway.vault.make(&id);
    let (secret, _) = made.map_err(|error| ApiError::internal(&error))?;
    let tenant = Tenant::new(id.clone(), name, gateway.store.now(), secret);
    let made = gateway.store.create_tenant(tenant, &by.actor(&admin)).await;
    let view = made.map_err(|error| match error {
        TenantError::Exists => ApiError::exists(&format!("The tenant {id}")),
        other => other.into(),
    })?;
    Ok((StatusCode::CREATED, Json(Shown::from(view))).into_response())
}

/// Lists the tenants.
#[utoipa::path(get, path = "/admin/v1/tenants", tag = "Admin: tenants", params(queries::Search), responses(
    (status = 200, description = "A page of tenants", body = Page<Shown>), refusals::InvalidQuery,
))]
pub async fn list(gateway: Gateway, _: Viewer, paged: Paged) -> Result<Response, ApiError> {
    let needle = paged.search.to_lowercase();
    let found: Vec<TenantView> = gateway
        .store
        .tenants()
        .await?
        .into_iter()
        .filter(|view| {
            view.tenant.id.as_str().contains(&needle)
                || view.tenant.name.to_lowercase().contains(&needle)
        })
        .collect();
    Ok(paged.answer(found, Shown::from))
}

/// Shows a tenant.
#[utoipa::path(get, path = "/admin/v1/tenants/{id}", tag = "Admin: tenants", responses((status = 200, description = "The tenant as it is now", body = Shown), refusals::TenantNotFound))]
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
    Ok(Json(Shown::from(view)).into_response())
}

/// What is to be changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TenantChange, example = json!({"name": "The film studio"}))]
struct Change {
    #[schema(value_type = Option<schemas::ShortText>)]
    name: Option<String>,
    suspended: Option<bool>,
}

/// Changes a tenant.
#[utoipa::path(patch, path = "/admin/v1/tenants/{id}", tag = "Admin: tenants", request_body = Change, responses(
    (status = 200, description = "The tenant as it is now", body = Shown), refusals::InvalidBody, refusals::TenantNotFound, refusals::TooLarge,
))]
pub async fn change(
    gateway: Gateway,
    admin: Admin,
    by: By,
    TenantPath(id): TenantPath,
    request: Request,
) -> Result<Response, ApiError> {
    let change: Change = super::json(request).await?;
    let name = change
        .name
        .as_deref()
        .map(|name| super::text("name", name))
        .transpose()?;
    let change = TenantChange {
        name,
        suspended: change.suspended,
        quota: None,
    };
    let view = gateway
        .store
        .change_tenant(&id, change, &by.actor(&admin))
        .await?;
    Ok(Json(Shown::from(view)).into_response())
}

/// Suspends a tenant: it submits nothing, still reads, and finishes what it has.
#[utoipa::path(post, path = "/admin/v1/tenants/{id}/suspend", tag = "Admin: tenants", responses((status = 200, description = "The tenant as it is now", body = Shown), refusals::TenantNotFound))]
pub async fn suspend(
    gateway: Gateway,
    admin: Admin,
    by: By,
    path: TenantPath,
) -> Result<Response, ApiError> {
    set_suspended(gateway, admin, by, path, true).await
}

/// Resumes a suspended tenant.
#[utoipa::path(post, path = "/admin/v1/tenants/{id}/resume", tag = "Admin: tenants", responses((status = 200, description = "The tenant as it is now", body = Shown), refusals::TenantNotFound))]
pub async fn resume(
    gateway: Gateway,
    admin: Admin,
    by: By,
    path: TenantPath,
) -> Result<Response, ApiError> {
    set_suspended(gateway, admin, by, path, false).await
}

async fn set_suspended(
    gateway: Gateway,
    admin: Admin,
    by: By,
    TenantPath(id): TenantPath,
    suspended: bool,
) -> Result<Response, ApiError> {
    let change = TenantChange {
        suspended: Some(suspended),
        ..TenantChange::default()
    };
    let view = gateway
        .store
        .change_tenant(&id, change, &by.actor(&admin))
        .await?;
    Ok(Json(Shown::from(view)).into_response())
}
