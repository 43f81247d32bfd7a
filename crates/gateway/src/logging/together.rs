//! Log lines on their way to stderr. Those that come within a moment of each other are written together, for
//! one call to the system costs as much as making the line did. Warnings and errors are written at once, with
//! all that came before them.

use std::io::{self, Write as _, stderr};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// The longest that a line waits.
const MOMENT: Duration = Duration::from_millis(50);
/// So many bytes are not kept waiting.
const ENOUGH: usize = 32 << 10;

/// The lines that wait.
static WAITING: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// Told when there are some.
static SOME: Condvar = Condvar::new();
/// Held while lines are written, so that they stay in order.
static WRITING: Mutex<()> = Mutex::new(());

/// Makes writers of lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Together;

impl Together {
    /// Begins to write what waits.
    pub(super) fn start() -> Self {
        static STARTED: Once = Once::new();
        STARTED.call_once(|| {
            // Without it lines still go out when there are enough of them, and at the end.
            let _ = thread::Builder::new().name("log".to_owned()).spawn(|| {
                loop {
                    let waiting = lock(&WAITING);
                    let waited = SOME.wait_while(waiting, |waiting| waiting.is_empty());
                    drop(waited.unwrap_or_else(PoisonError::into_inner));
                    thread::sleep(MOMENT);
                    flush();
                }
            });
        });
        Self
    }
}

/// Writes what waits.
pub fn flush() {
    let _writing = lock(&WRITING);
    let lines = std::mem::take(&mut *lock(&WAITING));
    if !lines.is_empty() {
        // A line that can't be written is lost: there is nowhere to say so.
        let _ = stderr().write_all(&lines);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The writer of one line.
#[derive(Debug)]
pub(super) struct Line {
    urgent: bool,
}

impl<'a> MakeWriter<'a> for Together {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { urgent: true }
    }

    fn make_writer_for(&'a self, line: &tracing::Metadata<'_>) -> Line {
        Line {
            urgent: *line.level() <= tracing::Level::WARN,
        }
    }
}

/// Adds a line to those that wait. One that is urgent is written at once, with them.
pub(super) fn add(line: &[u8], urgent: bool) {
    let mut waiting = lock(&WAITING);
    let first = waiting.is_empty();
    waiting.extend_from_slice(line);
    let enough = waiting.len() >= ENOUGH;
    drop(waiting);
    if urgent || enough {
        flush();
    } else if first {
        SOME.notify_one();
    }
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        add(bytes, self.urgent);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
