//! `evolink`: the API upstream, and how hard it may be used.

use std::time::Duration;

use evogate_models::address::HostPattern;
use url::Url;

use super::hosts::{BaseUrl, ProxyUrl};
use super::reader::Reader;
use crate::secret::Secret;

/// EvoLink hands the key out, so its length is not ours to choose: this only finds one that was cut off.
const API_KEY: usize = 10;

/// How EvoLink is reached.
#[derive(Debug, Clone)]
pub struct EvoLink {
    /// Where the API is, with a `/` at its end: `https://api.evolink.ai/v1/`.
    pub base_url: Url,
    /// The company's key.
    pub api_key: Secret,
    /// How long one submit may take before its outcome is unknown.
    pub timeout: Duration,
    /// Whether a submit may be sent again with its idempotency key to learn its outcome.
    pub honours_idempotency: bool,
    /// The proxy in between.
    pub proxy: Option<ProxyUrl>,
    /// Whether `POST /v1/tasks/batch` may be used.
    pub batch_reads: bool,
    /// Reads a second by this replica's workers, at most.
    pub reads_per_second: u32,
    /// Reads under way by this replica's workers, at most.
    pub max_reads_in_flight: u32,
    /// Submits of this replica that are under way, at most.
    pub max_in_flight: u32,
    /// Submits of this replica in a minute, at most.
    pub submits_per_minute: Option<u32>,
    /// Calls that may be repeated, for each hundred that clients caused.
    pub retry_percent: u32,
    /// Hosts that results are streamed from beside public https ones and `base_url`'s.
    pub files_hosts: Vec<HostPattern>,
}

impl EvoLink {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let base_url = from.required::<BaseUrl>("evolink.base_url");
        let api_key = from.bearer("evolink.api_key", API_KEY);
        if let Some(None) = api_key {
            from.problem(
                "evolink.api_key",
                "is required: the key of the company's EvoLink account",
            );
        }
        // Only a rule about `base_url` looks at it.
        let allow_http = from.required::<bool>("evolink.allow_http");
        let timeout = Duration::from_millis(100)..=Duration::from_mins(10);
        let timeout = from.within("evolink.timeout", timeout);
        let honours_idempotency = from.required("evolink.honours_idempotency");
        let proxy = from.optional("evolink.proxy");
        let batch_reads = from.required("evolink.batch_reads");
        let reads_per_second = from.within("evolink.reads_per_second", 1..=10_000);
        let max_reads_in_flight = from.within("evolink.max_reads_in_flight", 1..=10_000);
        let max_in_flight = from.within("evolink.max_in_flight", 1..=1_000_000);
        let submits_per_minute = from.optional_within("evolink.submits_per_minute", 1..=10_000_000);
        let retry_percent = from.within("evolink.retry_percent", 0..=100);
        let files_hosts = from.required("evolink.files_hosts");
        allow_http?;
        Some(Self {
            base_url: base_url?.0,
            api_key: api_key??,
            timeout: timeout?,
            honours_idempotency: honours_idempotency?,
            proxy: proxy?,
            batch_reads: batch_reads?,
            reads_per_second: reads_per_second?,
            max_reads_in_flight: max_reads_in_flight?,
            max_in_flight: max_in_flight?,
            submits_per_minute: submits_per_minute?,
            retry_percent: retry_percent?,
            files_hosts: files_hosts?,
        })
    }
}
