//! The commands of admins, as a person and as a script uses them, against `evogate dev`.

mod books;
mod grants;
mod keys;
mod quotas;
mod refusals;
mod tenants;
mod unknown;

use std::process::{Output, Stdio};
use std::time::Duration;

use evogate_tests::{Dev, Process, binary};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

/// `evogate dev`, in a folder that goes with it.
struct World {
    dev: Dev,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dev = Dev::start(&folder.path().join("data"), &["--sim-speed", "100"]).await;
        Self {
            dev,
            _folder: folder,
        }
    }

    /// Runs a command with the variables of `dev.env`, words divided by spaces.
    async fn run(&self, line: &str) -> Ran {
        self.run_words(&line.split(' ').collect::<Vec<_>>()).await
    }

    async fn run_words(&self, words: &[&str]) -> Ran {
        self.run_with(words, &[], "").await
    }

    /// The same with other variables, and something on stdin.
    async fn run_with(&self, words: &[&str], variables: &[(&str, &str)], input: &str) -> Ran {
        let mut command = Process::command(&binary("evogate"));
        command
            .args(words)
            .envs(self.dev.variables())
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut command = tokio::process::Command::from(command);
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        let ended = tokio::time::timeout(Duration::from_mins(1), child.wait_with_output());
        let Output {
            status,
            stdout,
            stderr,
        } = ended.await.expect("it ends").unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let ran = Ran {
            words: words.join(" "),
            code: status.code(),
            out: text(stdout),
            err: text(stderr),
        };
        let key = self.dev.variable("EVOGATE_ADMIN_KEY");
        assert!(
            !ran.out.contains(key) && !ran.err.contains(key),
            "the admin's key is printed nowhere: {ran:?}"
        );
        ran
    }
}

/// What a command said.
#[derive(Debug)]
struct Ran {
    words: String,
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    /// What it printed; it must have gone well, and without a remark.
    #[track_caller]
    fn ok(&self) -> &str {
        let ended = (self.code, self.err.as_str());
        assert_eq!(ended, (Some(0), ""), "{}: {}", self.words, self.out);
        &self.out
    }

    /// What it printed, as JSON.
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(self.ok()).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    /// What it said of its failure.
    #[track_caller]
    fn failed(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(!self.err.is_empty(), "{self:?}");
        &self.err
    }

    /// The cells of the line that begins with `first`. No cell of it may have two spaces in it.
    #[track_caller]
    fn cells(&self, first: &str) -> Vec<&str> {
        let line = self
            .ok()
            .lines()
            .find(|line| line.trim_start().starts_with(first));
        let line = line.unwrap_or_else(|| panic!("no line of {first}: {self:?}"));
        line.split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect()
    }
}
