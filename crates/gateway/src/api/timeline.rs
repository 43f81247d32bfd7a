//! `GET /v1/tasks/{id}/timeline`: every step, hold, call, delivery and credit of one task.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use evogate_models::note::{Note, Step};
use evogate_models::task::Task;
use evogate_models::{Credits, TaskId, UpstreamId};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::TaskPath;
use crate::auth::{Read, Scoped};
use crate::error::ApiError;
use crate::state::Gateway;

#[derive(Serialize)]
struct Timeline<'a> {
    object: &'static str,
    id: &'a TaskId,
    /// The state's exact name: finer than EvoLink's `status`.
    state: &'static str,
    credits: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    evolink_task_id: Option<&'a str>,
    data: Vec<BTreeMap<String, Box<RawValue>>>,
}

#[derive(Serialize)]
struct Money {
    estimated: Decimal,
    held: Decimal,
    charged: Decimal,
}

/// Answers the task's timeline.
pub async fn get(
    gateway: Gateway,
    principal: Scoped<Read>,
    TaskPath(id): TaskPath,
) -> Result<Response, ApiError> {
    let task = gateway.store.task(&principal.tenant, &id).await?;
    let task = task.ok_or_else(ApiError::task_not_found)?;
    let notes = gateway.store.timeline(&principal.tenant, &id).await?;
    timeline(&task, &notes)
}

/// A task's timeline, for tenants and admins alike.
pub fn timeline(task: &Task, notes: &[Note]) -> Result<Response, ApiError> {
    let data = notes.iter().map(entry).collect::<Result<_, _>>();
    let data = data.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(Timeline {
        object: "task.timeline",
        id: &task.id,
        state: task.state.name(),
        credits: Money {
            estimated: Decimal(task.estimate),
            held: Decimal(task.hold),
            charged: Decimal(task.charged),
        },
        evolink_task_id: task.upstream.as_ref().map(UpstreamId::as_str),
        data,
    })
    .into_response())
}

/// A step as people read it: times as text, amounts in credits.
fn entry(note: &Note) -> Result<BTreeMap<String, Box<RawValue>>, serde_json::Error> {
    let Value::Object(fields) = serde_json::to_value(note)? else {
        return Ok(BTreeMap::new());
    };
    let shown = |name: &str, value: &Value| match value.as_i64() {
        Some(micro) if Step::AMOUNTS.contains(&name) => {
            to_raw_value(&Decimal(Credits::from_micro(micro).unwrap_or_default()))
        }
        Some(millis) if matches!(name, "at" | "until") => match time(millis) {
            Some(text) => to_raw_value(&text),
            None => to_raw_value(value),
        },
        _ => to_raw_value(value),
    };
    fields
        .iter()
        .map(|(name, value)| Ok((name.clone(), shown(name, value)?)))
        .collect()
}

fn time(millis: i64) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(millis).ok()?;
    Some(at.strftime("%FT%T%.3fZ").to_string())
}
