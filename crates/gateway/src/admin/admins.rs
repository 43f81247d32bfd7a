//! `/admin/v1/admins`: the admins' own keys. A viewer looks, an admin changes; neither is ever a scope of
//! a tenant's key.

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use evogate_models::KeyId;
use evogate_store::{AdminRecord, Role, TenantError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::By;
use crate::auth::{Admin, Viewer, mint_admin_key};
use crate::error::ApiError;
use crate::path::Segment;
use crate::state::Gateway;

/// The name of who has the settings' own key.
const BOOTSTRAP: &str = "bootstrap";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    role: Role,
}

fn shown(admin: &AdminRecord) -> Value {
    json!({
        "object": "admin",
        "id": admin.id,
        "name": admin.name,
        "role": admin.role,
        "created": admin.created.seconds(),
    })
}

/// `POST /admin/v1/admins {name, role}`: the key is shown once.
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
    let mut body = shown(&record);
    if let Some(fields) = body.as_object_mut() {
        fields.insert("key".to_owned(), secret.into());
    }
    Ok((
        StatusCode::CREATED,
        [(CACHE_CONTROL, "no-store")],
        Json(body),
    )
        .into_response())
}

/// `GET /admin/v1/admins`
pub async fn list(gateway: Gateway, _: Viewer) -> Result<Response, ApiError> {
    let data: Vec<Value> = gateway.store.admins().await?.iter().map(shown).collect();
    Ok(Json(json!({ "object": "list", "total": data.len(), "data": data })).into_response())
}

/// `DELETE /admin/v1/admins/{id}`
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
