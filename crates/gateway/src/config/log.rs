//! `log`: what is logged, and in which form.

use tracing_subscriber::EnvFilter;

use super::reader::Reader;
use super::setting::{Raw, Setting};

/// `log`: level and form.
#[derive(Debug, Clone)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// A filter that `tracing-subscriber` reads: `info`, `info,evogate=debug`.
    pub level: String,
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

impl Log {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let format = from.required("log.format");
        let level = from.required::<Level>("log.level");
        Some(Self {
            format: format?,
            level: level?.0,
        })
    }
}

struct Level(String);

impl Setting for Level {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let text = String::read(raw)?;
        let names_a_level = |part: &str| {
            let level = part.rsplit('=').next().unwrap_or(part).trim();
            level.parse::<tracing::level_filters::LevelFilter>().is_ok()
        };
        // The filter itself would take `inof` for the name of a module.
        if text.split(',').all(names_a_level) && EnvFilter::try_new(&text).is_ok() {
            return Ok(Self(text));
        }
        Err(format!(
            "`{text}` is not a level; write error, warn, info, debug, trace or info,evogate=debug"
        ))
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
