//! `GET /admin/v1/tenants/{id}/journal?after=&limit=&format=`: every change of the tenant's account, in
//! order; as JSON, NDJSON or CSV. What has left comes first, as one row: the opening balance.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use evogate_models::journal::{Entry, Opening, Posting};
use evogate_models::{Credits, TaskId};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Cursor, TenantPath};
use crate::auth::Viewer;
use crate::csv;
use crate::error::ApiError;
use crate::openapi::schemas::PageByNumber;
use crate::openapi::{queries, refusals};
use crate::state::Gateway;

/// An entry as people read it.
#[derive(Serialize, ToSchema)]
#[schema(as = JournalEntry)]
struct Shown<'a> {
    seq: u64,
    at: String,
    /// `granted`, `held`, `moved`, `settled`, `released` or, for what has left, `opening`
    kind: &'static str,
    /// Change of what is available.
    available: Decimal,
    /// Change of what is held.
    held: Decimal,
    /// Change of what is spent.
    spent: Decimal,
    #[schema(required = true)]
    task: Option<&'a str>,
    #[schema(required = true)]
    note: Option<&'a str>,
    #[schema(required = true)]
    by: Option<&'a str>,
    /// The open holds of an opening balance, task by task.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = BTreeMap<String, Decimal>, required = false)]
    holds: Option<BTreeMap<&'a str, Decimal>>,
}

impl<'a> From<&'a Opening> for Shown<'a> {
    fn from(opening: &'a Opening) -> Self {
        let holds = opening.holds.iter();
        Self {
            seq: opening.seq,
            at: super::time(opening.at),
            kind: "opening",
            available: Decimal(opening.account.available),
            held: Decimal(opening.account.held),
            spent: Decimal(opening.account.spent),
            task: None,
            note: None,
            by: None,
            holds: Some(
                holds
                    .map(|(task, amount)| (task.as_str(), Decimal(*amount)))
                    .collect(),
            ),
        }
    }
}

impl<'a> From<&'a Entry> for Shown<'a> {
    fn from(entry: &'a Entry) -> Self {
        let less = |a: Credits, b: Credits| a.checked_sub(b).unwrap_or_default();
        let zero = Credits::ZERO;
        let (kind, available, held, spent) = match entry.posting {
            Posting::Granted { amount } => ("granted", amount, zero, zero),
            Posting::Held { amount } => ("held", less(zero, amount), amount, zero),
            Posting::Moved { from, to } => ("moved", less(from, to), less(to, from), zero),
            Posting::Settled { charged, released } => {
                let hold = charged.checked_add(released).unwrap_or_default();
                ("settled", released, less(zero, hold), charged)
            }
            Posting::Released { amount } => ("released", amount, less(zero, amount), zero),
        };
        Self {
            seq: entry.seq,
            at: super::time(entry.at),
            kind,
            available: Decimal(available),
            held: Decimal(held),
            spent: Decimal(spent),
            task: entry.task.as_ref().map(TaskId::as_str),
            note: entry.note.as_deref(),
            by: entry.by.as_deref(),
            holds: None,
        }
    }
}

/// Lists every change of the tenant's account, in order.
///
/// `next` of the JSON is the `after` of the next page; in the other formats it is the last `seq`.
#[utoipa::path(get, path = "/admin/v1/tenants/{id}/journal", tag = "Admin: reports", params(queries::Journal, queries::Limit), responses(
    (status = 200, description = "Entries, in order", content(
        (PageByNumber<Shown<'static>>), (String = "application/x-ndjson"), (String = "text/csv"),
    )),
    refusals::InvalidQuery, refusals::TenantNotFound,
))]
pub async fn list(
    gateway: Gateway,
    _: Viewer,
    TenantPath(tenant): TenantPath,
    cursor: Cursor,
) -> Result<Response, ApiError> {
    gateway
        .store
        .tenant(&tenant)
        .await?
        .ok_or_else(ApiError::tenant_not_found)?;
    let limit = cursor.limit()?;
    let after = cursor.number("after")?.unwrap_or(0);
    let entries = gateway.store.journal(&tenant, after, limit).await?;
    // Read after them: what left in between is in it, and not shown twice.
    let opening = gateway.store.opening(&tenant).await?;
    let opening = opening.filter(|opening| after < opening.seq);
    let left = opening.as_ref().map_or(0, |opening| opening.seq);
    let rows = entries.iter().filter(|entry| entry.seq > left);
    let rows = rows.map(Shown::from);
    let shown = opening.iter().map(Shown::from).chain(rows);
    match cursor.text("format").unwrap_or("json") {
        "json" => {
            let next = entries
                .last()
                .map(|entry| entry.seq)
                .filter(|_| entries.len() == limit);
            let data: Vec<Shown<'_>> = shown.collect();
            Ok(Json(json!({ "object": "list", "data": data, "next": next })).into_response())
        }
        "ndjson" => {
            let lines = shown.filter_map(|entry| serde_json::to_string(&entry).ok());
            let text = lines.fold(String::new(), |mut text, line| {
                let _ = writeln!(text, "{line}");
                text
            });
            Ok(([(CONTENT_TYPE, "application/x-ndjson")], text).into_response())
        }
        "csv" => {
            let head = [
                "seq",
                "at",
                "kind",
                "available",
                "held",
                "spent",
                "task",
                "note",
                "by",
            ];
            let rows = shown.map(|entry| {
                let optional = |text: Option<&str>| text.unwrap_or_default().to_owned();
                let amount = |amount: Decimal| amount.0.to_decimal();
                vec![
                    entry.seq.to_string(),
                    entry.at,
                    entry.kind.to_owned(),
                    amount(entry.available),
                    amount(entry.held),
                    amount(entry.spent),
                    optional(entry.task),
                    optional(entry.note),
                    optional(entry.by),
                ]
            });
            Ok(csv::answer(&head, rows))
        }
        _ => Err(ApiError::invalid(
            "format",
            "format must be one of: json, ndjson, csv",
        )),
    }
}
