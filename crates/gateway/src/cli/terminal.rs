//! Somebody at a terminal: questions go to stderr, answers come from stdin.

use std::io::{IsTerminal, Write, stderr, stdin};

use tokio::sync::oneshot;

/// Is somebody there to be asked?
pub(super) fn is_there() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// Asks; the answer is typed behind the question.
pub(super) fn ask(question: &str) {
    let mut stderr = stderr();
    let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
}

/// A line from stdin; `None` at its end. It is read in a thread of its own because a read can't be given up:
/// on the runtime's threads it would keep the process from ending.
pub(super) async fn line() -> Option<String> {
    let (sender, line) = oneshot::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = stdin().read_line(&mut text).ok().filter(|bytes| *bytes > 0);
        // Nobody waits for it any more when the process ends.
        let _ = sender.send(read.map(|_| text));
    });
    line.await.ok().flatten()
}
