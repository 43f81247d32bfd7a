//! `GET /admin/v1/audit?before=&limit=`: who changed what, newest first.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::Cursor;
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::state::Gateway;

/// Lists the audit trail; `next` is the `before` of the next page.
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
