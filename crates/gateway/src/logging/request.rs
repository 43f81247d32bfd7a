//! The line of a request: by far the most lines are of this kind. Where lines are JSON, it goes straight among
//! those that wait to be written; tracing's way through fields and visitors costs more than the rest of it. It
//! is the same line, and the same filter lets it pass.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evogate_models::{TaskId, TenantId};
use http::Method;
use serde::{Serialize, Serializer};
use tracing::Level;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use super::together;
use crate::auth::Credential;
use crate::context::Context;

/// What a line is about, for lines that can be many: one a request. Part of its `target`, so that a filter can
/// name it.
pub const REQUESTS: &str = "evogate::requests";

/// What they all say.
const MESSAGE: &str = "request";

/// Are lines JSON, and written by us?
static STRAIGHT: AtomicBool = AtomicBool::new(false);

/// From now on lines go straight among those that wait.
pub(super) fn go_straight() {
    STRAIGHT.store(true, Ordering::Release);
}

/// What is said of a request, once it is answered.
#[derive(Debug)]
pub struct RequestLine<'a> {
    /// Who asked, for what task, in which trace.
    pub context: &'a Context,
    /// The method.
    pub method: &'a Method,
    /// The route's template.
    pub route: &'a str,
    /// The answer's status.
    pub status: u16,
    /// The error's code, where it is one.
    pub code: Option<&'a str>,
    /// How long the answer took to begin.
    pub took: Duration,
    /// Bytes of the request's body, where it said so.
    pub bytes_in: Option<u64>,
    /// Bytes of the answer's body; none where it is a stream.
    pub bytes_out: Option<u64>,
}

impl RequestLine<'_> {
    /// Writes the line at level `info`, or at `debug` where it was not asked for.
    pub fn write(&self, asked_for: bool) {
        // The level of a line is part of where it is written.
        macro_rules! at {
            ($level:ident, $LEVEL:ident) => {
                if !STRAIGHT.load(Ordering::Acquire) {
                    tracing::$level!(
                        target: REQUESTS,
                        request_id = self.context.request_id(),
                        trace_id = format_args!("{:032x}", self.context.trace().trace()),
                        tenant = self.context.tenant().map(tracing::field::display),
                        credential = self.context.credential().map(tracing::field::display),
                        task = self.context.task().map(tracing::field::display),
                        method = %self.method,
                        route = self.route,
                        status = self.status,
                        code = self.code,
                        took_ms = self.took_ms(),
                        bytes_in = self.bytes_in,
                        bytes_out = self.bytes_out,
                        "{MESSAGE}"
                    );
                } else if tracing::enabled!(target: REQUESTS, Level::$LEVEL) {
                    let mut line = Vec::with_capacity(512);
                    self.json(stringify!($LEVEL), &mut line);
                    together::add(&line, false);
                }
            };
        }
        if asked_for {
            at!(info, INFO);
        } else {
            at!(debug, DEBUG);
        }
    }

    fn took_ms(&self) -> u64 {
        u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX)
    }

    /// Adds the line to `out`, as [`super::line::Json`] would.
    fn json(&self, level: &str, out: &mut Vec<u8>) {
        let mut timestamp = String::with_capacity(32);
        let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
        let line = Json {
            timestamp: &timestamp,
            level,
            message: MESSAGE,
            request_id: self.context.request_id(),
            trace_id: Text(format_args!("{:032x}", self.context.trace().trace())),
            tenant: self.context.tenant().map(Text),
            credential: self.context.credential().map(Text),
            task: self.context.task().map(Text),
            method: self.method.as_str(),
            route: self.route,
            status: self.status,
            code: self.code,
            took_ms: self.took_ms(),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            target: REQUESTS,
        };
        // Nothing of it can fail: it is text and numbers, into memory.
        if serde_json::to_writer(&mut *out, &line).is_ok() {
            out.push(b'\n');
        }
    }
}

#[derive(Serialize)]
struct Json<'a, T: Display> {
    timestamp: &'a str,
    level: &'a str,
    message: &'a str,
    request_id: &'a str,
    trace_id: Text<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Text<&'a TenantId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<Text<&'a Credential>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<Text<&'a TaskId>>,
    method: &'a str,
    route: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    took_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_out: Option<u64>,
    target: &'a str,
}

/// What shows itself as text.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use http::HeaderMap;
    use serde_json::Value;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A line's fields in their order, but for the time, of which its form.
    fn fields(text: &[u8]) -> Vec<(String, Value)> {
        let text = std::str::from_utf8(text).unwrap();
        assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text}");
        let value: Value = serde_json::from_str(text).unwrap();
        let mut fields: Vec<_> = value.as_object().unwrap().clone().into_iter().collect();
        fields.sort_by_key(|(name, _)| text.find(&format!("\"{name}\":")));
        for (name, value) in &mut fields {
            if name == "timestamp" {
                let form = |c: char| if c.is_ascii_digit() { '0' } else { c };
                let text = value.as_str().unwrap();
                *value = text.chars().map(form).collect::<String>().into();
            }
        }
        fields
    }

    fn same(line: &RequestLine) {
        let page = Page::default();
        let to = page.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(move || to.clone())
            .event_format(super::super::line::Json);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || line.write(true));
        let mut straight = Vec::new();
        line.json("INFO", &mut straight);
        assert_eq!(fields(&straight), fields(&page.0.lock().unwrap()));
    }

    #[test]
    fn the_straight_line_is_the_line_that_tracing_writes() {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", "mine".parse().unwrap());
        let context = Context::of(&headers);
        let mut line = RequestLine {
            context: &context,
            method: &Method::GET,
            route: "/v1/tasks/{id}",
            status: 200,
            code: None,
            took: Duration::from_micros(1_999),
            bytes_in: None,
            bytes_out: None,
        };
        same(&line);
        context.set_tenant(&"team".parse().unwrap());
        context.set_task(&"task-unified-1772203771-yf1dxogh".parse().unwrap());
        context.set_caller(&crate::auth::Principal {
            tenant: "team".parse().unwrap(),
            credential: Credential::Token {
                issuer: "idp".into(),
                subject: "quo\"ted\n\u{1}é".into(),
            },
            user: None,
            scopes: crate::auth::Scopes::default(),
            credit_cap: None,
        });
        line.status = 402;
        line.code = Some("insufficient_credits");
        line.bytes_in = Some(0);
        line.bytes_out = Some(u64::MAX);
        same(&line);
    }
}
