//! `evogate check`: the settings, judged as `serve` would.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, environment, tell_user, warn_user};
use crate::config::{Config, ConfigErrors, Warning};

/// Which settings.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The file with the settings. Environment variables (`EVOGATE__…`) override it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints every problem and every warning; only problems make it fail.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let warnings = check(arguments.config.as_deref(), environment())?;
    for warning in &warnings {
        warn_user(format_args!("warning: {warning}"));
    }
    tell_user(match warnings.len() {
        0 => "The settings are fine.".into(),
        1 => "The settings are fine, with one warning.".into(),
        count => format!("The settings are fine, with {count} warnings."),
    });
    Ok(())
}

fn check(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Vec<Warning>, ConfigErrors> {
    let (_, warnings) = Config::load(file, environment)?;
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_alone_are_fine() {
        let key = ("EVOGATE__EVOLINK__API_KEY".into(), "sk-0123456789".into());
        let warnings = check(None, std::iter::once(key)).unwrap();
        assert!(!warnings.is_empty());
    }

    #[test]
    fn a_wrong_catalogue_is_a_problem() {
        let environment = [
            ("EVOGATE__EVOLINK__API_KEY", "sk-0123456789"),
            ("EVOGATE__CATALOGUE", "no/such/file.toml"),
        ];
        let environment = environment.map(|(name, text)| (name.into(), text.into()));
        let errors = check(None, environment.into_iter()).unwrap_err();
        assert_eq!(errors.problems()[0].key, "catalogue");
    }
}
