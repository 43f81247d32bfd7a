//! `GET /v1/webhooks/secret`: the secret that signs the tenant's webhooks.

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::auth::{Scoped, Webhooks};
use crate::error::ApiError;
use crate::state::Gateway;
use crate::webhooks::SigningKey;

/// Answers the secret, as Standard Webhooks libraries take it.
pub async fn get(gateway: Gateway, principal: Scoped<Webhooks>) -> Result<Response, ApiError> {
    let view = gateway.store.tenant(&principal.tenant).await?;
    let view = view.ok_or_else(ApiError::unauthorized)?;
    let key = SigningKey::new(&view.tenant.webhook_secret);
    let key = key.map_err(|error| ApiError::internal(&error))?;
    let body = json!({ "secret": key.shown().expose() });
    Ok(([(CACHE_CONTROL, "no-store")], Json(body)).into_response())
}
