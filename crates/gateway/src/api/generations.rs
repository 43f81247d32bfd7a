//! `POST /v1/videos/generations`, and the same for images and audios: submits a task. The answer is
//! exactly 200 with the task object, or an error in EvoLink's shape.

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use evogate_models::life::submit::Intent;
use evogate_models::request::{self, Generation, Rejection};
use evogate_models::task::MediaKind;
use evogate_models::time::millis;
use sha2::{Digest as _, Sha256};

use super::{credits_headers, insert, task_answer};
use crate::auth::{Generate, Principal, Scoped};
use crate::body;
use crate::context::Context;
use crate::error::ApiError;
use crate::state::Gateway;
use crate::submit::{self, LEASE, Order, SEND_WITHIN};
use crate::webhooks;

/// The longest `Idempotency-Key`.
const MAX_KEY: usize = 255;

/// Submits a video.
pub async fn videos(
    gateway: Gateway,
    principal: Scoped<Generate>,
    context: Context,
    request: Request,
) -> Result<Response, ApiError> {
    generate(gateway, principal, context, MediaKind::Video, request).await
}

/// Submits an image.
pub async fn images(
    gateway: Gateway,
    principal: Scoped<Generate>,
    context: Context,
    request: Request,
) -> Result<Response, ApiError> {
    generate(gateway, principal, context, MediaKind::Image, request).await
}

/// Submits a sound.
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
    let idempotency_key = idempotency_key(&request)?;
    let body = body::read(request, gateway.config.submit.max_body).await?;
    let generation = validate(&gateway, kind, &body)?;
    let intent = Intent {
        id: gateway.new_task_id(),
        tenant: principal.tenant.clone(),
        author: principal.author(),
        spec: generation.spec(),
        estimate: generation.estimate,
        callback_url: generation.callback_url.clone(),
        idempotency_key,
        fingerprint: fingerprint(&principal, kind, &body),
        resend: None,
        send_within: SEND_WITHIN,
        lease: LEASE,
        deadline: millis(gateway.config.tasks.deadline),
    };
    let callback = gateway.callback_url(&intent);
    let body = Bytes::from(generation.upstream_body(callback.as_deref()));
    let answer = submit::submit(&gateway, Order { intent, body }, &context).await?;
    let mut response = task_answer(&answer.task);
    credits_headers(&mut response, &answer.task, answer.available);
    if answer.replay {
        insert(response.headers_mut(), "idempotency-replayed", "true");
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

/// The client's `Idempotency-Key`: 1 to 255 visible ASCII characters.
fn idempotency_key(request: &Request) -> Result<Option<String>, ApiError> {
    let mut values = request.headers().get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default().trim();
    let good = (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if !good || values.next().is_some() {
        let message = "Idempotency-Key must be one value of 1 to 255 visible ASCII characters";
        return Err(ApiError::invalid("Idempotency-Key", message));
    }
    Ok(Some(key.to_owned()))
}

/// What makes two requests the same: credential, route and body, byte for byte.
fn fingerprint(principal: &Principal, kind: MediaKind, body: &[u8]) -> String {
    use base64::Engine as _;
    let mut hash = Sha256::new();
    hash.update(principal.credential.to_string());
    hash.update([0]);
    hash.update(kind.as_str());
    hash.update([0]);
    hash.update(body);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash.finalize())
}
