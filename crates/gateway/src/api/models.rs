//! `GET /v1/models`: the models that the tenant may use, with their limits and prices.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use evogate_models::catalogue::Model;
use serde_json::json;

use crate::auth::{Read, Scoped};
use crate::error::ApiError;
use crate::state::Gateway;

/// Lists the models.
pub async fn list(gateway: Gateway, _: Scoped<Read>) -> Result<Response, ApiError> {
    let data: Vec<_> = gateway
        .config
        .catalogue
        .models()
        .map(Model::describe)
        .collect();
    Ok(Json(json!({ "object": "list", "data": data })).into_response())
}
