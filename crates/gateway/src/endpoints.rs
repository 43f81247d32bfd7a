//! A tenant's webhook endpoints, for the tenant and for admins alike: make, list, change, delete, a new
//! secret, a test, a replay. A secret is shown once, when it is made.

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use evogate_models::delivery::{Delivery, DeliveryState};
use evogate_models::endpoint::{Endpoint, EndpointChange, MOST_ENDPOINTS, Rotation};
use evogate_models::event::{Event, EventKind, Target};
use evogate_models::{EndpointId, EventId, Fault, TenantId, Timestamp};
use evogate_store::{Actor, Cursor, DeliveryFilter, TenantError};
use futures::StreamExt as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::admin;
use crate::deliveries;
use crate::error::ApiError;
use crate::openapi::schemas;
use crate::state::Gateway;
use crate::webhooks::SigningKey;

/// The longest overlap of a rotation: 30 days, in seconds.
const MAX_OVERLAP: u32 = 30 * 24 * 3600;
/// The overlap where none is asked for: a day.
const OVERLAP: u32 = 24 * 3600;
/// The most deliveries that one replay sends again.
const MOST_REPLAYED: usize = 10_000;
/// Deliveries that are looked at, and sent again, at a time.
const PAGE: usize = 200;
const AT_ONCE: usize = 16;

/// An endpoint to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://hooks.example.com/evogate", "events": ["task.completed", "task.failed"]}))]
pub(crate) struct NewEndpoint {
    /// Where its events are sent: https, unless ops opened the host otherwise.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 2048)]
    url: Option<String>,
    /// The kinds of events that it gets; all of them where none is named.
    #[schema(value_type = Option<Vec<schemas::EventName>>)]
    events: Option<Vec<String>>,
    /// For people.
    #[schema(value_type = Option<schemas::ShortText>)]
    description: Option<String>,
}

/// A change of an endpoint; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointPatch {
    /// What waits for it goes to the new address.
    #[schema(min_length = 1, max_length = 2048)]
    url: Option<String>,
    /// The kinds of events that it gets; all of them where none is named.
    #[schema(value_type = Option<Vec<schemas::EventName>>)]
    events: Option<Vec<String>>,
    /// For people; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<schemas::ShortText>)]
    #[expect(
        clippy::option_option,
        reason = "an absent field and a null are different things"
    )]
    description: Option<Option<String>>,
    /// A disabled endpoint is told of nothing new; what waits for it waits until it is enabled.
    enabled: Option<bool>,
}

/// A field that is there, `null` included.
#[expect(
    clippy::option_option,
    reason = "an absent field and a null are different things"
)]
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// A new secret that signs webhooks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretRotation {
    /// Seconds for which the old secret still signs beside the new one, up to 30 days.
    #[schema(maximum = 2_592_000, default = 86_400)]
    overlap: Option<u32>,
}

/// What is sent again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replay {
    /// Only of events from this time on: Unix seconds or RFC 3339.
    #[schema(value_type = Option<schemas::Time>)]
    from: Option<Value>,
    /// Only of events before this time.
    #[schema(value_type = Option<schemas::Time>)]
    to: Option<Value>,
    /// `dead`, `delivered` or `all` (both); `dead` unless given. What is pending comes anyway.
    #[schema(example = "dead", pattern = "^(dead|delivered|pending|all)$")]
    state: Option<String>,
}

/// A replay, begun.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookReplay)]
pub(crate) struct ReplayBegun<'a> {
    /// `webhook.replay`
    object: &'static str,
    #[schema(value_type = String)]
    endpoint: &'a EndpointId,
    /// How many deliveries are sent again.
    replayed: usize,
    /// Is there more in that span than one replay takes? Ask for the rest by a later `from` or an earlier
    /// `to`.
    more: bool,
}

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

fn shown(endpoint: &Endpoint, now: Timestamp) -> Shown {
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

fn with_secret(
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

fn url(gateway: &Gateway, url: &str) -> Result<String, Fault> {
    match gateway.targets.judge_url(url) {
        Ok(_) => Ok(url.to_owned()),
        Err(refused) => Err(Fault::parameter("url", format!("Invalid url: {refused}"))),
    }
}

fn events(names: &[String]) -> Result<Vec<EventKind>, Fault> {
    let mut events = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let param = format!("events[{at}]");
        let unknown = evogate_models::event::UnknownEvent;
        let kind = name.parse::<EventKind>();
        match kind.ok().filter(|kind| kind.is_subscribable()) {
            Some(kind) if events.contains(&kind) => {}
            Some(kind) => events.push(kind),
            None => {
                return Err(Fault::parameter(
                    param.clone(),
                    format!("{param} {unknown}"),
                ));
            }
        }
    }
    Ok(events)
}

fn first(faults: Vec<Fault>) -> Result<(), ApiError> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(ApiError::faults(faults))
    }
}

