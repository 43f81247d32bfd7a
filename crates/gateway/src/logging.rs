//! Where log lines go: to stderr, for people on a terminal, for machines everywhere else. What is logged can be
//! changed while the gateway runs.

mod line;
mod request;
mod together;

use std::io::{IsTerminal, stderr};
use std::sync::{OnceLock, PoisonError, RwLock};

use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::config::{Level, Log, LogFormat};
use line::{Json, Text};
use together::Together;

pub use request::{REQUESTS, RequestLine};
pub use together::flush;

/// The filter in force, once logging has begun.
static LEVEL: OnceLock<Control> = OnceLock::new();

/// Changes what is logged.
struct Control {
    filter: reload::Handle<EnvFilter, Registry>,
    /// What the settings say.
    set: Level,
    /// What is in force.
    now: RwLock<Level>,
}

/// What comes before every level. A receiver whose certificate is no good is no error of ours, and the line of
/// the attempt says it.
const QUIET: &str = "rustls_platform_verifier=off";

/// Starts logging for the whole process. Where a subscriber is installed already (in a test), that one
/// stays.
pub fn init(log: &Log) {
    let (filter, handle) = reload::Layer::new(filter(&log.level));
    // A line that can't be written (the disk is full) is lost. To complain about it on the same stderr would
    // panic, and the request with it.
    let lines = fmt::layer()
        .log_internal_errors(false)
        .with_writer(Together::start());
    let terminal = stderr().is_terminal();
    let pretty = is_pretty(log.format, terminal);
    let lines = if pretty {
        let text = Text::new(terminal);
        lines.with_ansi(terminal).event_format(text).boxed()
    } else {
        lines.event_format(Json).boxed()
    };
    let installed = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
    if installed.is_err() {
        tracing::debug!("logging was set up before");
        return;
    }
    if !pretty {
        request::go_straight();
    }
    let control = Control {
        filter: handle,
        set: log.level.clone(),
        now: RwLock::new(log.level.clone()),
    };
    let _ = LEVEL.set(control);
}

/// What is logged now; none where logging was not begun here.
pub fn level() -> Option<Level> {
    let control = LEVEL.get()?;
    let now = control.now.read().unwrap_or_else(PoisonError::into_inner);
    Some(now.clone())
}

/// From now on logs this, or, without one, what the settings say. Answers what is logged then; none where
/// logging was not begun here.
pub fn set_level(level: Option<Level>) -> Option<Level> {
    let control = LEVEL.get()?;
    let level = level.unwrap_or_else(|| control.set.clone());
    let mut now = control.now.write().unwrap_or_else(PoisonError::into_inner);
    // What was logged before stands before.
    flush();
    control.filter.reload(filter(&level)).ok()?;
    *now = level.clone();
    Some(level)
}

fn filter(level: &Level) -> EnvFilter {
    // The level was checked when it was read.
    EnvFilter::try_new(format!("{QUIET},{level}")).unwrap_or_else(|_| EnvFilter::new("info"))
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
