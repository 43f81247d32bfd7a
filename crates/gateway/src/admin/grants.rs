//! `POST /admin/v1/tenants/{id}/grants {credits, note}`: gives credits, or takes some back.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use evogate_models::Credits;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::TenantPath;
use super::tenants::Shown;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::state::Gateway;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    /// A number, or a number in a string; read without going through a float.
    credits: Box<RawValue>,
    note: Option<String>,
}

/// Grants; the answer is the tenant with its credits from now on.
pub async fn create(
    gateway: Gateway,
    admin: Admin,
    TenantPath(id): TenantPath,
    request: Request,
) -> Result<Response, ApiError> {
    let grant: Grant = super::json(request).await?;
    let written = grant.credits.get().trim_matches('"');
    let credits: Result<Credits, _> = written.parse();
    let credits =
        credits.map_err(|error| ApiError::invalid("credits", format!("credits is {error}")))?;
    if credits.is_zero() {
        return Err(ApiError::invalid("credits", "credits must not be 0"));
    }
    let note = grant
        .note
        .as_deref()
        .map(|note| super::text("note", note))
        .transpose()?;
    let view = gateway.store.grant(&id, credits, note).await?;
    tracing::info!(tenant = %id, admin = admin.name, %credits, "credits granted");
    Ok(Json(Shown::from(view)).into_response())
}
