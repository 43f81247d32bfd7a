//! Endpoints as people read them: never with a secret, but for the one time when it is made.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use evogate_models::endpoint::Endpoint;
use evogate_models::event::EventKind;
use evogate_models::{EndpointId, TenantId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::schemas;
use crate::state::Gateway;
use crate::webhooks::SigningKey;

/// An endpoint, without its secret. Times are Unix seconds.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpoint)]
pub(crate) struct Shown {
    /// `webhook.endpoint`
    object: &'static str,
    #[schema(value_type = String)]
    id: EndpointId,
    #[schema(value_type = String)]
    tenant: TenantId,
    url: String,
    /// Empty: all kinds.
    #[schema(value_type = Vec<schemas::EventName>)]
    events: Vec<EventKind>,
    #[schema(required = true)]
    description: Option<String>,
    created: i64,
    enabled: bool,
    /// Since when it is disabled, and why.
    #[schema(required = true)]
    disabled: Option<ShownDisabled>,
    /// The secrets that sign: one, or during a rotation's overlap more.
    secrets: Vec<ShownSecret>,
}

/// Since when an endpoint is disabled, and why.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpointDisabled)]
struct ShownDisabled {
    at: i64,
    reason: String,
}

/// Until when a secret signs.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpointSecret)]
struct ShownSecret {
    /// Null: the current one.
    #[schema(required = true)]
    until: Option<i64>,
}

/// An endpoint with its new secret, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpointWithSecret)]
pub(crate) struct WithSecret {
    #[serde(flatten)]
    shown: Shown,
    /// The secret itself: `whsec_…`.
    secret: String,
}

pub(super) fn shown(endpoint: &Endpoint, now: Timestamp) -> Shown {
    let current = endpoint
        .secrets
        .iter()
        .filter(|secret| secret.is_current(now));
    Shown {
        object: "webhook.endpoint",
        id: endpoint.id.clone(),
        tenant: endpoint.tenant.clone(),
        url: endpoint.url.clone(),
        events: endpoint.events.clone(),
        description: endpoint.description.clone(),
        created: endpoint.created.seconds(),
        enabled: endpoint.disabled.is_none(),
        disabled: endpoint.disabled.as_ref().map(|disabled| ShownDisabled {
            at: disabled.at.seconds(),
            reason: disabled.why.clone(),
        }),
        secrets: current
            .map(|secret| ShownSecret {
                until: secret.until.map(Timestamp::seconds),
            })
            .collect(),
    }
}

pub(super) fn with_secret(
    gateway: &Gateway,
    endpoint: &Endpoint,
    key: &SigningKey,
    status: StatusCode,
) -> Response {
    let body = WithSecret {
        shown: shown(endpoint, gateway.store.now()),
        secret: key.shown().expose().to_owned(),
    };
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