/// Takes what is good, and notes what is not.
fn take<T>(result: Option<Result<T, Fault>>, faults: &mut Vec<Fault>) -> Option<T> {
    match result? {
        Ok(value) => Some(value),
        Err(fault) => {
            faults.push(fault);
            None
        }
    }
}

/// Makes an endpoint.
pub async fn create(
    gateway: &Gateway,
    tenant: TenantId,
    by: &Actor,
    request: Request,
) -> Result<Response, ApiError> {
    let new: NewEndpoint = admin::json(request).await?;
    let mut faults = Vec::new();
    let address = match &new.url {
        Some(address) => Some(url(gateway, address)),
        None => Some(Err(Fault::parameter("url", "url is required"))),
    };
    let address = take(address, &mut faults);
    let kinds = take(new.events.as_deref().map(events), &mut faults);
    first(faults)?;
    let describe = |text: &str| admin::text("description", text);
    let description = new.description.as_deref().map(describe).transpose()?;
    let (secret, key) = made(gateway.vault.make(&tenant))?;
    let endpoint = Endpoint {
        id: EndpointId::mint(gateway.random.bits()),
        tenant,
        url: address.unwrap_or_default(),
        events: kinds.unwrap_or_default(),
        description,
        created: gateway.store.now(),
        secrets: vec![secret],
        disabled: None,
    };
    let created = gateway.store.create_endpoint(endpoint.clone(), by).await;
    created.map_err(|error| match error {
        TenantError::TooMany => {
            ApiError::too_many(format!("There are {MOST_ENDPOINTS} endpoints already"))
        }
        other => other.into(),
    })?;
    Ok(with_secret(gateway, &endpoint, &key, StatusCode::CREATED))
}

fn made<T>(made: Result<T, crate::webhooks::VaultError>) -> Result<T, ApiError> {
    made.map_err(|error| ApiError::internal(&error))
}

/// Lists the tenant's endpoints.
pub async fn list(gateway: &Gateway, tenant: &TenantId) -> Result<Response, ApiError> {
    let now = gateway.store.now();
    let endpoints = gateway.store.endpoints(tenant).await?;
    let data: Vec<_> = endpoints
        .iter()
        .map(|endpoint| shown(endpoint, now))
        .collect();
    Ok(Json(json!({ "object": "list", "total": data.len(), "data": data })).into_response())
}

async fn existing(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &EndpointId,
) -> Result<Endpoint, ApiError> {
    let endpoint = gateway.store.endpoint(tenant, id).await?;
    endpoint.ok_or_else(ApiError::endpoint_not_found)
}

/// Shows an endpoint.
pub async fn get(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &EndpointId,
) -> Result<Response, ApiError> {
    let endpoint = existing(gateway, tenant, id).await?;
    Ok(Json(shown(&endpoint, gateway.store.now())).into_response())
}

/// Changes an endpoint.
pub async fn change(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &EndpointId,
    by: &Actor,
    request: Request,
) -> Result<Response, ApiError> {
    let change: EndpointPatch = admin::json_or_nothing(request).await?;
    let mut faults = Vec::new();
    let address = change.url.as_deref().map(|address| url(gateway, address));
    let address = take(address, &mut faults);
    let kinds = take(change.events.as_deref().map(events), &mut faults);
    first(faults)?;
    let description = match change.description {
        Some(Some(text)) => Some(Some(admin::text("description", &text)?)),
        other => other,
    };
    let why = || format!("disabled by {}", by.who);
    let change = EndpointChange {
        url: address,
        events: kinds,
        description,
        disabled: change.enabled.map(|enabled| (!enabled).then(why)),
        rotation: None,
    };
    let store = &gateway.store;
    let endpoint = store.change_endpoint(tenant, id, change, by).await?;
    Ok(Json(shown(&endpoint, store.now())).into_response())
}

/// Deletes an endpoint. What waits for it is given up.
pub async fn delete(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &EndpointId,
    by: &Actor,
) -> Result<Response, ApiError> {
    gateway.store.delete_endpoint(tenant, id, by).await?;
    let body = json!({ "object": "webhook.endpoint", "id": id, "deleted": true });
    Ok(Json(body).into_response())
}

