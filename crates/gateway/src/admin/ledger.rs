//! `GET /admin/v1/ledger/verify`: recomputes every tenant's account from its journal and compares. And the
//! books as a whole: out of a store, and into an empty one.

pub mod export;
pub mod import;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use evogate_store::Violation;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::openapi::schemas;
use crate::state::Gateway;

/// What a check of the ledger found.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerVerified)]
struct Verified {
    tenants: u64,
    /// Empty is healthy.
    #[schema(value_type = Vec<schemas::Violation>)]
    violations: Vec<Violation>,
    /// What EvoLink bills beyond what the tenants paid.
    platform_loss: Decimal,
}

/// Recomputes every tenant's account from its journal and compares.
#[utoipa::path(get, path = "/admin/v1/ledger/verify", tag = "Admin: reports", responses(
    (status = 200, description = "What was found", body = Verified),
))]
pub async fn verify(gateway: Gateway, _: Viewer) -> Result<Response, ApiError> {
    let found = gateway.store.verify().await?;
    Ok(Json(Verified {
        tenants: found.tenants,
        violations: found.violations,
        platform_loss: Decimal(found.platform_loss),
    })
    .into_response())
}
