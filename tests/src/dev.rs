//! `evogate dev`, as a newcomer starts it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::binaries::binary;
use crate::callers::{Admin, Anonymous, Tenant};
use crate::process::Process;
use crate::simulator::Simulator;

/// A running `evogate dev`.
#[derive(Debug)]
pub struct Dev {
    process: Process,
    folder: PathBuf,
    variables: BTreeMap<String, String>,
}

impl Dev {
    /// Starts it on free ports with its data in `folder`, and waits until it is ready.
    pub async fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_with(folder, arguments, &[]).await
    }

    /// The same with environment variables.
    pub async fn start_with(
        folder: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let mut command = Process::command(&binary("evogate"));
        command.envs(environment.iter().copied());
        Self::launch(folder, command, arguments).await
    }

    /// The same in a process that may have no more than so many files open.
    pub async fn with_few_files(folder: &Path, files: u32) -> Self {
        let mut command = Process::command(Path::new("/bin/sh"));
        let limit = format!("ulimit -n {files} && exec \"$0\" \"$@\"");
        command.args(["-c", &limit]).arg(binary("evogate"));
        Self::launch(folder, command, &[]).await
    }

    async fn launch(folder: &Path, mut command: Command, arguments: &[&str]) -> Self {
        command.args(["dev", "--data-dir"]).arg(folder);
        for listener in ["--api", "--ops", "--sim"] {
            command.args([listener, "127.0.0.1:0"]);
        }
        command.args(arguments);
        fs::create_dir_all(folder).expect("a folder");
        let log = folder.parent().expect("a folder above it");
        let before = fs::read(log.join("dev.log")).map_or(0, |log| log.len());
        let mut process = Process::start("dev", command, log);
        let ready = |log: &str| log.contains("Evogate is ready").then_some(());
        process.says("that it is ready", before, ready).await;
        let text = fs::read_to_string(folder.join("dev.env")).expect("dev.env is there");
        let variables = text.lines().map(|line| {
            let (name, value) = line.split_once('=').expect("NAME=value");
            (name.to_owned(), value.to_owned())
        });
        Self {
            process,
            folder: folder.to_owned(),
            variables: variables.collect(),
        }
    }

    /// The variables of `dev.env`.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// One of the variables.
    #[track_caller]
    pub fn variable(&self, name: &str) -> &str {
        self.variables
            .get(name)
            .unwrap_or_else(|| panic!("dev.env lacks {name}"))
    }

    /// Where its data are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The demo tenant.
    pub fn demo(&self) -> Tenant {
        Tenant::known(
            "demo",
            self.variable("EVOLINK_API_KEY"),
            self.variable("EVOGATE_URL"),
        )
    }

    /// The admin.
    pub fn admin(&self) -> Admin {
        Admin::at(
            self.variable("EVOGATE_URL"),
            self.variable("EVOGATE_ADMIN_KEY"),
        )
    }

    /// The fake EvoLink.
    pub fn simulator(&self) -> Simulator {
        Simulator::at(self.variable("EVOLINK_SIM_URL"))
    }

    /// Whoever asks the ops listener.
    pub fn ops(&self) -> Anonymous {
        Anonymous::at(self.variable("EVOGATE_OPS_URL"))
    }

    /// What it said.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// SIGTERM, without waiting.
    pub fn terminate(&self) {
        self.process.terminate();
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> ExitStatus {
        self.process.ended().await
    }

    /// SIGTERM, and waits for the end, which must be a good one.
    pub async fn stop(self) {
        self.terminate();
        let status = self.ended().await;
        assert!(status.success(), "`evogate dev` ended with {status}");
    }
}
