//! `GET /admin/v1/audit?before=&limit=`: who changed what, newest first.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::Cursor;
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::openapi::schemas::{AuditEntry, PageByNumber};
use crate::openapi::{queries, refusals};
use crate::state::Gateway;

/// Lists who changed what, newest first.
#[utoipa::path(get, path = "/admin/v1/audit", tag = "Admin: admins", params(queries::Before, queries::Limit), responses(
    (status = 200, description = "A page; `next` is the `before` of the next one", body = PageByNumber<AuditEntry>),
    refusals::InvalidQuery,
))]
pub async fn list(gateway: Gateway, _: Viewer, cursor: Cursor) -> Result<Response, ApiError> {
    let limit = cursor.limit()?;
    let before = cursor.number("before")?;
    let entries = gateway.store.audit(before, limit).await?;
    let more = entries.len() == limit;
    let next = entries.last().map(|entry| entry.seq).filter(|_| more);
    let shown: Result<Vec<_>, _> = entries
        .iter()
        .map(|entry| super::with_time(entry, entry.at))
        .collect();
    let data = shown.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(json!({ "object": "list", "data": data, "next": next })).into_response())
}
