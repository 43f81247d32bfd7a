//! The exporter: what keeps the numbers, and writes them as Prometheus reads them.

use std::sync::OnceLock;

use ::metrics::{KeyName, Recorder as _};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusRecorder};

use super::handle::Kind;
use super::names::all;

/// One a process, as the numbers are those of the process.
static RECORDER: OnceLock<PrometheusRecorder> = OnceLock::new();

/// The exporter; made at its first use, with what is to be told of every metric.
pub(super) fn recorder() -> &'static PrometheusRecorder {
    RECORDER.get_or_init(|| {
        // The buckets are constants, and none of them is empty.
        let builder = builder().unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        for metric in all().map(super::handle::Listed::metric) {
            let name = KeyName::from_const_str(metric.name);
            match metric.kind {
                Kind::Counter => recorder.describe_counter(name, None, metric.help.into()),
                Kind::Gauge => recorder.describe_gauge(name, None, metric.help.into()),
                Kind::Histogram => recorder.describe_histogram(name, None, metric.help.into()),
            }
        }
        recorder
    })
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in all().map(super::handle::Listed::metric) {
        if metric.kind == Kind::Histogram {
            let name = Matcher::Full(metric.name.to_owned());
            builder = builder.set_buckets_for_metric(name, metric.buckets)?;
        }
    }
    Ok(builder)
}

/// Begins: counters are there from the start, at 0.
pub fn begin() {
    recorder();
    for listed in all() {
        listed.show();
    }
}

/// Every number, as Prometheus reads them.
pub fn render() -> String {
    let mut text = recorder().handle().render();
    text.push_str(&super::whole::tenants());
    text
}

/// Histograms are kept as samples until this folds them into their buckets: to be called now and then, or
/// memory grows.
pub fn fold() {
    recorder().handle().run_upkeep();
}
