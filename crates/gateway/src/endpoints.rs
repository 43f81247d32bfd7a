//! A tenant's webhook endpoints, for the tenant and for admins alike: make, list, change, delete, a new
//! secret, a test, a replay. What they send is in `asked`, what they are shown in `shown`. A secret is shown
//! once, when it is made.

mod asked;
mod replay;
mod shown;

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use evogate_models::endpoint::{Endpoint, EndpointChange, MOST_ENDPOINTS, Rotation};
use evogate_models::event::Event;
use evogate_models::{EndpointId, EventId, Fault, TenantId};
use evogate_store::{Actor, TenantError};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::json;

use crate::admin::{self, Paged};
use crate::deliveries;
use crate::error::ApiError;
use crate::state::Gateway;
use crate::webhooks::SigningKey;

pub(crate) use asked::{EndpointPatch, NewEndpoint, SecretRotation};
use asked::{events, first, take, url};
pub use replay::replay;
pub(crate) use replay::{Replay, ReplayBegun};
pub(crate) use shown::{Shown, WithSecret};
use shown::{shown, with_secret};

/// The longest overlap of a rotation: 30 days, in seconds.
const MAX_OVERLAP: u32 = 30 * 24 * 3600;
/// The overlap where none is asked for: a day.
const OVERLAP: u32 = 24 * 3600;

/// Tenants whose endpoints are read at a time.
const AT_ONCE: usize = 16;

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

/// Lists the endpoints of every tenant, or of one: those that are enabled or are not, and those that
/// `paged.search` is found in.
pub async fn list_all(
    gateway: &Gateway,
    tenant: Option<TenantId>,
    enabled: Option<bool>,
    paged: &Paged,
) -> Result<Response, ApiError> {
    let tenants = if let Some(tenant) = tenant {
        vec![tenant]
    } else {
        let all = gateway.store.tenants().await?.into_iter();
        all.map(|view| view.tenant.id).collect()
    };
    let lists: Vec<Vec<Endpoint>> = futures::stream::iter(tenants)
        .map(|tenant| {
            let store = gateway.store.clone();
            async move { store.endpoints(&tenant).await }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let needle = paged.search.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&needle);
    let fits = |endpoint: &Endpoint| {
        let texts = [
            endpoint.tenant.as_str(),
            endpoint.id.as_str(),
            &endpoint.url,
        ];
        let mut texts = texts.into_iter().chain(endpoint.description.as_deref());
        enabled.is_none_or(|enabled| enabled == endpoint.disabled.is_none()) && texts.any(has)
    };
    let found: Vec<Endpoint> = lists.into_iter().flatten().filter(fits).collect();
    let now = gateway.store.now();
    Ok(paged.answer(found, |endpoint| shown(&endpoint, now)))
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
