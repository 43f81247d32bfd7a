//! Many deliveries to one endpoint sent again: those of a span of time.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use evogate_models::delivery::{Delivery, DeliveryState};
use evogate_models::event::Target;
use evogate_models::{EndpointId, TenantId};
use evogate_store::{Cursor, DeliveryFilter, TenantError};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::existing;
use crate::admin;
use crate::deliveries;
use crate::error::ApiError;
use crate::openapi::schemas;
use crate::state::Gateway;

/// The most deliveries that one replay sends again.
const MOST_REPLAYED: usize = 10_000;
/// Deliveries that are looked at, and sent again, at a time.
const PAGE: usize = 200;
const AT_ONCE: usize = 16;

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
