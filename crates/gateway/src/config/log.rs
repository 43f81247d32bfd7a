//! `log`: what is logged, and in which form.

use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use super::reader::Reader;
use super::setting::{Raw, Setting};

/// `log`: level and form.
#[derive(Debug, Clone)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// What is logged.
    pub level: Level,
    /// Which requests have a line.
    pub requests: LogRequests,
    /// May prompts be logged?
    pub prompts: bool,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// [`LogFormat::Pretty`] when stderr is a terminal, else [`LogFormat::Json`].
    Auto,
    /// For people.
    Pretty,
    /// One object a line.
    Json,
}

/// Which requests have a line at the level `info`; the others have theirs at `debug`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogRequests {
    /// Every request.
    All,
    /// Those that are answered with 400 or more.
    Errors,
    /// None.
    Nothing,
}

/// A level, also by module, as `tracing-subscriber` reads it: `info`, `info,evogate_store=debug`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level(String);

/// A text that is no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a level; write error, warn, info, debug, trace or info,evogate=debug")]
pub struct InvalidLevel(String);

/// The longest filter: one that is written by a person is short.
const LONGEST: usize = 1000;

impl Level {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Level {
    type Err = InvalidLevel;

    fn from_str(text: &str) -> Result<Self, InvalidLevel> {
        let names_a_level = |part: &str| {
            let level = part.rsplit('=').next().unwrap_or(part).trim();
            !level.is_empty() && level.parse::<LevelFilter>().is_ok()
        };
        // The filter itself would take `inof` for the name of a module.
        let good = text.len() <= LONGEST
            && text.split(',').all(names_a_level)
            && EnvFilter::try_new(text).is_ok();
        let shown = || text.chars().take(LONGEST).collect();
        good.then(|| Self(text.to_owned()))
            .ok_or_else(|| InvalidLevel(shown()))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Log {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let format = from.required("log.format");
        let level = from.required("log.level");
        let requests = from.required("log.requests");
        let prompts = from.required("log.prompts");
        Some(Self {
            format: format?,
            level: level?,
            requests: requests?,
            prompts: prompts?,
        })
    }
}

impl Setting for Level {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let text = String::read(raw)?;
        text.parse()
            .map_err(|error: InvalidLevel| error.to_string())
    }
}

impl Setting for LogRequests {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        match raw.text()? {
            "all" => Ok(Self::All),
            "errors" => Ok(Self::Errors),
            "none" => Ok(Self::Nothing),
            other => Err(format!("`{other}` is not one of all, errors and none")),
        }
    }
}

impl Setting for LogFormat {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        match raw.text()? {
            "auto" => Ok(Self::Auto),
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            other => Err(format!(
                "`{other}` is not a format; write auto, pretty or json"
            )),
        }
    }
}
