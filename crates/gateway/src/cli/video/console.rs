//! What is said, and where: people read stdout and a bar on stderr; with `--json` stdout is for one object and
//! everything else goes to stderr.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::ProgressDrawTarget;

use super::progress::Stage;
use super::summary::Summary;
use crate::cli::{tell_user, terminal, warn_user};

/// Where lines go.
pub(super) trait Lines {
    /// To stdout.
    fn out(&self, text: &str);
    /// To stderr.
    fn err(&self, text: &str);
    /// To stderr, with the cursor behind it.
    fn ask(&self, text: &str);
}

struct Standard;

impl Lines for Standard {
    fn out(&self, text: &str) {
        tell_user(text);
    }

    fn err(&self, text: &str) {
        warn_user(text);
    }

    fn ask(&self, text: &str) {
        terminal::ask(text);
    }
}

/// The way to whoever waits.
pub(super) struct Console {
    lines: Arc<dyn Lines>,
    json: bool,
    /// Can a bar be drawn? Otherwise progress is told in lines.
    pub(super) bars: bool,
    stage: Mutex<Stage>,
}

impl Console {
    /// The process's own streams.
    pub(super) fn standard(json: bool) -> Self {
        let seen = std::io::stderr().is_terminal() && !ProgressDrawTarget::stderr().is_hidden();
        Self::new(Arc::new(Standard), json, seen && !json)
    }

    pub(super) fn new(lines: Arc<dyn Lines>, json: bool, bars: bool) -> Self {
        Self {
            lines,
            json,
            bars,
            stage: Mutex::default(),
        }
    }

    /// What people came for. With `--json` it is only a message.
    pub(super) fn tell(&self, text: &str) {
        if self.json {
            self.warn(text);
        } else {
            self.stage().beside(|| self.lines.out(text));
        }
    }

    /// A message.
    pub(super) fn warn(&self, text: &str) {
        self.stage().beside(|| self.lines.err(text));
    }

    /// A question; the answer is typed behind it. The bar is gone until there is progress again.
    pub(super) fn ask(&self, text: &str) {
        self.clear();
        self.lines.ask(text);
    }

    /// How it ended, if that is to be said in JSON.
    pub(super) fn answer(&self, summary: &Summary) {
        if self.json {
            self.lines.out(&summary.to_json());
        }
    }

    pub(super) fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
