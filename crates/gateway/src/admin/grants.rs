//! `POST /admin/v1/tenants/{id}/grants {credits, note}`: gives credits, or takes some back.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use evogate_models::Credits;
use evogate_models::account::LedgerError;
use evogate_store::{Grant, TenantError};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::tenants::Shown;
use super::{By, TenantPath};
use crate::api::insert;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::headers::idempotency_key;
use crate::state::Gateway;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    /// A number, or a number in a string; read without going through a float.
    credits: Box<RawValue>,
    note: Option<String>,
}

/// Grants; the answer is the tenant with its credits from now on. With an `Idempotency-Key` the same
/// grant is granted once.
pub async fn create(
    gateway: Gateway,
    admin: Admin,
    by: By,
    TenantPath(tenant): TenantPath,
    request: Request,
) -> Result<Response, ApiError> {
    let idempotency_key = idempotency_key(&request)?;
    let body: Body = super::json(request).await?;
    let amount: Result<Credits, _> = body.credits.get().trim_matches('"').parse();
    let amount =
        amount.map_err(|error| ApiError::invalid("credits", format!("credits is {error}")))?;
    if amount.is_zero() {
        return Err(ApiError::invalid("credits", "credits must not be 0"));
    }
    let note = body
        .note
        .as_deref()
        .map(|note| super::text("note", note))
        .transpose()?;
    let grant = Grant {
        tenant: tenant.clone(),
        amount,
        note,
        idempotency_key,
    };
    let granted = match gateway.store.grant(grant, &by.actor(&admin)).await {
        Err(TenantError::Ledger(LedgerError::Impossible)) => {
            let view = gateway
                .store
                .tenant(&tenant)
                .await?
                .ok_or_else(ApiError::tenant_not_found)?;
            let message = format!(
                "credits takes back more than the {} available",
                view.account.available
            );
            return Err(ApiError::invalid("credits", message));
        }
        other => other?,
    };
    let mut response = Json(Shown::from(granted.view)).into_response();
    if granted.replay {
        insert(response.headers_mut(), "idempotency-replayed", "true");
    }
    Ok(response)
}
