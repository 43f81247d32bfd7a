//! A task as EvoLink shows it: what the gateway reads of one, and what only somebody who waits wants to know.

use std::time::Duration;

use evogate_models::report::{Garbage, Report, Status};
use evogate_models::{Credits, Timestamp, UpstreamId};
use serde_json::Value;

use crate::cli::remote::clean;

/// A task at one moment.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) id: UpstreamId,
    pub(super) status: Status,
    /// Percent.
    pub(super) progress: u8,
    /// When it was made, on the other side's clock.
    pub(super) created: Option<Timestamp>,
    /// EvoLink's own guess, two to three times too long.
    pub(super) estimate: Option<Duration>,
    pub(super) reserved: Option<Credits>,
    pub(super) used: Option<Credits>,
    /// The first result.
    pub(super) result: Option<String>,
    /// Why it failed.
    pub(super) fault: Option<Fault>,
}

/// A failed task's `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: String,
    pub(super) message: String,
}

impl Task {
    /// Reads a task object.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Garbage> {
        let report = Report::parse(body)?;
        let object: Value = serde_json::from_str(&report.text).unwrap_or_default();
        let estimate = object.pointer("/task_info/estimated_time");
        let estimate = estimate.and_then(Value::as_f64);
        Ok(Self {
            id: report.id,
            status: report.status,
            progress: report.progress.unwrap_or_default(),
            created: report.created,
            estimate: estimate
                .filter(|seconds| *seconds > 0.0)
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            reserved: report.reserved,
            used: report.used,
            result: report.results.into_iter().next(),
            fault: object.get("error").and_then(fault),
        })
    }

    /// What it cost, once it has ended. EvoLink tutorial: what was reserved, unless it says less; a task
    /// that failed or was cancelled is refunded whole.
    pub(super) fn cost(&self) -> Option<Credits> {
        match self.status {
            Status::Completed => self.used.or(self.reserved),
            Status::Failed | Status::Cancelled => Some(Credits::ZERO),
            Status::Pending | Status::Processing => None,
        }
    }
}

fn fault(error: &Value) -> Option<Fault> {
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(clean);
    let (code, message) = (text("code"), text("message"));
    if code.is_none() && message.is_none() {
        return None;
    }
    Some(Fault {
        code: code.unwrap_or_else(|| "unknown_error".to_owned()),
        message: message.unwrap_or_else(|| "no reason was given".to_owned()),
    })
}

/// As EvoLink writes it.
pub(super) const fn name(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::Processing => "processing",
        Status::Completed => "completed",
        Status::Failed => "failed",
        Status::Cancelled => "cancelled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(rest: &str) -> Task {
        Task::parse(format!(r#"{{"id":"task-1",{rest}}}"#).as_bytes()).unwrap()
    }

    #[test]
    fn a_completed_task_costs_what_it_used_else_what_was_reserved() {
        let cost = |usage: &str| {
            let task = task(&format!(r#""status":"completed","usage":{usage}"#));
            task.cost().map(Credits::to_decimal)
        };
        let both = r#"{"credits_reserved":17.784,"credits_used":12.5}"#;
        assert_eq!(cost(both).as_deref(), Some("12.5"));
        assert_eq!(
            cost(r#"{"credits_reserved":17.784}"#).as_deref(),
            Some("17.784")
        );
        assert_eq!(cost("{}"), None);
    }

    #[test]
    fn a_failed_task_costs_nothing_and_says_why() {
        let task = task(
            r#""status":"failed","usage":{"credits_reserved":5},"error":{"code":"c","message":"m\u0007"}"#,
        );
        assert_eq!(task.cost(), Some(Credits::ZERO));
        let fault = task.fault.unwrap();
        assert_eq!((fault.code.as_str(), fault.message.as_str()), ("c", "m "));
    }

    #[test]
    fn an_estimate_that_is_none_is_left_out() {
        for info in [
            "{}",
            r#"{"estimated_time":0}"#,
            r#"{"estimated_time":"soon"}"#,
            "7",
        ] {
            let task = task(&format!(r#""status":"pending","task_info":{info}"#));
            assert_eq!(task.estimate, None, "{info}");
        }
    }
}
