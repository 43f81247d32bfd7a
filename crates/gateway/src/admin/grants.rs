//! `POST /admin/v1/tenants/{id}/grants {credits, note}`: gives credits, or takes some back.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use evogate_models::Credits;
use evogate_models::account::LedgerError;
use evogate_store::{Grant, TenantError};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, Schema};

use super::tenants::Shown;
use super::{By, TenantPath};
use crate::api::insert;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::headers::idempotency_key;
use crate::openapi::{answers, queries, refusals, schemas};
use crate::state::Gateway;

/// Credits to give.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewGrant, example = json!({"credits": 500, "note": "November"}))]
struct Body {
    /// A number, or a number in a string; read without going through a float.
    #[schema(schema_with = number_or_text)]
    credits: Box<RawValue>,
    /// Why, for the journal.
    #[schema(value_type = Option<schemas::ShortText>)]
    note: Option<String>,
}

fn number_or_text() -> Schema {
    let kinds = SchemaType::from_iter([Type::Number, Type::String]);
    ObjectBuilder::new()
        .schema_type(kinds)
        .pattern(Some(r"^-?[0-9]+(\.[0-9]{1,6})?$"))
        .description(Some(
            "Not 0; with at most six digits behind the point. A text is read as the number in it.",
        ))
        .into()
}

/// Gives the tenant credits, or takes some back.
///
/// A negative amount takes back what is available and never more. With an `Idempotency-Key` the same grant is
/// granted once.
#[utoipa::path(post, path = "/admin/v1/tenants/{id}/grants", tag = "Admin: tenants", params(queries::IdempotencyKey), request_body = Body, responses(
    answers::Granted, refusals::InvalidBody, refusals::TenantNotFound, refusals::TooLarge, refusals::KeyReused,
))]
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
