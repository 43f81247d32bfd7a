//! The command line. Each command is a file; what they share is here.
//!
//! Exit codes: 0 when all went well, 1 when something failed, 2 when the command line or the settings
//! are wrong (nothing was started then), 130 when somebody ended it before it was done.

mod admin;
mod check;
mod dev;
mod doctor;
mod health;
mod log_level;
mod metrics;
mod openapi;
mod remote;
mod serve;
mod signals;
mod terminal;
mod video;

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::ConfigErrors;

/// The company-owned gateway in front of EvoLink.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(serve::Arguments),
    /// Say what is wrong with the settings, without starting anything.
    Check(check::Arguments),
    /// Say whether everything is well that a gateway depends on, and what to do where it is not.
    Doctor(doctor::Arguments),
    /// Say whether a running gateway is ready.
    Health(health::Arguments),
    /// Say or change what a running gateway logs.
    LogLevel(log_level::Arguments),
    /// Run everything on this machine: the gateway, a store, and a fake EvoLink.
    Dev(dev::Arguments),
    /// Print the OpenAPI document of every route (JSON), as `/openapi.json` serves it.
    Openapi,
    /// Print the page that describes every metric (Markdown), `docs/metrics.md`.
    #[command(hide = true)]
    Metrics,
    /// Make one video: submit it, watch it being made, download it.
    Video(Box<video::Arguments>),
    #[command(flatten)]
    Admin(admin::Command),
}

impl Cli {
    /// Runs the command, and says on stderr why it failed.
    pub async fn run(self) -> ExitCode {
        let done = match self.command {
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Check(arguments) => check::run(&arguments),
            Command::Doctor(arguments) => doctor::run(arguments).await,
            Command::Health(arguments) => health::run(arguments).await,
            Command::LogLevel(arguments) => log_level::run(arguments).await,
            Command::Dev(arguments) => dev::run(arguments).await,
            Command::Openapi => openapi::run(),
            Command::Metrics => metrics::run(),
            Command::Video(arguments) => video::run(*arguments).await,
            Command::Admin(command) => admin::run(command).await,
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                warn_user(&failure.message);
                ExitCode::from(failure.code)
            }
        }
    }
}

/// Why a command ended badly.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// Something that should have worked did not.
    fn new(reason: impl fmt::Display) -> Self {
        Self {
            code: 1,
            message: format!("evogate: {reason}"),
        }
    }

    /// The user asked twice to end it, or ended it before it was ready.
    fn interrupted() -> Self {
        Self {
            code: 130,
            message: "evogate: ended at once".into(),
        }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self {
            code: 2,
            message: format!("evogate: the settings are wrong:\n{errors}"),
        }
    }
}

/// The variables of this process. Text that is not Unicode is handed on with replacement characters, for
/// the settings to refuse.
fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// A text as a shell takes it: in quotes if need be.
fn quoted(text: &str) -> String {
    let harmless = |c: char| c.is_alphanumeric() || "/._-+:".contains(c);
    if !text.is_empty() && text.chars().all(harmless) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Prints a line for the user. A reader that went away is no reason to end.
fn tell_user(text: impl fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a line on stderr.
fn warn_user(text: impl fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_tells_the_version() {
        for command in [
            "serve",
            "check",
            "doctor",
            "health",
            "log-level",
            "dev",
            "openapi",
            "video",
            "tenant",
        ] {
            let error = Cli::try_parse_from(["evogate", command, "--version"]).unwrap_err();
            assert_eq!(error.kind(), clap::error::ErrorKind::DisplayVersion);
        }
    }

    #[test]
    fn wrong_settings_end_with_two() {
        assert_eq!(Failure::from(ConfigErrors::of("x", "is wrong")).code, 2);
    }
}
