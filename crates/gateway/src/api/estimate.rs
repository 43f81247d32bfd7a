//! `POST /v1/videos/estimate`, and the same for images and audios: the validation and the price of a
//! submit, with nothing held and nothing sent.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use evogate_models::task::MediaKind;
use serde::Serialize;

use super::amount;
use crate::auth::{Generate, Scoped};
use crate::body;
use crate::error::ApiError;
use crate::state::Gateway;

#[derive(Serialize)]
struct Estimate<'a> {
    object: &'static str,
    model: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'a str>,
    /// Seconds, as EvoLink would show them.
    estimated_time: u32,
    usage: Usage,
    /// What the tenant may hold now.
    credits_available: Decimal,
    /// Would a submit be held?
    affordable: bool,
}

#[derive(Serialize)]
struct Usage {
    billing_rule: String,
    credits_reserved: Decimal,
    /// Is the price a guess, because none is public?
    assumed: bool,
}

/// Estimates a video.
pub async fn videos(
    gateway: Gateway,
    principal: Scoped<Generate>,
    r: Request,
) -> Result<Response, ApiError> {
    estimate(gateway, principal, MediaKind::Video, r).await
}

/// Estimates an image.
pub async fn images(
    gateway: Gateway,
    principal: Scoped<Generate>,
    r: Request,
) -> Result<Response, ApiError> {
    estimate(gateway, principal, MediaKind::Image, r).await
}

/// Estimates a sound.
pub async fn audios(
    gateway: Gateway,
    principal: Scoped<Generate>,
    r: Request,
) -> Result<Response, ApiError> {
    estimate(gateway, principal, MediaKind::Audio, r).await
}

async fn estimate(
    gateway: Gateway,
    principal: Scoped<Generate>,
    kind: MediaKind,
    request: Request,
) -> Result<Response, ApiError> {
    let body = body::read(request, gateway.config.submit.max_body).await?;
    let generation = super::generations::validate(&gateway, kind, &body)?;
    let view = gateway.store.tenant(&principal.tenant).await?;
    let view = view.ok_or_else(ApiError::unauthorized)?;
    let spec = generation.spec();
    let available = view.account.available;
    Ok(Json(Estimate {
        object: "generation.estimate",
        model: generation.model.name(),
        kind: kind.as_str(),
        duration: generation.duration,
        quality: generation.quality,
        estimated_time: generation.estimated_time,
        usage: Usage {
            billing_rule: spec.billing_rule,
            credits_reserved: amount(generation.estimate),
            assumed: generation.model.assumed(),
        },
        credits_available: amount(available),
        affordable: view.tenant.quota.unlimited || generation.estimate <= available,
    })
    .into_response())
}
