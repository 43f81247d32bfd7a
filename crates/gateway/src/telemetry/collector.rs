//! The way to the collector: a client like the gateway's others, on the gateway's own runtime, since the
//! exporter's thread has none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::runtime::Handle;

use super::EXPORT;
use crate::config::Telemetry;
use crate::webhooks::guard::explain;

/// The most that is read of an answer, in bytes.
const LONGEST: usize = 64 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct Collector {
    client: Client,
    runtime: Handle,
    /// What the settings say that it asks for. OpenTelemetry's own variables may have added others.
    headers: HeaderMap,
    /// Did the last batch fail? It is said once, not for every batch.
    failing: AtomicBool,
}

impl Collector {
    pub(super) fn new(config: &Telemetry) -> Result<Self, reqwest::Error> {
        let mut client = Client::builder()
            .user_agent(concat!("evogate/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .no_proxy()
            .timeout(EXPORT);
        let endpoint = config.otlp_endpoint.as_ref();
        if endpoint.is_some_and(|endpoint| endpoint.scheme() == "http") {
            client = client.tls_certs_only([]);
        }
        Ok(Self {
            client: client.build()?,
            runtime: Handle::current(),
            headers: config.headers().filter_map(header).collect(),
            failing: AtomicBool::new(false),
        })
    }

    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        request.headers_mut().extend(self.headers.clone());
        let request = reqwest::Request::try_from(request);
        let request = request.map_err(|error| explain(&error.without_url()))?;
        let sent = self.runtime.spawn(send(self.client.clone(), request));
        sent.await.map_err(|error| error.to_string())?
    }

    fn tell(&self, failed: Option<&str>) {
        let before = self.failing.swap(failed.is_some(), Ordering::Relaxed);
        match failed {
            Some(why) if !before => {
                tracing::warn!(
                    why,
                    "the collector takes no spans; they are dropped meanwhile"
                );
            }
            None if before => tracing::info!("the collector takes spans again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        match self.send(request).await {
            Ok(response) => {
                let status = response.status();
                let refused = (!status.is_success()).then(|| format!("HTTP {}", status.as_u16()));
                self.tell(refused.as_deref());
                Ok(response)
            }
            Err(why) => {
                self.tell(Some(&why));
                Err(why.into())
            }
        }
    }
}

/// A collector that is asked once.
#[derive(Debug)]
pub(super) struct Asked {
    collector: Collector,
    answer: Answer,
}

/// What it said, once it has: a status, or why there is none.
type Answer = Arc<OnceLock<Result<StatusCode, String>>>;

impl Asked {
    pub(super) fn new(config: &Telemetry) -> Result<(Self, Answer), reqwest::Error> {
        let asked = Self {
            collector: Collector::new(config)?,
            answer: Answer::default(),
        };
        let answer = Arc::clone(&asked.answer);
        Ok((asked, answer))
    }
}

#[async_trait]
impl HttpClient for Asked {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.collector.send(request).await;
        let answer = sent.as_ref().map(Response::status).map_err(String::clone);
        let _ = self.answer.set(answer);
        sent.map_err(Into::into)
    }
}

fn header((name, value): (String, String)) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some((name.try_into().ok()?, value))
}

/// The reason of a failure shows no URL.
async fn send(client: Client, request: reqwest::Request) -> Result<Response<Bytes>, String> {
    let shown = |error: reqwest::Error| explain(&error.without_url());
    let mut answer = client.execute(request).await.map_err(shown)?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(shown)?
        && body.len() < LONGEST
    {
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    Ok(response)
}
