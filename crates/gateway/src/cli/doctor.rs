//! `evogate doctor`: whether everything is well that a gateway depends on, and what to do where it is not.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::admin::{Set, Table};
use super::{Failure, environment, tell_user};
use crate::config::Config;
use crate::doctor::{self, Finding, Status};

/// Which settings.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is generated, changed or spent. Ends with 0 where all is well, warnings included, and with 1 where
something does not work. Run it where the gateway runs, as the same user and with the same environment:

  evogate doctor --config /etc/evogate/evogate.toml
  evogate doctor --config evogate.toml --json | jq '.checks[] | select(.status == \"bad\")'")]
pub(super) struct Arguments {
    /// The file with the settings. Environment variables (`EVOGATE__…`) override it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON: `{\"well\": …, \"checks\": [{\"check\", \"status\", \"found\", \"to_do\"}]}`.
    #[arg(long)]
    json: bool,
}

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// Is nothing bad?
    well: bool,
    checks: &'a [Finding],
}

/// Checks everything, and prints what was found.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let checks = match Config::load(arguments.config.as_deref(), environment()) {
        Ok((config, warnings)) => doctor::examine(&config, &warnings).await,
        Err(errors) => errors.problems().iter().map(Finding::of_problem).collect(),
    };
    let bad = checks
        .iter()
        .filter(|check| check.status == Status::Bad)
        .count();
    if arguments.json {
        let report = Report {
            well: bad == 0,
            checks: &checks,
        };
        tell_user(serde_json::to_string_pretty(&report).map_err(Failure::new)?);
    } else {
        tell_user(table(&checks).shown(comfy_table::Table::new().width()));
    }
    match bad {
        0 => Ok(()),
        1 => Err(Failure::new("one thing is not well")),
        many => Err(Failure::new(format_args!("{many} things are not well"))),
    }
}

fn table(checks: &[Finding]) -> Table {
    let mut table = Table::new(&[
        ("check", Set::Firm),
        ("status", Set::Firm),
        ("found", Set::Text),
        ("to do", Set::Text),
    ]);
    for Finding {
        check,
        status,
        found,
        to_do,
    } in checks
    {
        let to_do = to_do.as_deref().unwrap_or_default();
        table.row([check.as_str(), status.as_str(), found.as_str(), to_do]);
    }
    table
}
