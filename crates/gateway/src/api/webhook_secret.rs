//! `GET /v1/webhooks/secret`: the secret that signs the tenant's webhooks.

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Scoped, Webhooks};
use crate::error::ApiError;
use crate::state::Gateway;

/// What signs the webhooks.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
struct Secret<'a> {
    /// `whsec_…`
    secret: &'a str,
}

/// Tells the secret that signs the tenant's webhooks.
#[utoipa::path(get, path = "/v1/webhooks/secret", tag = "Webhooks", responses(
    (status = 200, description = "The secret, as Standard Webhooks libraries take it", body = Secret),
))]
pub async fn get(gateway: Gateway, principal: Scoped<Webhooks>) -> Result<Response, ApiError> {
    let view = gateway.store.tenant(&principal.tenant).await?;
    let view = view.ok_or_else(ApiError::unauthorized)?;
    let secret = view.tenant.webhook_secrets.last();
    let secret = secret.ok_or_else(|| ApiError::internal(&"the tenant has no webhook secret"))?;
    let key = gateway.vault.open(&principal.tenant, secret);
    let key = key.map_err(|error| ApiError::internal(&error))?;
    let shown = key.shown();
    let body = Secret {
        secret: shown.expose(),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(body)).into_response())
}
