//! A tenant's keys, for admins and for the tenant's own `tenant_admin` alike: mint, list, rotate,
//! delete. A secret is shown once, when it is minted.

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use evogate_models::{Fault, KeyId, TenantId, Timestamp};
use evogate_store::{Actor, KeyChange, KeyRecord, Scope};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::admin;
use crate::auth::{digest, mint_key};
use crate::error::ApiError;
use crate::state::Gateway;

/// The longest overlap of a rotation: 30 days, in seconds.
const MAX_OVERLAP: u32 = 30 * 24 * 3600;
/// The overlap where none is asked for: an hour.
const OVERLAP: u32 = 3600;
/// The longest life of a key, in seconds: ten years.
const MAX_LIFE: u64 = 10 * 366 * 24 * 3600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: Option<String>,
    user: Option<String>,
    scopes: Option<Vec<Scope>>,
    /// Seconds from now.
    expires_in: Option<u64>,
    credit_cap: Option<Decimal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// Seconds for which the old secret still counts.
    overlap: Option<u32>,
}

fn shown(key: &KeyRecord) -> Map<String, Value> {
    let seconds = |at: Option<Timestamp>| at.map(Timestamp::seconds);
    let fields = json!({
        "object": "key",
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "user": key.user,
        "scopes": key.scopes,
        "created": key.created.seconds(),
        "expires": seconds(key.expires),
        "last_used": seconds(key.last_used),
        "credit_cap": key.credit_cap.map(Decimal),
        "secrets": key.secrets.iter().map(|secret| json!({ "until": seconds(secret.until) }))
            .collect::<Vec<_>>(),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn minted(key: &KeyRecord, secret: String, status: StatusCode) -> Response {
    let mut body = shown(key);
    body.insert("key".to_owned(), secret.into());
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Mints a key. `may` are the scopes that it may be given.
pub async fn create(
    gateway: &Gateway,
    tenant: TenantId,
    by: &Actor,
    may: &[Scope],
    request: Request,
) -> Result<Response, ApiError> {
    let new: New = admin::json(request).await?;
    let mut faults = Vec::new();
    let scopes = new.scopes.unwrap_or_else(|| may.to_vec());
    if scopes.is_empty() || !scopes.iter().all(|scope| may.contains(scope)) {
        let names: Vec<_> = may.iter().map(|scope| scope.as_str()).collect();
        let message = format!("scopes must be some of: {}", names.join(", "));
        faults.push(Fault::parameter("scopes", message));
    }
    if new
        .expires_in
        .is_some_and(|seconds| !(1..=MAX_LIFE).contains(&seconds))
    {
        let message = format!("expires_in must be between 1 and {MAX_LIFE} seconds");
        faults.push(Fault::parameter("expires_in", message));
    }
    if new.credit_cap.is_some_and(|cap| cap.0.is_negative()) {
        faults.push(Fault::parameter(
            "credit_cap",
            "credit_cap must not be negative",
        ));
    }
    if !faults.is_empty() {
        return Err(ApiError::faults(faults));
    }
    let name = admin::text("name", new.name.as_deref().unwrap_or("key"))?;
    let user = new
        .user
        .as_deref()
        .map(|user| admin::text("user", user))
        .transpose()?;
    let now = gateway.store.now();
    let secret = mint_key(&*gateway.random);
    let id = KeyId::mint(gateway.random.bits());
    let mut key = KeyRecord::new(id, tenant, name, now, digest(&secret));
    key.user = user;
    key.scopes = scopes;
    let life = new
        .expires_in
        .and_then(|seconds| i64::try_from(seconds).ok());
    key.expires = life.map(|seconds| now.plus(seconds.saturating_mul(1000)));
    key.credit_cap = new.credit_cap.map(|cap| cap.0);
    gateway.store.add_key(key.clone(), by).await?;
    Ok(minted(&key, secret, StatusCode::CREATED))
}

/// Lists the tenant's keys.
pub async fn list(gateway: &Gateway, tenant: &TenantId) -> Result<Response, ApiError> {
    gateway
        .store
        .tenant(tenant)
        .await?
        .ok_or_else(ApiError::tenant_not_found)?;
    let data: Vec<_> = gateway
        .store
        .keys(tenant)
        .await?
        .iter()
        .map(shown)
        .collect();
    Ok(Json(json!({ "object": "list", "total": data.len(), "data": data })).into_response())
}

/// Gives a key a new secret; the old one counts for a while. `may` are the scopes that the key may have:
/// whoever gets a secret must not gain by it.
pub async fn rotate(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &KeyId,
    by: &Actor,
    may: &[Scope],
    request: Request,
) -> Result<Response, ApiError> {
    let rotation: Rotation = admin::json(request).await?;
    let overlap = rotation.overlap.unwrap_or(OVERLAP);
    if overlap > MAX_OVERLAP {
        let message = format!("overlap must be between 0 and {MAX_OVERLAP} seconds");
        return Err(ApiError::invalid("overlap", message));
    }
    let keys = gateway.store.keys(tenant).await?;
    let key = keys.iter().find(|key| key.id == *id);
    let beyond = key.and_then(|key| key.scopes.iter().find(|scope| !may.contains(scope)));
    if let Some(scope) = beyond {
        return Err(ApiError::permission_denied(scope.as_str()));
    }
    let secret = mint_key(&*gateway.random);
    let until = gateway
        .store
        .now()
        .plus(i64::from(overlap).saturating_mul(1000));
    let change = KeyChange::Rotate {
        digest: digest(&secret),
        until,
    };
    let key = gateway.store.change_key(tenant, id, change, by).await?;
    Ok(minted(&key, secret, StatusCode::OK))
}

/// Deletes a key; it is worth nothing from now on.
pub async fn delete(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &KeyId,
    by: &Actor,
) -> Result<Response, ApiError> {
    gateway.store.delete_key(tenant, id, by).await?;
    Ok(Json(json!({ "object": "key", "id": id, "deleted": true })).into_response())
}
