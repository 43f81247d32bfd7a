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
    let limit = cursor.limit();
    let before = cursor.number("before")?;
    let entries = gateway.store.audit(before, limit).await?;
    let more = entries.len() == limit;
    let next = entries.last().map(|entry| entry.seq).filter(|_| more);
    Ok(Json(json!({ "object": "list", "data": entries, "next": next })).into_response())
}
