//! The news of one task: reads it every few seconds, and through whatever goes wrong meanwhile.

use evogate_models::UpstreamId;
use tokio::time::{Instant, sleep_until};

use super::api::Api;
use super::console::Console;
use super::pace::Pace;
use super::task::Task;
use crate::cli::remote::{CallError, Refusal};

/// A task that is followed.
pub(super) struct Feed<'a> {
    api: &'a Api,
    console: &'a Console,
    id: UpstreamId,
    pace: Pace,
    /// When it is read next.
    due: Instant,
    failures: u32,
    /// Why the last read failed.
    trouble: Option<String>,
}

impl<'a> Feed<'a> {
    /// A task that is read at once.
    pub(super) fn new(api: &'a Api, console: &'a Console, id: UpstreamId, pace: Pace) -> Self {
        Self {
            api,
            console,
            id,
            pace,
            due: Instant::now(),
            failures: 0,
            trouble: None,
        }
    }

    /// Why there are no news, if something is in the way.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// The task was just seen: it is read again when there may be news.
    pub(super) fn saw(&mut self, task: &Task) {
        self.failures = 0;
        self.trouble = None;
        self.due = Instant::now() + self.pace.poll(task.estimate);
    }

    /// The task, when it is time to look at it again. Ends only with an answer that another try can't change.
    /// May be dropped at any time: nothing is lost but a read.
    pub(super) async fn next(&mut self) -> Result<Task, Refusal> {
        loop {
            sleep_until(self.due).await;
            let error = match self.api.read(&self.id).await {
                Ok(task) => {
                    self.saw(&task);
                    return Ok(task);
                }
                Err(CallError::Refused(refusal)) if !refusal.is_temporary() => return Err(refusal),
                Err(error) => error,
            };
            self.failures = self.failures.saturating_add(1);
            let asked = match &error {
                CallError::Refused(refusal) => refusal.wait,
                CallError::Unclear { .. } => None,
            };
            let wait = self.pace.after(self.failures, asked);
            self.due = Instant::now() + wait;
            self.console.trouble(&error, wait);
            self.trouble = Some(error.to_string());
        }
    }
}
