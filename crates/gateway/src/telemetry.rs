//! Spans, sent by OTLP to a collector that ops configured (`telemetry.otlp_endpoint`).
//!
//! What must hold: without a collector, a span costs the look at one pointer; with one that is away, slow or
//! full, nothing waits for it: finished spans go into a bounded queue and are dropped when that is full; and a
//! span says names from short lists, ids, numbers and nothing else, so that no secret and no prompt is in one.
//!
//! A span ends when its work ends, whatever it began is still under way: spans of `tracing` would wait for the
//! last of their children, and most work here goes on after its request was answered.

mod collector;
mod span;

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use evogate_store::{Clock as _, SystemClock};
use http::StatusCode;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, RetryPolicy, SpanExporter, WithExportConfig as _,
    WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter as _, SpanProcessor as _,
};
use url::Url;

use crate::config::Telemetry;
use collector::{Asked, Collector};
pub(crate) use span::new_id;
pub(crate) use span::store_call;
pub use span::{Kind, Span};

/// How many finished spans may wait for the collector; more are dropped.
const QUEUE: usize = 8_192;
/// How long they wait for others, to go together.
const DELAY: Duration = Duration::from_secs(1);
/// The longest that one batch may take.
const EXPORT: Duration = Duration::from_secs(5);
/// The longest that a shutdown waits for the last batch.
const FLUSH: Duration = Duration::from_secs(3);

/// Where spans go, once there is such a place.
static SINK: OnceLock<Sink> = OnceLock::new();

#[derive(Debug)]
struct Sink {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    /// Of 2^56 new traces, so many are recorded.
    sampled: u64,
    /// The same moment on both clocks: spans are timed by the one and dated by the other.
    start: (SystemTime, Instant),
}

impl Sink {
    fn now(&self) -> SystemTime {
        let (date, moment) = self.start;
        date + moment.elapsed()
    }

    fn take(&self, span: SpanData) {
        self.processor.on_end(span);
    }
}

/// Why no spans can be sent.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The HTTP client can't be made.
    #[error("telemetry.otlp_endpoint: the HTTP client can't be made: {0}")]
    Client(#[from] reqwest::Error),
    /// The exporter can't be made.
    #[error("telemetry.otlp_endpoint: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// Begins to send spans, where a collector is configured. To be called once, inside a tokio runtime.
pub fn init(config: &Telemetry) -> Result<(), TelemetryError> {
    let Some(endpoint) = &config.otlp_endpoint else {
        return Ok(());
    };
    let exporter = exporter(
        Collector::new(config)?,
        endpoint,
        RetryPolicy::recommended(),
    )?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_scheduled_delay(DELAY)
        .build();
    let mut processor = BatchSpanProcessor::new(exporter, batches);
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder()
        .with_attribute(version)
        .with_service_name(config.service_name.clone())
        .build();
    processor.set_resource(&resource);
    let date = Duration::from_millis(SystemClock.now().millis().unsigned_abs());
    let sink = Sink {
        processor,
        scope: InstrumentationScope::builder("evogate")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
        sampled: config.sampled(),
        start: (SystemTime::UNIX_EPOCH + date, Instant::now()),
    };
    if SINK.set(sink).is_ok() {
        tracing::info!(collector = endpoint.host_str(), "spans are sent");
    }
    Ok(())
}

fn exporter(
    client: impl HttpClient + 'static,
    endpoint: &Url,
    retries: RetryPolicy,
) -> Result<SpanExporter, ExporterBuildError> {
    SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint.as_str())
        .with_timeout(EXPORT)
        .with_retry_policy(retries)
        .build()
}

/// What the collector says to a batch without spans: a status, or why there is none. None where no collector is
/// configured.
pub async fn ask(config: &Telemetry) -> Option<Result<StatusCode, String>> {
    let endpoint = config.otlp_endpoint.as_ref()?;
    Some(try_to_ask(config, endpoint).await)
}

async fn try_to_ask(config: &Telemetry, endpoint: &Url) -> Result<StatusCode, String> {
    let shown = |error: TelemetryError| error.to_string();
    let (asked, answer) = Asked::new(config).map_err(|error| shown(error.into()))?;
    let exporter = exporter(asked, endpoint, RetryPolicy::disabled());
    let exporter = exporter.map_err(|error| shown(error.into()))?;
    let ended = exporter.export(Vec::new()).await;
    let answer = answer.get().cloned();
    answer.unwrap_or_else(|| Err(format!("{ended:?}")))
}

/// Is a new trace with this (random) id to be recorded?
pub fn samples(trace: u128) -> bool {
    // The lower 56 bits are those that the specification wants to be random.
    let drawn = trace & ((1 << 56) - 1);
    SINK.get()
        .is_some_and(|sink| drawn < u128::from(sink.sampled))
}

/// Are spans sent at all?
pub fn is_on() -> bool {
    SINK.get().is_some()
}

/// Sends what waits, within a bound, and nothing afterwards.
pub async fn shutdown() {
    let Some(sink) = SINK.get() else {
        return;
    };
    // It blocks.
    let flushed = tokio::task::spawn_blocking(|| sink.processor.shutdown_with_timeout(FLUSH)).await;
    if !matches!(flushed, Ok(Ok(()))) {
        tracing::warn!("the last spans were not sent");
    }
}
