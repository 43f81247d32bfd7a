//! `POST /v1/videos/generations`, and the same for images and audios: submits a task. The answer is
//! exactly 200 with the task object, or an error in EvoLink's shape.

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use evogate_models::life::submit::Intent;
use evogate_models::request::{self, Generation, Rejection};
use evogate_models::task::MediaKind;
use evogate_models::time::millis;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use super::refusals::Refusals;
use super::{credits_headers, insert, rate_headers, task_answer};
use crate::auth::{Generate, Principal, Scoped};
use crate::body;
use crate::context::Context;
use crate::error::ApiError;
use crate::headers::idempotency_key;
use crate::openapi::{answers, queries, refusals, schemas};
use crate::state::Gateway;
use crate::submit::{self, LEASE, Order, SEND_WITHIN};
use crate::{webhooks, windows};

/// Submits a video.
///
/// The answer is exactly 200 with the task object, usually `pending`: poll `GET /v1/tasks/{id}`, or give a
/// `callback_url`.
#[utoipa::path(post, path = "/v1/videos/generations", tag = "Generations", params(queries::IdempotencyKey), request_body = schemas::Generation,
    responses(answers::Submitted, refusals::InvalidSubmit, refusals::InsufficientCredits, refusals::SubmitForbidden,
    refusals::SubmitNotFound, refusals::SubmitTooLarge, refusals::SubmitRejected, refusals::SubmitLimited,
    refusals::SubmitUnavailable,
))]
pub async fn videos(
    gateway: Gateway,
    principal: Scoped<Generate>,
    context: Context,
    request: Request,
) -> Result<Response, ApiError> {
    generate(gateway, principal, context, MediaKind::Video, request).await
}

/// Submits an image.
///
/// The answer is exactly 200 with the task object, usually `pending`: poll `GET /v1/tasks/{id}`, or give a
/// `callback_url`.
#[utoipa::path(post, path = "/v1/images/generations", tag = "Generations", params(queries::IdempotencyKey), request_body = schemas::Generation,
    responses(answers::Submitted, refusals::InvalidSubmit, refusals::InsufficientCredits, refusals::SubmitForbidden,
    refusals::SubmitNotFound, refusals::SubmitTooLarge, refusals::SubmitRejected, refusals::SubmitLimited,
    refusals::SubmitUnavailable,
))]
pub async fn images(
    gateway: Gateway,
    principal: Scoped<Generate>,
    context: Context,
    request: Request,
) -> Result<Response, ApiError> {
    generate(gateway, principal, context, MediaKind::Image, request).await
}

/// Submits a sound.
///
/// The answer is exactly 200 with the task object, usually `pending`: poll `GET /v1/tasks/{id}`, or give a
/// `callback_url`.
#[utoipa::path(post, path = "/v1/audios/generations", tag = "Generations", params(queries::IdempotencyKey), request_body = schemas::Generation,
    responses(answers::Submitted, refusals::InvalidSubmit, refusals::InsufficientCredits, refusals::SubmitForbidden,
    refusals::SubmitNotFound, refusals::SubmitTooLarge, refusals::SubmitRejected, refusals::SubmitLimited,
    refusals::SubmitUnavailable,
))]
pub async fn audios(
    gateway: Gateway,
    principal: Scoped<Generate>,
    context: Context,
    request: Request,
) -> Result<Response, ApiError> {
    generate(gateway, principal, context, MediaKind::Audio, request).await
}

async fn generate(
    gateway: Gateway,
    principal: Scoped<Generate>,
    context: Context,
    kind: MediaKind,
    request: Request,
) -> Result<Response, ApiError> {
    let route = request.uri().path().to_owned();
    let mut refusals = Refusals {
        gateway: &gateway,
        principal: &principal,
        context: &context,
        route,
        prompt: None,
    };
    match submit_request(&mut refusals, kind, request).await {
        Ok(response) => Ok(response),
        Err(error) => {
            refusals.note(&error);
            Err(error)
        }
    }
}

async fn submit_request(
    refusals: &mut Refusals<'_>,
    kind: MediaKind,
    request: Request,
) -> Result<Response, ApiError> {
    let Refusals {
        gateway,
        principal,
        context,
        ..
    } = *refusals;
    let idempotency_key = idempotency_key(&request)?;
    let body = body::read(request, gateway.config.submit.max_body).await?;
    refusals.read(&body);
    let generation = validate(gateway, kind, &body)?;
    let now = gateway.store.now();
    let tenant = gateway
        .auth
        .policy(&gateway.store, &principal.tenant)
        .await?;
    let tenant = tenant.ok_or_else(ApiError::unauthorized)?;
    let zone = windows::time_zone(&tenant.quota.time_zone).unwrap_or(TimeZone::UTC);
    let intent = Intent {
        id: gateway.new_task_id(),
        tenant: principal.tenant.clone(),
        author: principal.author(),
        spec: generation.spec(),
        estimate: generation.estimate,
        callback_url: generation.callback_url.clone(),
        fingerprint: fingerprint(principal, idempotency_key.as_ref(), kind, &body),
        idempotency_key,
        resend: None,
        send_within: SEND_WITHIN,
        lease: LEASE,
        deadline: millis(gateway.config.tasks.deadline),
        windows: windows::windows(now, &zone),
        trace: context.followed_trace(),
    };
    let callback = gateway.callback_url(&intent);
    let upstream_body = Bytes::from(generation.upstream_body(callback.as_deref()));
    let order = Order {
        intent,
        body: upstream_body,
        room: body.into_room(),
        policy: tenant.version,
    };
    let answer = submit::submit(gateway, order, context).await?;
    let mut response = task_answer(&answer.task);
    credits_headers(&mut response, &answer.task, answer.available);
    if answer.replay {
        insert(response.headers_mut(), "idempotency-replayed", "true");
    }
    if let Some(rate) = answer.rate {
        rate_headers(&mut response, rate);
    }
    Ok(response)
}

/// Judges a body: every fault at once, or an unknown model.
pub fn validate<'a>(
    gateway: &'a Gateway,
    kind: MediaKind,
    body: &'a [u8],
) -> Result<Generation<'a>, ApiError> {
    let judge = |url: &str| webhooks::judge_callback(&gateway.targets, url);
    request::validate(body, kind, &gateway.config.catalogue, &judge).map_err(|rejection| {
        match rejection {
            Rejection::Faults(faults) => ApiError::faults(faults),
            Rejection::ModelNotFound { model } => ApiError::model_not_found(&model),
        }
    })
}

/// What makes two requests the same: route and body, byte for byte; and where no idempotency key says
/// so, also the credential.
fn fingerprint(
    principal: &Principal,
    idempotency_key: Option<&String>,
    kind: MediaKind,
    body: &[u8],
) -> String {
    use base64::Engine as _;
    let mut hash = Sha256::new();
    if idempotency_key.is_none() {
        hash.update(principal.credential.to_string());
    }
    hash.update([0]);
    hash.update(kind.as_str());
    hash.update([0]);
    hash.update(body);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash.finalize())
}
