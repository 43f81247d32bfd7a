//! What a test can do to the simulator behind EvoLink's back, by HTTP or in the same process.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::App;
use crate::callbacks;
use crate::clock::{Millis, millis};
use crate::money::Micro;
use crate::refusal::{Refusal, invalid_parameter, task_not_found};
use crate::rules::Rule;
use crate::state::Record;
use crate::task::{Verdict, failure_message};
use crate::view::TaskObject;

/// The end that a task is forced to have, whether it has ended before or not. Its callback is sent (again).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forced {
    /// How it ends.
    pub status: ForcedStatus,
    /// With `completed`: what it reports and bills instead of the reserved amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits_used: Option<Micro>,
    /// With `failed`: why; by default `service_error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ForcedError>,
}

/// A terminal status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "named after the statuses")]
pub enum ForcedStatus {
    Completed,
    Failed,
    Cancelled,
}

/// The `error` of a task that is forced to fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForcedError {
    /// One of EvoLink's task error codes, or anything else.
    pub code: String,
    /// By default what EvoLink says with this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

pub(crate) fn add_rules(app: &App, new: Vec<Rule>) -> Vec<u64> {
    let mut rules = app.rules();
    new.into_iter().map(|rule| rules.add(rule)).collect()
}

/// The task object afterwards.
pub(crate) fn force(app: &Arc<App>, id: &str, forced: Forced) -> Result<Value, Refusal> {
    let verdict = match forced.status {
        ForcedStatus::Completed => Verdict::Completed,
        ForcedStatus::Cancelled => Verdict::Cancelled,
        ForcedStatus::Failed => {
            let error = forced.error.unwrap_or(ForcedError {
                code: "service_error".to_owned(),
                message: None,
            });
            let message = error
                .message
                .unwrap_or_else(|| failure_message(&error.code).to_owned());
            Verdict::Failed {
                code: error.code,
                message,
            }
        }
    };
    let now = app.clock.now();
    let task = app
        .world()
        .change(id, |task| {
            if forced.credits_used.is_some() {
                task.quirks.credits_used = forced.credits_used;
            }
            task.end = Some(crate::task::End { at: now, verdict });
        })
        .ok_or_else(task_not_found)?;
    drop(callbacks::send(app, &task));
    serde_json::to_value(TaskObject::new(&task, now, &app.base_url))
        .map_err(|error| invalid_parameter(error.to_string()))
}

/// The task reads as 404 from now on, though it is billed. False when there is none.
pub(crate) fn forget(app: &App, id: &str) -> bool {
    app.world()
        .change(id, |task| task.forgotten = true)
        .is_some()
}

/// Puts the clock forward; what is due by then has ended when this returns. Answers the new time.
pub(crate) fn advance(app: &Arc<App>, seconds: f64) -> Result<Millis, Refusal> {
    let by = Duration::try_from_secs_f64(seconds)
        .map_err(|error| invalid_parameter(error.to_string()))?;
    app.clock.advance(millis(by));
    app.keep(&Record::Ahead(app.clock.ahead()));
    app.settle();
    app.wake();
    Ok(app.clock.now())
}
