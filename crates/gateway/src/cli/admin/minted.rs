//! A secret that was just made: shown this once.

use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::{Answer, explained};
use super::screen::Screen;
use super::table::Table;
use crate::cli::remote::{CallError, Problem};

/// How a new secret is printed.
#[derive(Debug, Args)]
pub(in crate::cli) struct Print {
    /// Print the secret alone, as for KEY=$(…).
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
}

#[derive(Deserialize)]
struct Secret {
    key: String,
}

impl Print {
    /// Prints the secret, with what it belongs to.
    pub(super) fn print<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        screen: &Screen,
        show: impl FnOnce(&T, &Screen) -> Table,
    ) -> Result<(), Problem> {
        let Secret { key } = answer.read()?;
        if self.quiet {
            screen.say(&key);
            return Ok(());
        }
        screen.print(answer, |owner: &T, screen| {
            let table = screen.show(&show(owner, screen));
            format!(
                "{table}\n\nThe key. It is shown this once; only a hash of it is kept:\n\n{key}"
            )
        })
    }
}

/// A call that makes a secret is not made twice: whoever did not get the answer looks first.
pub(super) fn unknown(error: CallError, look: &str) -> Problem {
    let doubt = matches!(error, CallError::Unclear { sent: true, .. });
    let problem = explained(error);
    if doubt {
        problem.hint(format_args!(
            "Nobody knows whether it was done. `{look}` shows it; do it again and delete the one too many."
        ))
    } else {
        problem
    }
}
