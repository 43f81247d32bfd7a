//! `GET /admin/v1/tenants/{id}/journal?after=&limit=&format=&kind=&task=&from=&to=`: every change of the
//! tenant's account, in
//! order; as JSON, NDJSON or CSV. What has left comes first, as one row: the opening balance.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use evogate_models::journal::{Entry, Opening, Posting};
use evogate_models::{Credits, TaskId, TenantId, Timestamp};
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
use crate::usage;

/// What an entry can be.
const KINDS: [&str; 5] = ["granted", "held", "moved", "settled", "released"];
/// The most times that the store is looked into for one page, where a filter lets little pass.
const LOOKS: usize = 20;

const fn kind(posting: &Posting) -> &'static str {
    match posting {
        Posting::Granted { .. } => "granted",
        Posting::Held { .. } => "held",
        Posting::Moved { .. } => "moved",
        Posting::Settled { .. } => "settled",
        Posting::Released { .. } => "released",
    }
}

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
        let (available, held, spent) = match entry.posting {
            Posting::Granted { amount } => (amount, zero, zero),
            Posting::Held { amount } => (less(zero, amount), amount, zero),
            Posting::Moved { from, to } => (less(from, to), less(to, from), zero),
            Posting::Settled { charged, released } => {
                let hold = charged.checked_add(released).unwrap_or_default();
                (released, less(zero, hold), charged)
            }
            Posting::Released { amount } => (amount, less(zero, amount), zero),
        };
        Self {
            seq: entry.seq,
            at: super::time(entry.at),
            kind: kind(&entry.posting),
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

/// Which entries are shown.
#[derive(Debug, Default, PartialEq)]
struct Filter {
    kind: Option<String>,
    task: Option<TaskId>,
    /// Not before this.
    from: Option<Timestamp>,
    /// Before this.
    until: Option<Timestamp>,
}

impl Filter {
    fn read(cursor: &Cursor) -> Result<Self, ApiError> {
        let day = |name: &str| {
            let day = cursor.text(name).map(usage::parse);
            let message = format!("{name} must be a date such as 2026-11-23");
            day.map(|day| day.ok_or_else(|| ApiError::invalid(name, message)))
                .transpose()
        };
        let start = |day: u32| Timestamp::from_seconds(i64::from(day).saturating_mul(86_400));
        let kind = cursor.text("kind").map(str::to_owned);
        if kind.as_deref().is_some_and(|kind| !KINDS.contains(&kind)) {
            let message = format!("kind must be one of: {}", KINDS.join(", "));
            return Err(ApiError::invalid("kind", message));
        }
        let task = cursor.text("task").map(str::parse).transpose();
        Ok(Self {
            kind,
            task: task.map_err(|_| ApiError::invalid("task", "task must be a task's id"))?,
            from: day("from")?.map(start),
            until: day("to")?.map(|day| start(day.saturating_add(1))),
        })
    }

    fn lets_pass(&self, entry: &Entry) -> bool {
        let kind = kind(&entry.posting);
        self.kind.as_deref().is_none_or(|wanted| wanted == kind)
            && (self.task.is_none() || self.task == entry.task)
            && self.from.is_none_or(|from| from <= entry.at)
            && self.until.is_none_or(|until| entry.at < until)
    }
}

/// Up to `limit` entries after `after`, and the `after` of the next page, if there may be one.
async fn page(
    gateway: &Gateway,
    tenant: &TenantId,
    mut after: u64,
    limit: usize,
    filter: &Filter,
) -> Result<(Vec<Entry>, Option<u64>), ApiError> {
    let mut found = Vec::new();
    for _ in 0..LOOKS {
        let entries = gateway.store.journal(tenant, after, limit).await?;
        let more = entries.len() == limit;
        for entry in entries {
            after = entry.seq;
            if filter.lets_pass(&entry) {
                found.push(entry);
            }
            if found.len() == limit {
                return Ok((found, Some(after)));
            }
        }
        if !more {
            return Ok((found, None));
        }
    }
    Ok((found, Some(after)))
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
    let filter = Filter::read(&cursor)?;
    let (entries, next) = page(&gateway, &tenant, after, limit, &filter).await?;
    // Read after them: what left in between is in it, and not shown twice.
    let opening = gateway.store.opening(&tenant).await?;
    let opening = opening.filter(|opening| after < opening.seq);
    let left = opening.as_ref().map_or(0, |opening| opening.seq);
    // It stands for entries of every kind.
    let opening = opening.filter(|_| filter == Filter::default());
    let rows = entries.iter().filter(|entry| entry.seq > left);
    let rows = rows.map(Shown::from);
    let shown = opening.iter().map(Shown::from).chain(rows);
    match cursor.text("format").unwrap_or("json") {
        "json" => {
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
