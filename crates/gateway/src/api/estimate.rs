//! `POST /v1/videos/estimate`, and the same for images and audios: the validation and the price of a
//! submit, and whether it would be taken now, with nothing held, nothing counted and nothing sent.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use evogate_models::task::MediaKind;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::amount;
use crate::auth::{Generate, Scoped};
use crate::body;
use crate::error::{ApiError, Said};
use crate::openapi::{refusals, schemas};
use crate::state::Gateway;
use crate::{submit, windows};

/// What a task would cost.
#[derive(Serialize, ToSchema)]
struct Estimate<'a> {
    /// `generation.estimate`
    object: &'static str,
    model: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    duration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    quality: Option<&'a str>,
    /// Seconds, as EvoLink would show them.
    estimated_time: u32,
    usage: Usage,
    /// What the tenant may hold now.
    credits_available: Decimal,
    /// Does the balance cover it?
    affordable: bool,
    /// Would a submit be taken now: by the balance, and by every limit of the tenant, its user and key?
    admitted: bool,
    /// What it would be refused with; null when it would not.
    #[schema(required = true)]
    refusal: Option<Refusal<'a>>,
}

/// The answer that a submit would get.
#[derive(Serialize, ToSchema)]
#[schema(as = EstimateRefusal)]
struct Refusal<'a> {
    /// The HTTP status.
    status: u16,
    /// `error` of the body, without a request's id.
    error: Said<'a>,
}

/// The price.
#[derive(Serialize, ToSchema)]
#[schema(as = EstimateUsage)]
struct Usage {
    /// `per_second`, `per_call`, …
    billing_rule: String,
    /// What a submit would hold.
    credits_reserved: Decimal,
    /// Is the price a guess, because none is public?
    assumed: bool,
}

/// Says what a video would cost.
///
/// The validation and the price of a submit, with nothing held and nothing sent.
#[utoipa::path(post, path = "/v1/videos/estimate", tag = "Generations", request_body = schemas::Generation, responses(
    (status = 200, description = "The price, with nothing held and nothing sent", body = Estimate),
    refusals::InvalidGeneration, refusals::ModelNotFound, refusals::TooLarge,
))]
pub async fn videos(
    gateway: Gateway,
    principal: Scoped<Generate>,
    r: Request,
) -> Result<Response, ApiError> {
    estimate(gateway, principal, MediaKind::Video, r).await
}

/// Says what an image would cost.
///
/// The validation and the price of a submit, with nothing held and nothing sent.
#[utoipa::path(post, path = "/v1/images/estimate", tag = "Generations", request_body = schemas::Generation, responses(
    (status = 200, description = "The price, with nothing held and nothing sent", body = Estimate),
    refusals::InvalidGeneration, refusals::ModelNotFound, refusals::TooLarge,
))]
pub async fn images(
    gateway: Gateway,
    principal: Scoped<Generate>,
    r: Request,
) -> Result<Response, ApiError> {
    estimate(gateway, principal, MediaKind::Image, r).await
}

/// Says what a sound would cost.
///
/// The validation and the price of a submit, with nothing held and nothing sent.
#[utoipa::path(post, path = "/v1/audios/estimate", tag = "Generations", request_body = schemas::Generation, responses(
    (status = 200, description = "The price, with nothing held and nothing sent", body = Estimate),
    refusals::InvalidGeneration, refusals::ModelNotFound, refusals::TooLarge,
))]
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
    let author = principal.author();
    let met = gateway.store.prospect(&principal.tenant, &author).await?;
    let met = met.ok_or_else(ApiError::unauthorized)?;
    let (spec, now) = (generation.spec(), gateway.store.now());
    let zone = windows::time_zone(&met.tenant.quota.time_zone).unwrap_or(TimeZone::UTC);
    let windows = windows::windows(now, &zone);
    let judged = met.judge(&spec, generation.estimate, &windows, now);
    let refusal = judged.err().map(|error| submit::not_held(error, &windows));
    let available = met.account.available;
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
        affordable: met.tenant.quota.unlimited || generation.estimate <= available,
        admitted: refusal.is_none(),
        refusal: refusal.as_ref().map(|error| Refusal {
            status: error.facts().status,
            error: error.said(),
        }),
    })
    .into_response())
}
