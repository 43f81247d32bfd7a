//! What is counted and logged of a call: its name, how long it took, how it ended. Never a body or a header.

use std::time::{Duration, Instant};

use http::Method;

/// Counts calls to EvoLink by `operation` and `outcome`.
pub const REQUESTS: &str = "evogate_upstream_requests_total";
/// The seconds that calls to EvoLink took, by `operation`.
pub const SECONDS: &str = "evogate_upstream_request_seconds";

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
        }
    }
}

/// The watch of one call.
#[derive(Debug)]
pub(super) struct Meter<'a> {
    operation: &'a Operation,
    began: Instant,
}

impl Meter<'_> {
    /// The call has ended; `why` is empty when all went well.
    pub(super) fn stop(self, outcome: &'static str, why: &str) {
        let Operation { name, method, path } = self.operation;
        let took: Duration = self.began.elapsed();
        metrics::counter!(REQUESTS, "operation" => *name, "outcome" => outcome).increment(1);
        metrics::histogram!(SECONDS, "operation" => *name).record(took.as_secs_f64());
        tracing::debug!(operation = *name, %method, path, outcome, why, ?took, "EvoLink was called");
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn a_call_is_counted_by_operation_and_outcome_and_timed() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            Operation::get("read", "/tasks/{id}")
                .start()
                .stop("task", "");
        });
        let text = recorder.handle().render();
        let counted = r#"evogate_upstream_requests_total{operation="read",outcome="task"} 1"#;
        assert!(text.contains(counted), "{text}");
        assert!(
            text.contains(r#"evogate_upstream_request_seconds_count{operation="read"} 1"#),
            "{text}"
        );
    }
}
