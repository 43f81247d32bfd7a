//! Usage reports: sums by any of day, tenant, user, key and model; as JSON or CSV. For admins and, of
//! their own tenant, for tenants.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use evogate_models::{Fault, TenantId};
use evogate_store::usage::{Day, Sums, UsageRow, day};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::admin::Cursor;
use crate::csv;
use crate::error::ApiError;
use crate::state::Gateway;

/// What sums can be grouped by.
pub(crate) const GROUPS: [&str; 5] = ["day", "tenant", "user", "key", "model"];
/// The days shown where no beginning is asked for.
const DAYS: Day = 30;

/// The report that the query asks for.
pub async fn report(
    gateway: &Gateway,
    tenant: Option<&TenantId>,
    query: &Cursor,
) -> Result<Response, ApiError> {
    let today = day(gateway.store.now());
    let mut faults = Vec::new();
    let mut date = |name: &str, otherwise: Day| match query.text(name).map(parse) {
        None => otherwise,
        Some(Some(day)) => day,
        Some(None) => {
            let message = format!("{name} must be a date such as 2026-11-23");
            faults.push(Fault::parameter(name, message));
            otherwise
        }
    };
    let to = date("to", today);
    let from = date("from", to.saturating_sub(DAYS.saturating_sub(1)));
    let groups: Vec<&str> = query.text("group_by").unwrap_or("day").split(',').collect();
    if !groups.iter().all(|group| GROUPS.contains(group)) {
        let message = format!("group_by must be some of: {}", GROUPS.join(","));
        faults.push(Fault::parameter("group_by", message));
    }
    let format = query.text("format").unwrap_or("json");
    if !matches!(format, "json" | "csv") {
        faults.push(Fault::parameter(
            "format",
            "format must be one of: json, csv",
        ));
    }
    if from > to && faults.is_empty() {
        faults.push(Fault::parameter("from", "from must not be after to"));
    }
    if !faults.is_empty() {
        return Err(ApiError::faults(faults));
    }
    let rows = gateway.store.usage(tenant, from, to).await?;
    let mut sums: BTreeMap<Vec<String>, Sums> = BTreeMap::new();
    for row in &rows {
        let name = groups.iter().map(|group| field(row, group)).collect();
        let sum = sums.entry(name).or_default();
        *sum = sum.plus(row.sums);
    }
    if format == "csv" {
        let mut head = groups;
        head.extend([
            "submitted",
            "completed",
            "failed",
            "cancelled",
            "credits_charged",
        ]);
        let rows = sums.into_iter().map(|(mut row, sums)| {
            let counts = [sums.submitted, sums.completed, sums.failed, sums.cancelled];
            row.extend(counts.map(|count| count.to_string()));
            row.push(sums.charged.to_decimal());
            row
        });
        return Ok(csv::answer(&head, rows));
    }
    let rows: Vec<Value> = sums
        .into_iter()
        .map(|(name, sums)| {
            let mut fields: Map<String, Value> = groups
                .iter()
                .map(|group| (*group).to_owned())
                .zip(name.into_iter().map(Value::from))
                .collect();
            fields.extend([
                ("submitted".to_owned(), json!(sums.submitted)),
                ("completed".to_owned(), json!(sums.completed)),
                ("failed".to_owned(), json!(sums.failed)),
                ("cancelled".to_owned(), json!(sums.cancelled)),
                ("credits_charged".to_owned(), json!(Decimal(sums.charged))),
            ]);
            Value::Object(fields)
        })
        .collect();
    let body = json!({ "object": "usage", "from": show(from), "to": show(to), "data": rows });
    Ok(Json(body).into_response())
}

fn field(row: &UsageRow, group: &str) -> String {
    match group {
        "day" => show(row.day),
        "tenant" => row.tenant.to_string(),
        "user" => row.user.clone().unwrap_or_default(),
        "key" => row.key.clone().unwrap_or_default(),
        _ => row.model.clone(),
    }
}

/// Reads a date such as `2026-11-23`. One before the epoch is the first day that there is.
pub(crate) fn parse(text: &str) -> Option<Day> {
    let date: Date = text.parse().ok()?;
    let days = date.since(epoch()).ok()?.get_days();
    Day::try_from(days.max(0)).ok()
}

fn show(day: Day) -> String {
    let span = jiff::Span::new().try_days(i64::from(day)).ok();
    span.and_then(|span| epoch().checked_add(span).ok())
        .map_or_else(String::new, |d| d.to_string())
}

/// 1970-01-01
const fn epoch() -> Date {
    Date::constant(1970, 1, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_shown_as_the_date_that_it_is_read_from() {
        for date in ["1970-01-01", "2026-11-23", "2028-02-29"] {
            assert_eq!(show(parse(date).unwrap()), date);
        }
        assert_eq!(parse("2026-11-31"), None);
        assert_eq!(parse("1969-12-31"), Some(0), "the first day that there is");
    }
}
