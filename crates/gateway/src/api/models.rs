//! `GET /v1/models`: the models that the tenant may use, with their limits and prices.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use evogate_models::catalogue::{Model, ModelDescription};
use serde_json::json;

use crate::auth::{Read, Scoped};
use crate::error::ApiError;
use crate::openapi::schemas::Found;
use crate::state::Gateway;

/// Lists the models that the tenant may use, with their limits and prices.
#[utoipa::path(get, path = "/v1/models", tag = "Account", responses(
    (status = 200, description = "The models", body = Found<ModelDescription<'static>>),
))]
pub async fn list(gateway: Gateway, principal: Scoped<Read>) -> Result<Response, ApiError> {
    let tenant = gateway
        .auth
        .policy(&gateway.store, &principal.tenant)
        .await?;
    let tenant = tenant.ok_or_else(ApiError::unauthorized)?;
    let models = gateway.config.catalogue.models();
    let allowed = models.filter(|model| tenant.quota.allows_model(model.name()));
    let data: Vec<_> = allowed.map(Model::describe).collect();
    Ok(Json(json!({ "object": "list", "data": data })).into_response())
}
