//! What the tests of real clients need beside the binaries; `tests/run` installs it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use crate::binaries::{target_folder, workspace};
use crate::process::Process;

/// The folder with the clients' scripts.
pub fn clients_folder() -> PathBuf {
    workspace().join("tests/clients")
}

/// Python with the packages of `tests/clients/requirements.txt`.
pub fn python() -> Command {
    Process::command(&installed("test-venv/bin/python"))
}

/// A program of a Python package of `tests/clients/requirements.txt`.
pub fn python_tool(name: &str) -> Command {
    Process::command(&installed("test-venv/bin").join(name))
}

/// Node. What it may import is in [`npm_modules`].
pub fn node() -> Command {
    Process::command(Path::new("node"))
}

/// Runs a client to its end, which must be a good one and come within two minutes. Answers the lines of
/// JSON that it printed.
pub async fn run_client(command: Command) -> Vec<Value> {
    let name = format!("{command:?}");
    let mut command = tokio::process::Command::from(command);
    let output = command.kill_on_drop(true).output();
    let limit = Duration::from_mins(2);
    let output = timeout(limit, output)
        .await
        .expect("it ends in time")
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{name}: {}\n{said}\n{complained}",
        output.status
    );
    let line = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|_| panic!("{name} printed {line}\n{complained}"))
    };
    said.lines().map(line).collect()
}

/// The npm packages of `tests/clients/npm/package.json`.
pub fn npm_modules() -> PathBuf {
    installed("test-npm/node_modules")
}

fn installed(path: &str) -> PathBuf {
    let path = target_folder().join(path);
    assert!(
        path.exists(),
        "{} is missing: ./tests/run installs it",
        path.display()
    );
    path
}
