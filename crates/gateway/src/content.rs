//! Finished results, streamed through the gateway: for hosts that can't reach EvoLink's files.
//!
//! The URL comes from EvoLink's answer, so it is judged like any address that others chose: public
//! https, EvoLink's own host, or a host that ops named. Redirects are followed a few times, each
//! judged anew; EvoLink's key is not sent to a file host.

use std::sync::Arc;
use std::time::Duration;

use evogate_models::address::{AddressPolicy, HostPattern, Refused};
use http::header::LOCATION;
use http::{HeaderMap, Method, StatusCode};
use reqwest::Response;

use crate::config::Config;
use crate::error::ApiError;
use crate::webhooks::guard::{self, GuardError};
use crate::webhooks::{GuardedClient, Waits};

/// Redirects that are followed.
const REDIRECTS: usize = 3;
/// A client's headers that go to the file host.
const ASKED: [&str; 4] = ["range", "if-range", "if-none-match", "if-modified-since"];
/// The file host's headers that go to the client.
const ANSWERED: [&str; 8] = [
    "content-type",
    "content-length",
    "content-range",
    "accept-ranges",
    "etag",
    "last-modified",
    "cache-control",
    "content-disposition",
];

/// How long a file host may take to be connected to, and may be silent within a file.
const WAITS: Waits = Waits {
    connect: Duration::from_secs(5),
    total: None,
    silence: Some(Duration::from_secs(30)),
};

/// The way to finished results.
#[derive(Debug, Clone)]
pub struct Files(GuardedClient);

impl Files {
    /// Reaches what the settings allow.
    pub fn new(config: &Config) -> Result<Self, reqwest::Error> {
        Ok(Self(GuardedClient::new(
            Arc::new(Self::policy(config)),
            WAITS,
            Vec::new(),
        )?))
    }

    /// What results may be streamed from: beside public hosts, EvoLink's own and those that ops named.
    fn policy(config: &Config) -> AddressPolicy {
        let base = &config.evolink.base_url;
        let own: Option<HostPattern> = base.host_str().and_then(|host| {
            let port = base.port_or_known_default()?;
            format!("{host}:{port}").parse().ok()
        });
        let mut hosts = config.evolink.files_hosts.clone();
        hosts.extend(own.clone());
        let insecure = own.filter(|_| base.scheme() == "http");
        AddressPolicy {
            allow_hosts: hosts,
            allow_insecure_hosts: insecure.into_iter().collect(),
            ..AddressPolicy::default()
        }
    }

    /// Opens a result. Ranges and conditions of the client's are passed on.
    pub async fn open(&self, url: &str, asked: &HeaderMap) -> Result<Response, ApiError> {
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS {
            let response = self.get(&url, asked).await?;
            if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED
            {
                return Ok(response);
            }
            let location = response
                .headers()
                .get(LOCATION)
                .and_then(|to| to.to_str().ok());
            let Some(next) = location.and_then(|to| response.url().join(to).ok()) else {
                break;
            };
            url = next.into();
        }
        Err(ApiError::bad_gateway(
            "EvoLink's file host redirects without end",
        ))
    }

    async fn get(&self, url: &str, asked: &HeaderMap) -> Result<Response, ApiError> {
        let mut request = self
            .0
            .request(Method::GET, url)
            .map_err(|error| match error {
                GuardError::Refused(refused) => not_allowed(&refused),
                GuardError::Client(error) => ApiError::internal(&error),
            })?;
        for name in ASKED {
            if let Some(value) = asked.get(name) {
                request = request.header(name, value);
            }
        }
        request.send().await.map_err(|error| {
            if let Some(refused) = guard::refusal(&error) {
                return not_allowed(refused);
            }
            tracing::warn!(why = guard::explain(&error), "a result can't be fetched");
            ApiError::bad_gateway("The result can't be fetched from EvoLink at the moment")
        })
    }
}

fn not_allowed(refused: &Refused) -> ApiError {
    tracing::error!(%refused, "a result's address is refused; see evolink.files_hosts");
    ApiError::bad_gateway("The gateway may not fetch from the host that has the result")
}

/// The headers of a file's answer that the client gets.
pub fn answered(headers: &HeaderMap) -> HeaderMap {
    let keep = |name: &&str| headers.get(*name).cloned();
    ANSWERED
        .iter()
        .filter_map(|name| Some((http::HeaderName::from_static(name), keep(name)?)))
        .collect()
}
