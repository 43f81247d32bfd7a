//! One server process, ended by its id.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// The server program, which is the sentinel's as well; `newest`: one of a later version, where there is one.
fn program(newest: bool) -> PathBuf {
    let newest = newest.then(|| std::env::var_os("EVOGATE_TEST_NEWEST_REDIS_SERVER"));
    newest
        .flatten()
        .or_else(|| std::env::var_os("EVOGATE_TEST_REDIS_SERVER"))
        .unwrap_or_else(|| "redis-server".into())
        .into()
}

/// A running server. Dropped, it is killed; its log is printed when the test is failing.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(folder: &Path, newest: bool, arguments: &[&str]) -> Self {
        let log = folder.join("log");
        let file = File::options().create(true).append(true).open(&log);
        let file = file.expect("a log file");
        let program = program(newest);
        let child = Command::new(&program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn();
        let child = child.unwrap_or_else(|why| {
            panic!(
                "{} can't be started ({why}): ./tests/run installs it, or apt-get install redis-server",
                program.display()
            )
        });
        Self { child, log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: a small machine may have no other.
        let script = format!("kill -{name} {}", self.id());
        let sent = Command::new("sh").args(["-c", &script]).status();
        assert!(sent.is_ok_and(|status| status.success()), "no signal sent");
    }

    /// SIGKILL: it ends where it stands.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines
                .get(lines.len().saturating_sub(40)..)
                .unwrap_or_default();
            eprintln!(
                "──── Redis said (last 40 lines) ────\n{}\n────",
                tail.join("\n")
            );
        }
    }
}
