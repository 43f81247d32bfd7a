//! `/admin/v1/admins`: the admins' own keys. A viewer looks, an admin changes; neither is ever a scope of
//! a tenant's key.

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use evogate_models::KeyId;
use evogate_store::{AdminRecord, Role, TenantError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::By;
use crate::auth::{Admin, Viewer, mint_admin_key};
use crate::error::ApiError;
use crate::openapi::schemas::{Deleted, List};
use crate::openapi::{refusals, schemas};
use crate::path::Segment;
use crate::state::Gateway;

/// The name of who has the settings' own key.
const BOOTSTRAP: &str = "bootstrap";

/// An admin to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAdmin, example = json!({"name": "Ada Byron", "role": "admin"}))]
struct New {
    /// It belongs to one admin.
    #[schema(value_type = schemas::ShortText)]
    name: String,
    #[schema(value_type = AdminRole)]
    role: Role,
}

/// What an admin may do: everything, or look.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of the store's own type")]
enum AdminRole {
    Admin,
    Viewer,
}

/// An admin, without the key.
#[derive(Serialize, ToSchema)]
#[schema(as = Admin)]
struct Shown {
    /// `admin`
    object: &'static str,
    #[schema(value_type = String)]
    id: KeyId,
    name: String,
    #[schema(value_type = AdminRole)]
    role: Role,
    /// Unix seconds.
    created: i64,
}

/// An admin with the key, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = MintedAdmin)]
struct Minted {
    #[serde(flatten)]
    shown: Shown,
    /// `admin-…`
    key: String,
}

fn shown(admin: &AdminRecord) -> Shown {
    Shown {
        object: "admin",
        id: admin.id.clone(),
        name: admin.name.clone(),
        role: admin.role,
        created: admin.created.seconds(),
    }
}

/// Makes an admin.
#[utoipa::path(post, path = "/admin/v1/admins", tag = "Admin: admins", request_body = New, responses(
    (status = 201, description = "The admin with the key, which is shown this once", body = Minted,
        headers(("cache-control" = String, description = "`no-store`"))),
    refusals::InvalidBody, refusals::AlreadyExists, refusals::TooLarge,
))]
pub async fn create(
    gateway: Gateway,
    admin: Admin,
    by: By,
    request: Request,
) -> Result<Response, ApiError> {
    let new: New = super::json(request).await?;
    let secret = mint_admin_key(&*gateway.random);
    let name = super::text("name", &new.name)?;
    if name == BOOTSTRAP {
        return Err(ApiError::exists(&format!("The admin {name}")));
    }
    let record = AdminRecord {
        id: KeyId::mint(gateway.random.bits()),
        name,
        role: new.role,
        created: gateway.store.now(),
        digest: gateway.auth.peppers().admin_digest(&secret),
    };
    let by = by.actor(&admin);
    let made = gateway.store.add_admin(record.clone(), &by).await;
    made.map_err(|error| match error {
        TenantError::Exists => ApiError::exists(&format!("The admin {}", record.name)),
        other => other.into(),
    })?;
    let body = Minted {
        shown: shown(&record),
        key: secret,
    };
    Ok((
        StatusCode::CREATED,
        [(CACHE_CONTROL, "no-store")],
        Json(body),
    )
        .into_response())
}

/// Lists the admins.
#[utoipa::path(get, path = "/admin/v1/admins", tag = "Admin: admins", responses(
    (status = 200, description = "The admins, without their keys", body = List<Shown>),
))]
pub async fn list(gateway: Gateway, _: Viewer) -> Result<Response, ApiError> {
    let data: Vec<Shown> = gateway.store.admins().await?.iter().map(shown).collect();
    Ok(Json(json!({ "object": "list", "total": data.len(), "data": data })).into_response())
}

/// Deletes an admin.
#[utoipa::path(delete, path = "/admin/v1/admins/{id}", tag = "Admin: admins", responses(
    (status = 200, description = "Their key is worth nothing from now on", body = Deleted), refusals::KeyNotFound,
))]
pub async fn delete(
    gateway: Gateway,
    admin: Admin,
    by: By,
    Segment(id): Segment,
) -> Result<Response, ApiError> {
    let id: KeyId = id.parse().map_err(|_| ApiError::key_not_found())?;
    gateway.store.delete_admin(&id, &by.actor(&admin)).await?;
    Ok(Json(json!({ "object": "admin", "id": id, "deleted": true })).into_response())
}
