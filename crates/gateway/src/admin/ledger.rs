//! `GET /admin/v1/ledger/verify`: recomputes every tenant's account from its journal and compares.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use evogate_store::Violation;
use serde::Serialize;

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::state::Gateway;

#[derive(Serialize)]
struct Verified {
    tenants: u64,
    /// Empty is healthy.
    violations: Vec<Violation>,
    /// What EvoLink bills beyond what the tenants paid.
    platform_loss: Decimal,
}

/// Answers what was found.
pub async fn verify(gateway: Gateway, _: Viewer) -> Result<Response, ApiError> {
    let found = gateway.store.verify().await?;
    Ok(Json(Verified {
        tenants: found.tenants,
        violations: found.violations,
        platform_loss: Decimal(found.platform_loss),
    })
    .into_response())
}
