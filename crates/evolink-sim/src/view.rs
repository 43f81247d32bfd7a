//! The wire shapes of a task.

use serde::Serialize;

use crate::clock::{Millis, SECOND};
use crate::money::Micro;
use crate::task::{Status, Task, Verdict};

/// The task object of creates, reads, cancels and callbacks. Fields are in alphabetical order, as EvoLink sends them.
#[derive(Serialize)]
pub(crate) struct TaskObject<'a> {
    created: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<TaskError<'a>>,
    id: &'a str,
    model: &'a str,
    object: String,
    progress: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<[String; 1]>,
    status: Status,
    task_info: TaskInfo,
    #[serde(rename = "type")]
    kind: &'static str,
    usage: Usage<'a>,
}

#[derive(Serialize)]
struct TaskError<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct TaskInfo {
    can_cancel: bool,
    estimated_time: u64,
}

#[derive(Serialize)]
struct Usage<'a> {
    billing_rule: &'a str,
    credits_reserved: Micro,
    #[serde(skip_serializing_if = "Option::is_none")]
    credits_used: Option<Micro>,
    user_group: &'static str,
}

impl<'a> TaskObject<'a> {
    pub(crate) fn new(task: &'a Task, now: Millis, base_url: &str) -> Self {
        let verdict = task.end.as_ref().map(|end| &end.verdict);
        let completed = verdict == Some(&Verdict::Completed);
        Self {
            created: task.created / SECOND,
            error: match verdict {
                Some(Verdict::Failed { code, message }) => Some(TaskError {
                    code,
                    message,
                    kind: "task_error",
                }),
                _ => None,
            },
            id: &task.id,
            model: &task.model,
            object: format!("{}.generation.task", task.kind.name()),
            progress: task.progress(now),
            results: completed.then(|| [format!("{base_url}/files/{}", task.result_name())]),
            status: task.status(now),
            task_info: TaskInfo {
                can_cancel: task.can_cancel(),
                estimated_time: task.estimated_time,
            },
            kind: task.kind.name(),
            usage: Usage {
                billing_rule: &task.billing_rule,
                credits_reserved: task.reserved,
                credits_used: task.quirks.credits_used.filter(|_| completed),
                user_group: "default",
            },
        }
    }
}

/// One line of `GET /v1/tasks`.
#[derive(Serialize)]
pub(crate) struct ListItem {
    id: String,
    model: String,
    #[serde(rename = "type")]
    kind: &'static str,
    status: Status,
    progress: u64,
    created_at: u64,
    duration: u32,
    has_results: bool,
    result_count: u32,
    has_error: bool,
    credits_used: Micro,
}

impl ListItem {
    pub(crate) fn new(task: &Task, now: Millis) -> Self {
        let status = task.status(now);
        Self {
            id: task.id.clone(),
            model: task.model.clone(),
            kind: task.kind.name(),
            status,
            progress: task.progress(now),
            created_at: task.created / SECOND,
            duration: task.seconds,
            has_results: status == Status::Completed,
            result_count: u32::from(status == Status::Completed),
            has_error: status == Status::Failed,
            credits_used: task.billed().unwrap_or(Micro::ZERO),
        }
    }
}
