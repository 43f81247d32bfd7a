//! A process of ours: started with a clean environment, ended by its id, its words kept in a file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use crate::wait::until;

/// A running program. Dropped, it is killed; its log is printed when the test is failing.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it. What it says on both streams goes to `folder/NAME.log`, after what an earlier one of
    /// the same name said there.
    pub fn start(name: &str, mut command: Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|why| panic!("{name} can't be started: {why}"));
        Self {
            name: name.to_owned(),
            child,
            log,
        }
    }

    /// A command that sees nothing of the environment that the tests run in, but where programs are.
    pub fn command(program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        for name in ["PATH", "HOME", "TMPDIR", "LANG"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("RUST_BACKTRACE", "1");
        command
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it and earlier ones of its name have said.
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until something can be found in what was said since `from` (a length of [`Process::log`]).
    pub async fn says<T>(
        &mut self,
        what: &str,
        from: usize,
        find: impl Fn(&str) -> Option<T>,
    ) -> T {
        let name = self.name.clone();
        until(&format!("{name} says {what}"), async || {
            let log = self.log();
            if let Some(found) = find(log.get(from..).unwrap_or_default()) {
                return Some(found);
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!(
                    "{name} ended ({status}) before it said {what}:\n{}",
                    self.log()
                );
            }
            None
        })
        .await
    }

    /// SIGTERM: it may end in order.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// SIGINT: what Ctrl-C sends.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// SIGSTOP: it stands still where it is.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// SIGCONT: it goes on, and knows nothing of the time between.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        // The shell's own `kill`: a small machine may have no other.
        let script = format!("kill -{name} {}", self.id());
        let sent = Command::new("sh").args(["-c", &script]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "{} got no signal",
            self.name
        );
    }

    /// How it ended, if it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("its status")
    }

    /// SIGKILL: it ends where it stands.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("it ends");
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let name = self.name.clone();
        until(&format!("{name} ends"), async || {
            self.child.try_wait().expect("its status")
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines
                .get(lines.len().saturating_sub(200)..)
                .unwrap_or_default();
            eprintln!(
                "──── {} said (last 200 lines) ────\n{}\n────",
                self.name,
                tail.join("\n")
            );
        }
    }
}
