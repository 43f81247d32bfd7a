//! The way to the collector: a client like the gateway's others, on the gateway's own runtime, since the
//! exporter's thread has none.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::runtime::Handle;
use url::Url;

use super::EXPORT;
use crate::webhooks::guard::explain;

/// The most that is read of an answer, in bytes.
const LONGEST: usize = 64 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct Collector {
    client: Client,
    runtime: Handle,
    /// Did the last batch fail? It is said once, not for every batch.
    failing: AtomicBool,
}

impl Collector {
    pub(super) fn new(endpoint: &Url) -> Result<Self, reqwest::Error> {
        let mut client = Client::builder()
            .user_agent(concat!("evogate/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .no_proxy()
            .timeout(EXPORT);
        if endpoint.scheme() == "http" {
            client = client.tls_certs_only([]);
        }
        Ok(Self {
            client: client.build()?,
            runtime: Handle::current(),
            failing: AtomicBool::new(false),
        })
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
        let request = reqwest::Request::try_from(request)?;
        let sent = self
            .runtime
            .spawn(send(self.client.clone(), request))
            .await?;
        match sent {
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
