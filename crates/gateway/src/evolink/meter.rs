//! What is counted and logged of a call: its name, how long it took, how it ended. Never a body or a header.

use std::time::{Duration, Instant};

use http::Method;

use crate::context::Scoped;
use crate::telemetry::{Kind, Span};

use crate::metrics::{UPSTREAM_REQUESTS, UPSTREAM_SECONDS};

/// The outcomes that are nobody's verdict.
const FAILURES: [&str; 6] = [
    "not_sent",
    "too_late",
    "unknown",
    "rate_limited",
    "failed",
    "dead",
];

/// A kind of call.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) method: Method,
    /// The path below the base URL, with names in place of ids.
    pub(super) path: &'static str,
}

impl Operation {
    pub(super) const fn get(name: &'static str, path: &'static str) -> Self {
        Self {
            name,
            method: Method::GET,
            path,
        }
    }

    pub(super) const fn post(name: &'static str, path: &'static str) -> Self {
        Self {
            name,
            method: Method::POST,
            path,
        }
    }

    /// Starts the watch of one call.
    pub(super) fn start(&self) -> Meter<'_> {
        Meter {
            operation: self,
            began: Instant::now(),
            span: Span::below("evolink", Kind::Client),
        }
    }
}

/// The watch of one call.
#[derive(Debug)]
pub(super) struct Meter<'a> {
    operation: &'a Operation,
    began: Instant,
    span: Span,
}

impl Meter<'_> {
    /// The call itself: what it sends on of its trace leads to this span.
    pub(super) fn around<F: Future>(&self, call: F) -> Scoped<F> {
        self.span.around(call)
    }

    /// The call has ended; `why` is empty when all went well.
    pub(super) fn stop(mut self, outcome: &'static str, why: &str) {
        let Operation { name, method, path } = self.operation;
        let took: Duration = self.began.elapsed();
        UPSTREAM_REQUESTS.one([name, outcome]);
        UPSTREAM_SECONDS.record([name], took.as_secs_f64());
        self.span.tell(|facts| {
            facts.name(format!("evolink {name}"));
            facts.set("http.request.method", method.to_string());
            facts.set("url.template", *path);
            facts.set("evogate.outcome", outcome);
            if FAILURES.contains(&outcome) {
                facts.fail();
            }
        });
        tracing::debug!(operation = *name, %method, path, outcome, why, ?took, "EvoLink was called");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::render;

    #[test]
    fn a_call_is_counted_by_operation_and_outcome_and_timed() {
        let operation = Operation::get("list", "/tasks");
        operation.start().stop("ok", "");
        let text = render();
        for series in [
            r#"evogate_upstream_requests_total{operation="list",outcome="ok"}"#,
            r#"evogate_upstream_request_seconds_count{operation="list"}"#,
        ] {
            let counted = text.lines().any(|line| line.starts_with(series));
            assert!(counted, "{text}");
        }
    }
}
