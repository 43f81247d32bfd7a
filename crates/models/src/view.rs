//! The task object as clients see it: EvoLink's own where there is one, else one that we make up in
//! the same shape, with every field of EvoLink's example.

use serde::Serialize;

use crate::credits::Decimal;
use crate::event::EventKind;
use crate::task::{State, Task};
use crate::{ErrorCode, TaskId};

#[derive(Serialize)]
struct TaskObject<'a> {
    created: i64,
    id: &'a TaskId,
    model: &'a str,
    object: &'a str,
    progress: u8,
    status: Shown,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<TaskError<'a>>,
    task_info: TaskInfo,
    #[serde(rename = "type")]
    kind: &'a str,
    usage: Usage<'a>,
}

#[derive(Serialize)]
struct TaskError<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Serialize)]
struct TaskInfo {
    can_cancel: bool,
    estimated_time: u32,
}

#[derive(Serialize)]
struct Usage<'a> {
    billing_rule: &'a str,
    credits_reserved: Decimal,
    user_group: &'a str,
}

/// The statuses that a client sees: EvoLink's five.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// Also while it is queued, being submitted, or unknown.
    Pending,
    /// Running.
    Processing,
    /// Done.
    Completed,
    /// Also rejected, lost and expired.
    Failed,
    /// Also what was to be cancelled when its deadline came.
    Cancelled,
}

impl Shown {
    /// As EvoLink's `status` says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The status that the client of `task` sees.
pub fn shown(task: &Task) -> Shown {
    match &task.state {
        State::Queued { .. }
        | State::Submitting { .. }
        | State::Unknown { .. }
        | State::Pending => Shown::Pending,
        State::Processing => Shown::Processing,
        State::Completed => Shown::Completed,
        State::Cancelled => Shown::Cancelled,
        State::Lost | State::Expired if task.cancel_wanted.is_some() => Shown::Cancelled,
        State::Failed | State::Rejected { .. } | State::Lost | State::Expired => Shown::Failed,
    }
}

/// The event that tells of a task's end; none while it is open.
pub fn event(task: &Task) -> Option<EventKind> {
    match shown(task) {
        Shown::Pending | Shown::Processing => None,
        Shown::Completed => Some(EventKind::TaskCompleted),
        Shown::Failed => Some(EventKind::TaskFailed),
        Shown::Cancelled => Some(EventKind::TaskCancelled),
    }
}

const LOST: &str = "EvoLink never confirmed this submission; its credits were given back";
const EXPIRED: &str = "The task did not finish in time; its credits were given back";

/// The task object, as JSON.
pub fn render(task: &Task) -> String {
    let ours = matches!(
        task.state,
        State::Lost | State::Expired | State::Rejected { .. }
    );
    // Cancelled while it was queued: EvoLink never saw it, so the object is ours as well.
    let body = task.body.as_ref().filter(|_| !ours);
    body.cloned()
        .unwrap_or_else(|| serde_json::to_string(&own_object(task)).unwrap_or_default())
}

fn own_object(task: &Task) -> TaskObject<'_> {
    let shown = shown(task);
    let task_error = |code, message| TaskError {
        code,
        message,
        kind: "task_error",
    };
    let error = match (&task.state, shown) {
        (State::Rejected { refusal }, _) => Some(TaskError {
            code: &refusal.code,
            message: &refusal.message,
            kind: &refusal.kind,
        }),
        (_, Shown::Cancelled) => Some(task_error(
            ErrorCode::RequestCancelled.as_str(),
            "The task was cancelled; its credits were given back",
        )),
        (State::Lost, _) => Some(task_error(ErrorCode::SubmissionLost.as_str(), LOST)),
        (State::Expired, _) => Some(task_error(ErrorCode::ResultLost.as_str(), EXPIRED)),
        _ => None,
    };
    TaskObject {
        created: task.created.seconds(),
        id: &task.id,
        model: &task.spec.model,
        object: task.spec.kind.object(),
        progress: 0,
        status: shown,
        error,
        task_info: TaskInfo {
            can_cancel: !task.state.is_ended(),
            estimated_time: task.spec.estimated_time,
        },
        kind: task.spec.kind.as_str(),
        usage: Usage {
            billing_rule: &task.spec.billing_rule,
            credits_reserved: Decimal(task.estimate),
            user_group: "default",
        },
    }
}
