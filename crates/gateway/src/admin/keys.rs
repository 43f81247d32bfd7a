//! `/admin/v1/tenants/{id}/keys`: a tenant's keys. A key is shown once, when it is minted.

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use evogate_models::KeyId;
use evogate_store::KeyRecord;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{KeyPath, TenantPath};
use crate::auth::{Admin, digest, mint_key};
use crate::error::ApiError;
use crate::state::Gateway;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: Option<String>,
}

fn shown(key: &KeyRecord) -> Value {
    json!({
        "object": "key",
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "created": key.created.seconds(),
    })
}

/// `POST …/keys {name}`
pub async fn create(
    gateway: Gateway,
    admin: Admin,
    TenantPath(tenant): TenantPath,
    request: Request,
) -> Result<Response, ApiError> {
    let new: New = super::json(request).await?;
    let name = new.name.unwrap_or_else(|| "key".to_owned());
    let key = mint_key(&*gateway.random);
    let record = KeyRecord {
        id: KeyId::mint(gateway.random.bits()),
        tenant,
        name: super::text("name", &name)?,
        created: gateway.store.now(),
        digest: digest(&key),
    };
    gateway.store.add_key(record.clone()).await?;
    tracing::info!(tenant = %record.tenant, key = %record.id, admin = admin.name, "key minted");
    let mut body = shown(&record);
    if let Some(fields) = body.as_object_mut() {
        fields.insert("key".to_owned(), key.into());
    }
    Ok((
        StatusCode::CREATED,
        [(CACHE_CONTROL, "no-store")],
        Json(body),
    )
        .into_response())
}

/// `GET …/keys`
pub async fn list(
    gateway: Gateway,
    _: Admin,
    TenantPath(tenant): TenantPath,
) -> Result<Response, ApiError> {
    gateway
        .store
        .tenant(&tenant)
        .await?
        .ok_or_else(ApiError::tenant_not_found)?;
    let data: Vec<Value> = gateway
        .store
        .keys(&tenant)
        .await?
        .iter()
        .map(shown)
        .collect();
    Ok(Json(json!({ "object": "list", "total": data.len(), "data": data })).into_response())
}

/// `DELETE …/keys/{key}`
pub async fn delete(
    gateway: Gateway,
    admin: Admin,
    KeyPath(tenant, key): KeyPath,
) -> Result<Response, ApiError> {
    gateway.store.delete_key(&tenant, &key).await?;
    tracing::info!(%tenant, %key, admin = admin.name, "key deleted");
    Ok(Json(json!({ "object": "key", "id": key, "deleted": true })).into_response())
}