/// The rotation that a request asks for, and the new secret.
pub(crate) async fn rotation(
    gateway: &Gateway,
    tenant: &TenantId,
    request: Request,
) -> Result<(Rotation, SigningKey), ApiError> {
    let SecretRotation { overlap } = admin::json_or_nothing(request).await?;
    let overlap = overlap.unwrap_or(OVERLAP);
    if overlap > MAX_OVERLAP {
        let message = format!("overlap must be between 0 and {MAX_OVERLAP} seconds");
        return Err(ApiError::invalid("overlap", message));
    }
    let (secret, key) = made(gateway.vault.make(tenant))?;
    let overlap = i64::from(overlap).saturating_mul(1000);
    let until = gateway.store.now().plus(overlap);
    Ok((Rotation { secret, until }, key))
}

/// Gives an endpoint a new secret; the old one signs beside it for a while.
pub async fn rotate_secret(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &EndpointId,
    by: &Actor,
    request: Request,
) -> Result<Response, ApiError> {
    let (rotation, key) = rotation(gateway, tenant, request).await?;
    let change = EndpointChange {
        rotation: Some(rotation),
        ..EndpointChange::default()
    };
    let endpoint = gateway
        .store
        .change_endpoint(tenant, id, change, by)
        .await?;
    Ok(with_secret(gateway, &endpoint, &key, StatusCode::OK))
}

/// Sends a test to an endpoint; the delivery says what comes of it.
pub async fn test(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &EndpointId,
) -> Result<Response, ApiError> {
    let event = EventId::mint_test(gateway.random.bits());
    let event = Event::test(event, tenant, id, gateway.store.now());
    let delivery = gateway.store.test_endpoint(id, event).await?;
    let body = deliveries::shown(&delivery, true);
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

/// Sends deliveries to an endpoint again: the dead ones of a span of time, or all.
pub async fn replay(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &EndpointId,
    request: Request,
) -> Result<Response, ApiError> {
    let replay: Replay = admin::json_or_nothing(request).await?;
    let state = match replay.state.as_deref().unwrap_or("dead") {
        "all" => None,
        name => Some(deliveries::state(name, "dead, delivered, pending, all")?),
    };
    let at = |param: &str, value: &Option<Value>| {
        let text = value.as_ref().map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        text.map(|text| deliveries::time(param, &text)).transpose()
    };
    let filter = DeliveryFilter {
        target: Some(Target::Endpoint(id.clone())),
        state,
        from: at("from", &replay.from)?,
        to: at("to", &replay.to)?,
        ..DeliveryFilter::default()
    };
    let endpoint = existing(gateway, tenant, id).await?;
    if endpoint.disabled.is_some() {
        return Err(ApiError::endpoint_disabled());
    }
    let (mut replayed, mut looked_at, mut after) = (0_usize, 0_usize, None);
    while looked_at < MOST_REPLAYED {
        let listed = gateway
            .store
            .list_deliveries(Some(tenant), filter.clone(), after, PAGE);
        let page = listed.await?;
        let Some(last) = page.last() else { break };
        after = Some(Cursor::of(last));
        looked_at = looked_at.saturating_add(page.len());
        replayed = replayed.saturating_add(again(gateway, tenant, page).await?);
    }
    let more = looked_at >= MOST_REPLAYED;
    let body = ReplayBegun {
        object: "webhook.replay",
        endpoint: id,
        replayed,
        more,
    };
    Ok(Json(body).into_response())
}

/// Sends these again, those that wait to be sent anyway left alone. Answers how many.
async fn again(
    gateway: &Gateway,
    tenant: &TenantId,
    page: Vec<Delivery>,
) -> Result<usize, ApiError> {
    let waits = |delivery: &Delivery| delivery.state == DeliveryState::Pending;
    let ids = page.into_iter().filter(|delivery| !waits(delivery));
    let ids: Vec<_> = ids.map(|delivery| delivery.id()).collect();
    let results: Vec<_> = futures::stream::iter(ids)
        .map(|id| {
            let (store, tenant) = (gateway.store.clone(), tenant.clone());
            async move { store.redeliver(&tenant, &id).await }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut count = 0_usize;
    for result in results {
        match result {
            Ok(_) => count = count.saturating_add(1),
            // It has left the store meanwhile.
            Err(TenantError::NoDelivery) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(count)
}
