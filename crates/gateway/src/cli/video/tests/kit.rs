//! A fake EvoLink, a folder for files, and somebody in front of it.

use std::collections::VecDeque;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use evolink_sim::{JournalFilter, Operation, RequestEntry, Sim, SimConfig};
use serde_json::Value;
use tempfile::TempDir;

use super::super::Work;
use super::super::console::{Console, Lines};
use super::super::pace::Pace;
use super::super::person::{Person, Wish};
use crate::cli::signals::Stop;
use crate::cli::{Cli, Command, Failure};

/// Must not show up in anything that is said.
pub(super) const KEY: &str = "sk-of-a-test-0123456789";

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was said.
#[derive(Default)]
pub(super) struct Said {
    out: Mutex<String>,
    err: Mutex<String>,
}

impl Said {
    pub(super) fn has(&self, text: &str) -> bool {
        self.out.lock().unwrap().contains(text) || self.err.lock().unwrap().contains(text)
    }
}

impl Lines for Said {
    fn out(&self, text: &str) {
        writeln!(self.out.lock().unwrap(), "{text}").unwrap();
    }

    fn err(&self, text: &str) {
        writeln!(self.err.lock().unwrap(), "{text}").unwrap();
    }

    fn ask(&self, text: &str) {
        self.err(text);
    }
}

type Cue = Box<dyn Fn() -> bool>;

/// Somebody who ends it when they see something, and answers what they were told to.
#[derive(Default)]
pub(super) struct Somebody {
    stops: VecDeque<(Cue, Stop)>,
    wishes: VecDeque<Wish>,
    there: bool,
}

impl Somebody {
    /// Nobody is at the terminal.
    pub(super) fn nobody() -> Self {
        Self::default()
    }

    /// Somebody who can be asked, and answers this in turn.
    pub(super) fn who_says(wishes: &[Wish]) -> Self {
        Self {
            wishes: wishes.iter().copied().collect(),
            there: true,
            ..Self::default()
        }
    }

    /// Ends it when the cue comes.
    pub(super) fn stops(mut self, stop: Stop, cue: impl Fn() -> bool + 'static) -> Self {
        self.stops.push_back((Box::new(cue), stop));
        self
    }
}

impl Person for Somebody {
    async fn stop(&mut self) -> Stop {
        let Some((cue, stop)) = self.stops.front() else {
            return std::future::pending().await;
        };
        while !cue() {
            tokio::task::yield_now().await;
        }
        let stop = *stop;
        self.stops.pop_front();
        stop
    }

    fn is_there(&self) -> bool {
        self.there
    }

    async fn wish(&mut self) -> Option<Wish> {
        Some(self.wishes.pop_front().unwrap())
    }
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: u8,
    pub(super) out: String,
    pub(super) err: String,
}

impl Ran {
    /// The one JSON object on stdout, with ids and addresses taken out.
    pub(super) fn json(&self, kit: &Kit) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        let object: Value = serde_json::from_str(&self.out).unwrap();
        let mut text = self.out.clone();
        for (from, to) in [
            (object["id"].as_str(), "TASK"),
            (Some(kit.sim.url().as_str()), "SIM"),
            (kit.folder.path().to_str(), "FOLDER"),
        ] {
            text = from.map_or(text.clone(), |from| text.replace(from, to));
        }
        serde_json::from_str(&text).unwrap()
    }
}

/// A fake EvoLink with its client's folder.
pub(super) struct Kit {
    pub(super) sim: Arc<Sim>,
    pub(super) folder: TempDir,
    pub(super) said: Arc<Said>,
}

impl Kit {
    pub(super) async fn new() -> Self {
        let config = SimConfig {
            api_keys: vec![KEY.to_owned()],
            ..SimConfig::default()
        };
        Self {
            sim: Arc::new(Sim::start(config).await.unwrap()),
            folder: tempfile::tempdir().unwrap(),
            said: Arc::default(),
        }
    }

    /// A file of the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The files of the folder.
    pub(super) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect()
    }

    /// Runs `evogate video … --out FOLDER/x.mp4` with nobody in front of it.
    pub(super) async fn video(&self, arguments: &[&str]) -> Ran {
        self.video_for(Somebody::nobody(), arguments).await
    }

    /// Runs it with somebody in front of it.
    pub(super) async fn video_for(&self, person: Somebody, arguments: &[&str]) -> Ran {
        self.video_at(&self.sim.url(), person, arguments).await
    }

    /// Runs it somewhere else.
    pub(super) async fn video_at(&self, url: &str, person: Somebody, arguments: &[&str]) -> Ran {
        let out = self.path("x.mp4");
        let mut line = vec!["evogate", "video", "--out", out.to_str().unwrap()];
        line.extend_from_slice(arguments);
        let Command::Video(arguments) = Cli::try_parse_from(line).unwrap().command else {
            panic!("another command");
        };
        let environment = [
            ("EVOLINK_BASE_URL", format!("{url}/v1")),
            ("EVOLINK_API_KEY", KEY.to_owned()),
        ];
        let console = Console::new(self.said.clone(), arguments.json, false);
        let work = Work {
            arguments: *arguments,
            environment: environment
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter(),
            pace: Pace {
                poll: Duration::from_millis(20),
                retry: Duration::from_millis(5),
            },
        };
        let done = tokio::time::timeout(PATIENCE, work.run(&console, person))
            .await
            .unwrap();
        if let Err(Failure { message, .. }) = &done {
            self.said.err(message);
        }
        let ran = Ran {
            code: done.map_or_else(|failure| failure.code, |()| 0),
            out: std::mem::take(&mut self.said.out.lock().unwrap()),
            err: std::mem::take(&mut self.said.err.lock().unwrap()),
        };
        assert!(!format!("{ran:?}").contains(KEY), "{ran:?}");
        ran
    }

    /// Adds a rule of the fake EvoLink.
    pub(super) fn rule(&self, rule: Value) {
        self.sim
            .add_rules(vec![serde_json::from_value(rule).unwrap()]);
    }

    /// What was asked of this kind.
    pub(super) fn asked(&self, operation: Operation) -> Vec<RequestEntry> {
        asked(&self.sim, operation)
    }

    /// A cue: so many requests of this kind came.
    pub(super) fn when_asked(
        &self,
        operation: Operation,
        count: usize,
    ) -> impl Fn() -> bool + 'static {
        let sim = Arc::clone(&self.sim);
        move || asked(&sim, operation).len() >= count
    }

    /// A cue: this was said.
    pub(super) fn when_said(&self, text: &'static str) -> impl Fn() -> bool + 'static {
        let said = Arc::clone(&self.said);
        move || said.has(text)
    }

    /// How many tasks there are.
    pub(super) fn tasks(&self) -> u64 {
        self.sim.account().tasks.total
    }

    /// The id of the one task.
    pub(super) fn task(&self) -> String {
        let jobs = self.sim.account().jobs.unwrap();
        let [job] = jobs.as_slice() else {
            panic!("{} tasks", jobs.len());
        };
        job.id.clone()
    }
}

fn asked(sim: &Sim, operation: Operation) -> Vec<RequestEntry> {
    let filter = JournalFilter {
        operation: Some(operation),
        ..JournalFilter::default()
    };
    sim.journal(filter).requests
}
