//! `/admin/v1/tenants`: make, list and read tenants.

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use evogate_models::TenantId;
use evogate_models::credits::Decimal;
use evogate_store::{Tenant, TenantError, TenantView};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::TenantPath;
use crate::auth::Admin;
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
        let TenantView { tenant, account } = view;
        Self {
            object: "tenant",
            id: tenant.id,
            name: tenant.name,
            created: tenant.created.seconds(),
            suspended: tenant.suspended,
            unlimited: tenant.unlimited,
            credits: Credits {
                granted: Decimal(account.granted),
                available: Decimal(account.available),
                held: Decimal(account.held),
                spent: Decimal(account.spent),
            },
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
    request: Request,
) -> Result<Response, ApiError> {
    let new: New = super::json(request).await?;
    let parsed: Result<TenantId, _> = new.id.parse();
    let id = parsed.map_err(|error| ApiError::invalid("id", error.to_string()))?;
    let name = match new.name {
        Some(name) => super::text("name", &name)?,
        None => id.to_string(),
    };
    let mut webhook_secret = vec![0; 32];
    gateway.random.fill(&mut webhook_secret);
    let tenant = Tenant {
        id: id.clone(),
        name,
        created: gateway.store.now(),
        suspended: false,
        unlimited: false,
        webhook_secret,
    };
    let view = gateway
        .store
        .create_tenant(tenant)
        .await
        .map_err(|error| match error {
            TenantError::Exists => ApiError::exists(&format!("The tenant {id}")),
            other => other.into(),
        })?;
    tracing::info!(tenant = %id, admin = admin.name, "tenant created");
    Ok((StatusCode::CREATED, Json(Shown::from(view))).into_response())
}

/// `GET /admin/v1/tenants`
pub async fn list(gateway: Gateway, _: Admin) -> Result<Response, ApiError> {
    let data: Vec<Shown> = gateway
        .store
        .tenants()
        .await?
        .into_iter()
        .map(Shown::from)
        .collect();
    Ok(Json(json!({ "object": "list", "total": data.len(), "data": data })).into_response())
}

/// `GET /admin/v1/tenants/{id}`
pub async fn get(
    gateway: Gateway,
    _: Admin,
    TenantPath(id): TenantPath,
) -> Result<Response, ApiError> {
    let view = gateway
        .store
        .tenant(&id)
        .await?
        .ok_or_else(ApiError::tenant_not_found)?;
    Ok(Json(Shown::from(view)).into_response())
}
