//! The result, as a stream to a file: from where EvoLink has it, else through the gateway.

use std::io;
use std::path::{Path, PathBuf};

use reqwest::Response;
use tokio::time::sleep;

use super::api::Api;
use super::console::Console;
use super::pace::Pace;
use super::part::Part;
use super::problem::Problem;
use super::refusal::CallError;
use super::task::Task;
use crate::webhooks::guard::explain;

/// How often each way is tried.
const ROUNDS: u32 = 4;

/// A download.
pub(super) struct Download<'a> {
    pub(super) api: &'a Api,
    pub(super) console: &'a Console,
    pub(super) pace: Pace,
    /// Where the video goes.
    pub(super) out: PathBuf,
    /// Whether a file that is there is overwritten.
    pub(super) force: bool,
}

/// Why one way did not lead to a file.
enum Stuck {
    /// The other side. Another way or another time may do.
    There(CallError),
    /// This machine.
    Here(io::Error),
}

impl From<io::Error> for Stuck {
    fn from(error: io::Error) -> Self {
        Self::Here(error)
    }
}

impl From<CallError> for Stuck {
    fn from(error: CallError) -> Self {
        Self::There(error)
    }
}

impl Download<'_> {
    /// Saves the task's first result; answers its length. Dropped, it leaves no file behind.
    pub(super) async fn run(&self, task: &Task) -> Result<u64, Problem> {
        let mut round = 1;
        loop {
            let (direct, through) = match self.round(task).await {
                Ok(bytes) => return Ok(bytes),
                Err(Stuck::Here(error)) => return Err(self.not_written(&error)),
                Err(Stuck::There((direct, through))) => (direct, through),
            };
        }
    }
}
