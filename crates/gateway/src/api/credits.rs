//! `GET /v1/credits`: the tenant's own credits, in the shape of EvoLink's account.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::amount;
use crate::auth::{Read, Scoped};
use crate::error::ApiError;
use crate::state::Gateway;

/// The tenant's credits.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountCredits)]
struct Credits {
    success: bool,
    message: &'static str,
    data: Data,
}

/// The same numbers twice, as EvoLink has them.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountCreditsData)]
struct Data {
    token: Token,
    user: User,
}

/// The tenant's.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountCreditsToken)]
#[expect(clippy::struct_field_names, reason = "EvoLink's names")]
struct Token {
    remaining_credits: Decimal,
    used_credits: Decimal,
    unlimited_credits: bool,
}

/// The tenant's, with what is held.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountCreditsUser)]
#[expect(clippy::struct_field_names, reason = "EvoLink's names")]
struct User {
    remaining_credits: Decimal,
    used_credits: Decimal,
    /// What unfinished tasks hold: neither remaining nor used. Ours; EvoLink has no such field.
    held_credits: Decimal,
}

/// Tells the tenant's credits, in the shape of EvoLink's account.
#[utoipa::path(get, path = "/v1/credits", tag = "Account", responses(
    (status = 200, description = "What remains, and what was used", body = Credits),
))]
pub async fn get(gateway: Gateway, principal: Scoped<Read>) -> Result<Response, ApiError> {
    let view = gateway.store.tenant(&principal.tenant).await?;
    let view = view.ok_or_else(ApiError::unauthorized)?;
    let (remaining, used) = (amount(view.account.available), amount(view.account.spent));
    Ok(Json(Credits {
        success: true,
        message: "",
        data: Data {
            token: Token {
                remaining_credits: remaining,
                used_credits: used,
                unlimited_credits: view.tenant.quota.unlimited,
            },
            user: User {
                remaining_credits: remaining,
                used_credits: used,
                held_credits: amount(view.account.held),
            },
        },
    })
    .into_response())
}
