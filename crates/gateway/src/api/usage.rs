//! `GET /v1/usage?from=&to=&group_by=&format=`: the tenant's own sums. A key that stands for a user sees the
//! tenant's too: budgets are shared.

use axum::response::Response;

use crate::admin::Cursor;
use crate::auth::{Read, Scoped};
use crate::error::ApiError;
use crate::state::Gateway;
use crate::usage;

/// Answers the report.
pub async fn get(
    gateway: Gateway,
    principal: Scoped<Read>,
    query: Cursor,
) -> Result<Response, ApiError> {
    usage::report(&gateway, Some(&principal.tenant), &query).await
}
