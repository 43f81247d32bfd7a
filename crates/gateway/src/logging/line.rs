//! The form of a log line: what happened, and after it what it happened to ([`Context`]).

use std::fmt;
use std::io;

use serde::ser::{SerializeMap as _, Serializer as _};
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_serde::{AsSerde as _, SerdeMapVisitor};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Full, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::registry::LookupSpan;

use crate::context::Context;

/// One JSON object a line: `timestamp`, `level`, `message` and its fields, `target`, and what the work is about,
/// all on one level. What a line says itself counts more than what its work is about.
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        write_json(&mut out, event, &time).map_err(|_| fmt::Error)?;
        writeln!(out)
    }
}

fn write_json(
    out: &mut Writer<'_>,
    event: &Event<'_>,
    time: &str,
) -> Result<(), serde_json::Error> {
    let mut serializer = serde_json::Serializer::new(Bytes(out));
    let mut line = serializer.serialize_map(None)?;
    // What comes from the `log` crate has its own way to say where it comes from.
    let normal = event.normalized_metadata();
    let about = normal.as_ref().unwrap_or_else(|| event.metadata());
    line.serialize_entry("timestamp", time)?;
    line.serialize_entry("level", &about.level().as_serde())?;
    let mut fields = SerdeMapVisitor::new(line);
    event.record(&mut fields);
    let mut line = fields.take_serializer()?;
    line.serialize_entry("target", about.target())?;
    if let Some(context) = Context::current() {
        for (name, value) in facts(&context) {
            if let Some(value) = value
                && event.metadata().fields().field(name).is_none()
            {
                line.serialize_entry(name, &value)?;
            }
        }
    }
    line.end()
}

/// What a line says of the work that it is about.
fn facts(context: &Context) -> [(&'static str, Option<String>); 4] {
    let request = Some(context.request_id()).filter(|id| !id.is_empty());
    [
        ("request_id", request.map(str::to_owned)),
        (
            "trace_id",
            Some(format!("{:032x}", context.trace().trace())),
        ),
        ("tenant", context.tenant().map(ToString::to_string)),
        ("task", context.task().map(ToString::to_string)),
    ]
}

/// `tracing-subscriber`'s own text, with what the work is about at its end.
pub(super) struct Text {
    format: Format<Full>,
}

impl Text {
    pub(super) fn new(colours: bool) -> Self {
        Self {
            format: Format::default().with_ansi(colours),
        }
    }
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        about: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        self.format
            .format_event(about, Writer::new(&mut text), event)?;
        write!(out, "{}", text.trim_end_matches('\n'))?;
        if let Some(context) = Context::current() {
            for (name, value) in facts(&context) {
                if let Some(value) = value
                    && event.metadata().fields().field(name).is_none()
                {
                    write!(out, " {name}={value}")?;
                }
            }
        }
        writeln!(out)
    }
}

/// Text that is written by someone who knows bytes. JSON is UTF-8, and never cut within a character.
struct Bytes<'a, 'b>(&'a mut Writer<'b>);

impl io::Write for Bytes<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        fmt::Write::write_str(self.0, text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
