//! `/v1/webhooks/secret`: the secret that signs the webhooks to requests' `callback_url`s.

use axum::Json;
use axum::extract::Request;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use evogate_models::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::endpoints::actor;
use crate::admin::By;
use crate::auth::{Scoped, Webhooks};
use crate::endpoints::{SecretRotation, rotation};
use crate::error::ApiError;
use crate::openapi::refusals;
use crate::state::Gateway;
use crate::webhooks::SigningKey;

/// What signs the webhooks to `callback_url`s.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
struct Secret<'a> {
    /// `whsec_…`
    secret: &'a str,
    /// After a rotation: until when the old one signs beside it, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    overlap_until: Option<i64>,
}

fn answer(key: &SigningKey, overlap_until: Option<Timestamp>) -> Response {
    let shown = key.shown();
    let body = Secret {
        secret: shown.expose(),
        overlap_until: overlap_until.map(Timestamp::seconds),
    };
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Tells the secret that signs the webhooks to callback URLs.
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
    Ok(answer(&key, None))
}

/// Makes a new secret; the old one signs beside it for a while.
#[utoipa::path(post, path = "/v1/webhooks/secret/rotate", tag = "Webhooks", request_body = Option<SecretRotation>, responses(
    (status = 200, description = "The new secret", body = Secret), refusals::InvalidBody, refusals::TooLarge,
))]
pub async fn rotate(
    gateway: Gateway,
    principal: Scoped<Webhooks>,
    by: By,
    request: Request,
) -> Result<Response, ApiError> {
    let by = actor(&principal, by);
    let (rotation, key) = rotation(&gateway, &principal.tenant, request).await?;
    let until = rotation.until;
    gateway
        .store
        .rotate_webhook_secret(&principal.tenant, rotation, &by)
        .await?;
    Ok(answer(&key, Some(until)))
}
