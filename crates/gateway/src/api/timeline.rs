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
use utoipa::ToSchema;

use super::TaskPath;
use crate::auth::{Read, Scoped};
use crate::error::ApiError;
use crate::openapi::{refusals, schemas};
use crate::state::Gateway;

/// What became of a task.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskTimeline)]
pub(crate) struct Timeline<'a> {
    /// `task.timeline`
    object: &'static str,
    #[schema(value_type = String)]
    id: &'a TaskId,
    /// The state's exact name: finer than EvoLink's `status`.
    #[schema(schema_with = schemas::state)]
    state: &'static str,
    credits: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    evolink_task_id: Option<&'a str>,
    /// Each has `at` (RFC 3339), `step` (`held`, `bound`, `settled`, `delivery`, …) and what the step knows.
    #[schema(value_type = Vec<Object>)]
    data: Vec<BTreeMap<String, Box<RawValue>>>,
}

/// A task's credits.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskCredits)]
pub(crate) struct Money {
    /// Before it was submitted.
    estimated: Decimal,
    /// For it, now.
    held: Decimal,
    /// In the end.
    charged: Decimal,
}

impl Money {
    /// The task's.
    pub(crate) fn of(task: &Task) -> Self {
        Self {
            estimated: Decimal(task.estimate),
            held: Decimal(task.hold),
            charged: Decimal(task.charged),
        }
    }
}

/// Tells every step, hold, call, delivery and credit of the task.
#[utoipa::path(get, path = "/v1/tasks/{id}/timeline", tag = "Tasks", responses(
    (status = 200, description = "The steps, in their order", body = Timeline), refusals::TaskNotFound,
))]
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
        credits: Money::of(task),
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
