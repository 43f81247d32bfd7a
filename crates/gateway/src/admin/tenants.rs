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

use super::{By, Paged, TenantPath};
use crate::auth::{Admin, Viewer};
use crate::error::ApiError;
use crate::state::Gateway;

/// A tenant as admins see it.
#[derive(Serialize)]
pub(super) struct Shown {
    object: &'static str,
    id: TenantId,
    name: String,
    created: i64,
    suspended: bool,
    unlimited: bool,
    credits: Credits,
    tasks_in_flight: u32,
    quota: Quota,
}

#[derive(Serialize)]
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    id: String,
    name: Option<String>,
}

/// `POST /admin/v1/tenants {id, name}`
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
    let mut secret = vec![0; 32];
    gateway.random.fill(&mut secret);
    let tenant = Tenant::new(id.clone(), name, gateway.store.now(), secret);
    let made = gateway.store.create_tenant(tenant, &by.actor(&admin)).await;
    let view = made.map_err(|error| match error {
        TenantError::Exists => ApiError::exists(&format!("The tenant {id}")),
        other => other.into(),
    })?;
    Ok((StatusCode::CREATED, Json(Shown::from(view))).into_response())
}

/// `GET /admin/v1/tenants?search=&page=&page_size=`: `search` is a part of the id or the name.
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

/// `GET /admin/v1/tenants/{id}`
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: Option<String>,
    suspended: Option<bool>,
}

/// `PATCH /admin/v1/tenants/{id} {name?, suspended?}`
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

/// `POST /admin/v1/tenants/{id}/suspend`: it submits nothing, still reads, and finishes what it has.
pub async fn suspend(
    gateway: Gateway,
    admin: Admin,
    by: By,
    path: TenantPath,
) -> Result<Response, ApiError> {
    set_suspended(gateway, admin, by, path, true).await
}

/// `POST /admin/v1/tenants/{id}/resume`
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
