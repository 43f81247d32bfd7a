//! `GET /v1/tasks`: the tenant's own tasks, newest first, in the shape of EvoLink's account-wide list.

use axum::Json;
use axum::extract::RawQuery;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use evogate_models::report::Report;
use evogate_models::task::{State, Task};
use evogate_models::view::{self, Shown};
use evogate_models::{Fault, TaskId};
use evogate_store::TaskFilter;
use serde::Serialize;
use utoipa::ToSchema;

use super::amount;
use crate::auth::{Read, Scoped};
use crate::error::ApiError;
use crate::openapi::schemas::Status;
use crate::openapi::{queries, refusals};
use crate::state::Gateway;

/// The page size where none is asked for.
const PAGE_SIZE: u32 = 20;
/// The largest page.
const MAX_PAGE_SIZE: u32 = 100;

/// A page of tasks.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskList)]
struct List<'a> {
    /// `list`
    object: &'static str,
    /// How many there are on all pages.
    total: u64,
    page: u32,
    page_size: u32,
    data: Vec<Item<'a>>,
}

/// A task in short.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskListItem)]
struct Item<'a> {
    #[schema(value_type = String)]
    id: &'a TaskId,
    model: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[schema(value_type = Status)]
    status: &'static str,
    progress: u8,
    created_at: i64,
    /// Seconds; null where the model has no length.
    #[schema(required = true)]
    duration: Option<u32>,
    has_results: bool,
    result_count: usize,
    has_error: bool,
    credits_used: Decimal,
}

impl<'a> Item<'a> {
    fn of(task: &'a Task) -> Self {
        let report = task
            .body
            .as_ref()
            .and_then(|body| Report::parse(body.as_bytes()).ok());
        let completed = task.state == State::Completed;
        let results = report
            .as_ref()
            .filter(|_| completed)
            .map_or(0, |r| r.results.len());
        let shown = view::shown(task);
        Self {
            id: &task.id,
            model: &task.spec.model,
            kind: task.spec.kind.as_str(),
            status: shown.as_str(),
            progress: if completed {
                100
            } else {
                report.and_then(|r| r.progress).unwrap_or(0)
            },
            created_at: task.created.seconds(),
            duration: task.spec.duration,
            has_results: results > 0,
            result_count: results,
            has_error: shown == Shown::Failed,
            credits_used: amount(task.charged),
        }
    }
}

#[derive(Debug, Default)]
struct Query {
    filter: TaskFilter,
    page: Option<u32>,
    page_size: Option<u32>,
}

/// Lists the tenant's tasks, newest first.
#[utoipa::path(get, path = "/v1/tasks", tag = "Tasks", params(queries::Tasks), responses(
    (status = 200, description = "A page of the tenant's tasks, newest first", body = List),
    refusals::InvalidQuery,
))]
pub async fn list(
    gateway: Gateway,
    principal: Scoped<Read>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = parse(query.as_deref().unwrap_or_default()).map_err(ApiError::faults)?;
    let page = query.page.unwrap_or(1);
    let page_size = query.page_size.unwrap_or(PAGE_SIZE);
    let found = gateway
        .store
        .tasks(&principal.tenant, query.filter, page, page_size)
        .await?;
    let data = found.tasks.iter().map(Item::of).collect();
    let list = List {
        object: "list",
        total: found.total,
        page,
        page_size,
        data,
    };
    Ok(Json(list).into_response())
}

/// Reads the query; parameters that we don't know are ignored, as EvoLink does.
fn parse(text: &str) -> Result<Query, Vec<Fault>> {
    let mut query = Query::default();
    let mut faults = Vec::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        match name.as_ref() {
            "status" => match status(&value) {
                Some(status) => query.filter.status = Some(status),
                None => faults.push(Fault::parameter(
                    "status",
                    "status must be one of: pending, processing, completed, failed, cancelled",
                )),
            },
            "type" => query.filter.kind = Some(value.into_owned()),
            "model" => query.filter.model = Some(value.into_owned()),
            "page" => query.page = number("page", &value, u32::MAX, &mut faults),
            "page_size" => {
                query.page_size = number("page_size", &value, MAX_PAGE_SIZE, &mut faults);
            }
            _ => {}
        }
    }
    if faults.is_empty() {
        Ok(query)
    } else {
        Err(faults)
    }
}

fn number(name: &str, text: &str, most: u32, faults: &mut Vec<Fault>) -> Option<u32> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=most).contains(number));
    if number.is_none() {
        let message = format!("{name} must be an integer between 1 and {most}");
        faults.push(Fault::parameter(name, message));
    }
    number
}

fn status(text: &str) -> Option<Shown> {
    [
        Shown::Pending,
        Shown::Processing,
        Shown::Completed,
        Shown::Failed,
        Shown::Cancelled,
    ]
    .into_iter()
    .find(|shown| shown.as_str() == text)
}
