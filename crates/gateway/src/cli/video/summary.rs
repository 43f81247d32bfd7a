//! How it ended, in one JSON object for scripts. Every field is always there.

use std::path::Path;

use evogate_models::credits::Decimal;
use evogate_models::{Credits, UpstreamId};
use serde::Serialize;

use super::task::{Task, name};
use crate::cli::remote::Problem;

/// What is known at the end.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    id: Option<UpstreamId>,
    /// As last seen; `null` when nothing was submitted, or nobody knows.
    status: Option<&'static str>,
    file: Option<String>,
    bytes: Option<u64>,
    /// Where EvoLink has the result, for 24 hours.
    url: Option<String>,
    credits: Money,
    /// The command that fetches the video later, where there may be one.
    resume: Option<String>,
    error: Option<Problem>,
}

#[derive(Debug, Default, Serialize)]
struct Money {
    reserved: Option<Decimal>,
    used: Option<Decimal>,
    remaining: Option<Decimal>,
}

impl Summary {
    /// The task, as it is now.
    pub(super) fn saw(&mut self, task: &Task) {
        self.id = Some(task.id.clone());
        self.status = Some(name(task.status));
        self.url.clone_from(&task.result);
        // EvoLink may leave its usage out of a read.
        let reserved = task.reserved.map(Decimal);
        self.credits.reserved = reserved.or(self.credits.reserved);
        self.credits.used = task.cost().map(Decimal);
    }

    /// The id of a task that was not seen yet.
    pub(super) fn named(&mut self, id: &UpstreamId) {
        self.id = Some(id.clone());
    }

    pub(super) fn saved(&mut self, file: &Path, bytes: u64) {
        self.file = Some(file.display().to_string());
        self.bytes = Some(bytes);
    }

    pub(super) fn remaining(&mut self, credits: Option<Credits>) {
        self.credits.remaining = credits.map(Decimal);
    }

    pub(super) fn resume(&mut self, command: &str) {
        self.resume = Some(command.to_owned());
    }

    pub(super) fn failed(&mut self, problem: &Problem) {
        self.error = Some(problem.clone());
    }

    /// `17.784 credits used, 9982.216 left`, as far as it is known.
    pub(super) fn money(&self) -> Option<String> {
        let used = self.credits.used.or_else(|| {
            // A completed task costs what was reserved, unless it says otherwise.
            self.credits
                .reserved
                .filter(|_| self.status == Some("completed"))
        });
        let used = used.map(|Decimal(credits)| match credits {
            Credits::ZERO => "nothing was charged".to_owned(),
            credits => format!("{credits} credits used"),
        });
        let left = self.credits.remaining;
        let left = left.map(|Decimal(credits)| format!("{credits} left"));
        let words: Vec<_> = used.into_iter().chain(left).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
