//! `GET /v1/usage?from=&to=&group_by=&format=`: the tenant's own sums. A key that stands for a user sees the
//! tenant's too: budgets are shared.

use axum::response::Response;

use crate::admin::Cursor;
use crate::auth::{Scoped, Usage};
use crate::error::ApiError;
use crate::openapi::{queries, refusals, schemas};
use crate::state::Gateway;
use crate::usage;

/// Sums up the tenant's own usage.
///
/// A key that stands for a user sees the tenant's too: budgets are shared.
#[utoipa::path(get, path = "/v1/usage", tag = "Account", params(queries::Usage), responses(
    (status = 200, description = "The sums", content((schemas::Usage), (String = "text/csv"))),
    refusals::InvalidQuery,
))]
pub async fn get(
    gateway: Gateway,
    principal: Scoped<Usage>,
    query: Cursor,
) -> Result<Response, ApiError> {
    usage::report(&gateway, Some(&principal.tenant), &query).await
}
