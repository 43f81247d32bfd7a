//! An OpenTelemetry collector on loopback: it takes spans by OTLP/HTTP, and misbehaves when told to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;
use tokio::net::TcpListener;

use crate::spawn;
use crate::wait::until;

/// A span as it was sent, with its ids in hexadecimal.
#[derive(Debug, Clone)]
pub struct SentSpan {
    /// Its name.
    pub name: String,
    /// Its trace.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// The span above it; empty for none.
    pub parent: String,
    /// OTLP's number of its kind: 1 internal, 2 server, 3 client.
    pub kind: i32,
    /// Did it end badly?
    pub failed: bool,
    /// Nanoseconds from its beginning to its end.
    pub nanoseconds: u64,
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
}

/// How the collector answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    Hangs,
    Fails,
}

#[derive(Debug)]
struct Shared {
    spans: Mutex<Vec<SentSpan>>,
    /// Everything that came, for those who look for what must not come.
    raw: Mutex<Vec<Bytes>>,
    headers: Mutex<Vec<HeaderMap>>,
    services: Mutex<Vec<String>>,
    mood: Mutex<Mood>,
}

/// See the module. Ends with the test's runtime.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Collector {
    /// Starts one that takes everything.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            spans: Mutex::default(),
            raw: Mutex::default(),
            headers: Mutex::default(),
            services: Mutex::default(),
            mood: Mutex::new(Mood::Takes),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let router = Router::new().fallback(take).with_state(Arc::clone(&shared));
        spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, shared }
    }

    /// Its address, for `telemetry.otlp_endpoint`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it takes requests and answers none.
    pub fn hang(&self) {
        *lock(&self.shared.mood) = Mood::Hangs;
    }

    /// From now on it answers 503.
    pub fn fail(&self) {
        *lock(&self.shared.mood) = Mood::Fails;
    }

    /// From now on it takes everything.
    pub fn recover(&self) {
        *lock(&self.shared.mood) = Mood::Takes;
    }

    /// The spans that it took so far.
    pub fn spans(&self) -> Vec<SentSpan> {
        lock(&self.shared.spans).clone()
    }

    /// How many batches came, taken or not.
    pub fn batches(&self) -> usize {
        lock(&self.shared.raw).len()
    }

    /// Everything that came, as it came.
    pub fn raw(&self) -> Vec<Bytes> {
        lock(&self.shared.raw).clone()
    }

    /// The headers of each batch.
    pub fn headers(&self) -> Vec<HeaderMap> {
        lock(&self.shared.headers).clone()
    }

    /// What those who sent call themselves.
    pub fn services(&self) -> Vec<String> {
        lock(&self.shared.services).clone()
    }

    /// The spans of a trace, as soon as one of this name is among them.
    pub async fn trace_with(&self, trace: &str, name: &str) -> Vec<SentSpan> {
        until(
            &format!("a span `{name}` in the trace {trace}"),
            async || {
                let mut spans = self.spans();
                spans.retain(|span| span.trace == trace);
                spans.iter().any(|span| span.name == name).then_some(spans)
            },
        )
        .await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn take(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let good = request.uri().path() == "/v1/traces" && request.method() == "POST";
    let headers = request.headers().clone();
    let body = to_bytes(request.into_body(), 64 << 20)
        .await
        .unwrap_or_default();
    lock(&shared.headers).push(headers);
    lock(&shared.raw).push(body.clone());
    let mood = *lock(&shared.mood);
    match mood {
        Mood::Hangs => std::future::pending().await,
        Mood::Fails => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mood::Takes if good => {
            let batch = ExportTraceServiceRequest::decode(body).expect("spans in protobuf");
            read(&shared, batch);
            StatusCode::OK.into_response()
        }
        Mood::Takes => StatusCode::NOT_FOUND.into_response(),
    }
}

fn read(shared: &Shared, batch: ExportTraceServiceRequest) {
    for resource in batch.resource_spans {
        let about = resource.resource.unwrap_or_default().attributes;
        let name = about.into_iter().find(|pair| pair.key == "service.name");
        let name = name
            .and_then(|pair| pair.value?.value)
            .map(|value| text(&value));
        lock(&shared.services).extend(name);
        for span in resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            let attributes = span.attributes.into_iter().filter_map(|pair| {
                let value = pair.value?.value?;
                Some((pair.key, text(&value)))
            });
            lock(&shared.spans).push(SentSpan {
                name: span.name,
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                kind: span.kind,
                failed: span.status.is_some_and(|status| status.code == 2),
                nanoseconds: span
                    .end_time_unix_nano
                    .saturating_sub(span.start_time_unix_nano),
                attributes: attributes.collect(),
            });
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
