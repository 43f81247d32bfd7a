//! Reads and cancels of tasks: one, a page, a batch.

use serde::Serialize;
use serde_json::Value;

use crate::answer::Answer;
use crate::call::Call;
use crate::callbacks;
use crate::fault::Faults;
use crate::refusal::{Refusal, invalid_parameter, task_not_found};
use crate::task::Task;
use crate::view::{ListItem, TaskObject};

const BATCH_LIMIT: usize = 50;
const PAGE_SIZE: usize = 20;
const PAGE_SIZE_LIMIT: usize = 100;

/// `GET /v1/tasks/{id}`.
pub(crate) fn read(call: &Call, id: &str, faults: &Faults) -> Result<Answer, Refusal> {
    let now = call.app.clock.now();
    let world = call.app.world();
    let task = world.visible(id, now).ok_or_else(task_not_found)?;
    let base = &call.app.base_url;
    if faults.any(|fault| fault.stale) {
        let born = task.at_birth();
        return Ok(Answer::json(&TaskObject::new(&born, task.created, base)).about(id));
    }
    Ok(Answer::json(&TaskObject::new(task, now, base)).about(id))
}

/// `POST /v1/tasks/{id}/cancel`. The answer's body is not documented; here it is the task.
pub(crate) fn cancel(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let now = call.app.clock.now();
    let task = call.app.world().cancel(id, now)?;
    if task.end.is_some() {
        drop(callbacks::send(&call.app, &task));
    }
    Ok(Answer::json(&TaskObject::new(&task, now, &call.app.base_url)).about(id))
}

#[derive(Serialize)]
struct Listing {
    object: &'static str,
    total: usize,
    page: usize,
    page_size: usize,
    data: Vec<ListItem>,
}

/// `GET /v1/tasks?status,type,model,page,page_size`: account-wide, the newest first.
pub(crate) fn list(call: &Call) -> Result<Answer, Refusal> {
    let page = number(call, "page", 1)?;
    let page_size = number(call, "page_size", PAGE_SIZE)?.min(PAGE_SIZE_LIMIT);
    let now = call.app.clock.now();
    let [status, kind, model] = ["status", "type", "model"].map(|name| call.query(name));
    let world = call.app.world();
    let fits = |task: &&Task| {
        world.is_visible(task, now)
            && status.is_none_or(|wanted| task.status(now).name() == wanted)
            && kind.is_none_or(|wanted| task.kind.name() == wanted)
            && model.is_none_or(|wanted| task.model == wanted)
    };
    let matching: Vec<&Task> = world.newest_first().filter(fits).collect();
    let data = matching
        .iter()
        .skip((page - 1).saturating_mul(page_size))
        .take(page_size)
        .map(|task| ListItem::new(task, now))
        .collect();
    Ok(Answer::json(&Listing {
        object: "list",
        total: matching.len(),
        page,
        page_size,
        data,
    }))
}

#[derive(Serialize)]
struct Batch<'a> {
    code: u16,
    data: Vec<TaskObject<'a>>,
}

/// `POST /v1/tasks/batch`: ids that are not known are left out.
pub(crate) fn batch(call: &Call) -> Result<Answer, Refusal> {
    let ids = call
        .json
        .as_ref()
        .and_then(|body| body.get("task_ids"))
        .and_then(Value::as_array)
        .ok_or_else(|| invalid_parameter("task_ids must be an array"))?;
    if ids.len() > BATCH_LIMIT {
        return Err(invalid_parameter(format!(
            "task_ids must contain at most {BATCH_LIMIT} ids"
        )));
    }
    let now = call.app.clock.now();
    let world = call.app.world();
    let data = ids
        .iter()
        .filter_map(|id| world.visible(id.as_str()?, now))
        .map(|task| TaskObject::new(task, now, &call.app.base_url))
        .collect();
    Ok(Answer::json(&Batch { code: 200, data }))
}

fn number(call: &Call, name: &str, default: usize) -> Result<usize, Refusal> {
    match call.query(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| invalid_parameter(format!("{name} must be a positive integer"))),
    }
}
