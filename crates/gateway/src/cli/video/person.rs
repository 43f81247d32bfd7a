//! Who started it: they may end it, and may be asked.

use crate::cli::signals::{Signals, Stop};
use crate::cli::{terminal, warn_user};

/// What somebody wants who pressed Ctrl-C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// The task is to be cancelled.
    Cancel,
    /// The task goes on, nobody waits for it.
    Leave,
    /// It was a mistake.
    Wait,
}

impl Wish {
    /// What an answer means; `None` when nothing. Just Enter leaves the task alone.
    fn read(line: &str) -> Option<Self> {
        match line.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Some(Self::Cancel),
            "" | "n" | "no" => Some(Self::Leave),
            "w" | "wait" => Some(Self::Wait),
            _ => None,
        }
    }
}

/// Somebody at a terminal, or a script.
pub(super) trait Person {
    /// Waits until they want to end it.
    async fn stop(&mut self) -> Stop;

    /// Is somebody there to be asked?
    fn is_there(&self) -> bool;

    /// Waits for the answer to a question. `None`: it can't be understood.
    async fn wish(&mut self) -> Option<Wish>;
}

/// Whoever started the process.
pub(super) struct AtTerminal {
    signals: Signals,
}

impl AtTerminal {
    pub(super) fn new(signals: Signals) -> Self {
        Self { signals }
    }
}

impl Person for AtTerminal {
    async fn stop(&mut self) -> Stop {
        self.signals.next().await
    }

    fn is_there(&self) -> bool {
        terminal::is_there()
    }

    /// A second Ctrl-C or a SIGTERM in place of an answer leaves the task running.
    async fn wish(&mut self) -> Option<Wish> {
        tokio::select! {
            line = terminal::line() => line.map_or(Some(Wish::Leave), |line| Wish::read(&line)),
            _ = self.signals.next() => {
                // Ends the question's line.
                warn_user("");
                Some(Wish::Leave)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_cancels() {
        assert_eq!(Wish::read(" Y\n"), Some(Wish::Cancel));
        assert_eq!(Wish::read("\n"), Some(Wish::Leave));
        assert_eq!(Wish::read("no\n"), Some(Wish::Leave));
        assert_eq!(Wish::read("w\n"), Some(Wish::Wait));
        assert_eq!(Wish::read("yesterday\n"), None);
    }
}
