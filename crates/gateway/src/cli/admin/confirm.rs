//! Asks before something that can't be undone. Without a terminal nobody is asked, and nothing is done.

use clap::Args;

use crate::cli::remote::Problem;
use crate::cli::terminal;

/// May it be done without asking?
#[derive(Debug, Args)]
pub(in crate::cli) struct Consent {
    /// Do it without asking.
    #[arg(short, long)]
    yes: bool,
}

impl Consent {
    /// Goes on only if somebody wants `what`, a sentence without its question mark.
    pub(super) async fn to(&self, what: &str) -> Result<(), Problem> {
        if self.yes {
            return Ok(());
        }
        if !terminal::is_there() {
            let problem = Problem::usage(format_args!("{what}? There is nobody to ask"));
            return Err(problem.hint("Say --yes to do it without asking."));
        }
        terminal::ask(&format!("{what}? [y/N] "));
        if agrees(terminal::line().await.as_deref()) {
            Ok(())
        } else {
            Err(Problem::interrupted("nothing was changed"))
        }
    }
}

/// Only a clear yes is one.
fn agrees(line: Option<&str>) -> bool {
    let line = line.map(|line| line.trim().to_ascii_lowercase());
    matches!(line.as_deref(), Some("y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for (line, yes) in [
            (Some("y\n"), true),
            (Some(" YES "), true),
            (Some("\n"), false),
            (Some("yesterday"), false),
            (None, false),
        ] {
            assert_eq!(agrees(line), yes, "{line:?}");
        }
    }
}
