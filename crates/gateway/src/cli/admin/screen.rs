//! What is printed, and how: tables for people, the gateway's own words for scripts.

use std::cell::Cell;
use std::io::{self, Write as _};

use evogate_models::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::table::Table;
use crate::cli::remote::Problem;
use crate::cli::{Failure, tell_user, warn_user};

/// Whoever reads it.
#[derive(Debug)]
pub(super) struct Screen {
    /// Scripts read it.
    pub(super) json: bool,
    /// The terminal's, in columns; `None` when there is none and lines may have any length.
    pub(super) width: Option<u16>,
    pub(super) now: Timestamp,
    /// Was anything printed on stdout?
    spoke: Cell<bool>,
}

/// An error as scripts get it: like the gateway's own.
#[derive(Serialize)]
struct Failed<'a> {
    error: &'a Problem,
}

impl Screen {
    /// The process's own stdout.
    pub(super) fn standard(json: bool, now: Timestamp) -> Self {
        Self::new(json, comfy_table::Table::new().width(), now)
    }

    pub(super) fn new(json: bool, width: Option<u16>, now: Timestamp) -> Self {
        Self {
            json,
            width,
            now,
            spoke: Cell::new(false),
        }
    }

    /// Prints an answer; people get what `show` makes of it.
    pub(super) fn print<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        show: impl FnOnce(&T, &Self) -> String,
    ) -> Result<(), Problem> {
        if self.json {
            self.say(answer.text());
        } else {
            self.say(&show(&answer.read()?, self));
        }
        Ok(())
    }

    /// Prints what was put together of several answers.
    pub(super) fn print_joined(&self, joined: &impl Serialize) -> Result<(), Problem> {
        let text = serde_json::to_string(joined);
        self.say(&text.map_err(|error| Problem::new("unreadable", error))?);
        Ok(())
    }

    /// Prints a line or several.
    pub(super) fn say(&self, text: &str) {
        self.spoke.set(true);
        tell_user(text);
    }

    /// Prints a part of something long. False: nobody reads it any more.
    pub(super) fn stream(&self, text: &str) -> bool {
        self.spoke.set(true);
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .is_ok()
    }

    /// It ended badly. Scripts get the error in place of an answer.
    pub(super) fn failed(&self, problem: Problem) -> Failure {
        if self.json && !self.spoke.get() {
            let failed = Failed { error: &problem };
            self.say(&serde_json::to_string(&failed).unwrap_or_default());
        }
        problem.into()
    }

    /// A table as wide as the terminal at most.
    pub(super) fn show(&self, table: &Table) -> String {
        table.shown(self.width)
    }
}

/// A remark for people, beside the answer.
pub(super) fn remark(text: &str) {
    warn_user(text);
}
