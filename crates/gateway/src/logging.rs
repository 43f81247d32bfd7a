//! Where log lines go: to stderr, for people on a terminal, for machines everywhere else.

mod together;

use std::io::{IsTerminal, stderr};

use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat};

use together::Together;
pub use together::flush;

/// What comes before `log.level`. A receiver whose certificate is no good is no error of ours, and the line of
/// the attempt says it.
const QUIET: &str = "rustls_platform_verifier=off";

/// Starts logging for the whole process. Where a subscriber is installed already (in a test), that one
/// stays.
pub fn init(log: &Log) {
    // Checked when the settings were read.
    let level = format!("{QUIET},{}", log.level);
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE)
        // A line that can't be written (the disk is full) is lost. To complain about it on the same stderr
        // would panic, and the request with it.
        .log_internal_errors(false)
        .with_writer(Together::start());
    let installed = if is_pretty(log.format, stderr().is_terminal()) {
        lines.with_ansi(stderr().is_terminal()).finish().try_init()
    } else {
        // The fields of a line stand beside its message; the innermost span tells the request.
        let json = lines.json().flatten_event(true).with_span_list(false);
        json.finish().try_init()
    };
    if installed.is_err() {
        tracing::debug!("logging was set up before");
    }
}

fn is_pretty(format: LogFormat, terminal: bool) -> bool {
    match format {
        LogFormat::Auto => terminal,
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_text_and_a_pipe_gets_json_unless_told_otherwise() {
        assert!(is_pretty(LogFormat::Auto, true));
        assert!(!is_pretty(LogFormat::Auto, false));
        assert!(is_pretty(LogFormat::Pretty, false));
        assert!(!is_pretty(LogFormat::Json, true));
    }
}
