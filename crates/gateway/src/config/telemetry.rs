//! `telemetry`: where spans are sent, and how many.

use http::{HeaderName, HeaderValue};
use url::Url;

use super::reader::Reader;
use super::setting::{Raw, Setting};
use crate::secret::Secret;

/// What the address of a collector is completed by (OTLP/HTTP).
const TRACES: &str = "/v1/traces";

/// `telemetry`: spans, by OTLP.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// Where batches of spans are posted; none: no spans are made.
    pub otlp_endpoint: Option<Url>,
    /// What the collector asks for, most often a key.
    pub otlp_headers: Option<Secret>,
    /// Which part of the traces that begin here is recorded, from 0 to 1.
    pub sampling: f64,
    /// What the gateway is called there.
    pub service_name: String,
}

impl Telemetry {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let endpoint = from.optional::<Url>("telemetry.otlp_endpoint");
        let headers = from.secret("telemetry.otlp_headers", 3);
        let sampling = from.required::<Ratio>("telemetry.sampling");
        let service_name = from.required("telemetry.service_name");
        let (endpoint, headers) = (endpoint?, headers?);
        if let Some(url) = &endpoint
            && !matches!(url.scheme(), "http" | "https")
        {
            from.problem(
                "telemetry.otlp_endpoint",
                "must begin with http:// or https://",
            );
            return None;
        }
        if headers
            .as_ref()
            .is_some_and(|headers| pairs(headers.expose()).is_none())
        {
            let reason = "is not a list of headers, such as name=value,other=value";
            from.problem("telemetry.otlp_headers", reason);
            return None;
        }
        Some(Self {
            otlp_endpoint: endpoint.map(for_traces),
            otlp_headers: headers,
            sampling: sampling?.0,
            service_name: service_name?,
        })
    }

    /// The headers, by name.
    pub fn headers(&self) -> impl Iterator<Item = (String, String)> {
        let given = self.otlp_headers.as_ref();
        let given = given.and_then(|headers| pairs(headers.expose()));
        given.into_iter().flatten()
    }

    /// Of 2^56 traces that begin here, so many are recorded.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "from 0 to 2^56, which a float holds"
    )]
    pub fn sampled(&self) -> u64 {
        (self.sampling * (1_u64 << 56) as f64) as u64
    }
}

fn for_traces(mut base: Url) -> Url {
    let path = base.path().trim_end_matches('/');
    if !path.ends_with(TRACES) {
        let path = format!("{path}{TRACES}");
        base.set_path(&path);
    }
    base
}

/// The headers in `name=value,other=value`; none where one of them is no header.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        HeaderName::try_from(name).ok()?;
        HeaderValue::try_from(value).ok()?;
        Some((name.to_owned(), value.to_owned()))
    };
    text.split(',').map(pair).collect()
}

/// A number from 0 to 1.
struct Ratio(f64);

impl Setting for Ratio {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let ratio = match raw.value.as_str() {
            Some(text) => text.trim().parse().ok(),
            None => raw.value.to_num().and_then(|number| {
                let whole = || number.to_i128().and_then(|n| i32::try_from(n).ok());
                number.to_f64().or_else(|| whole().map(f64::from))
            }),
        };
        let ratio = ratio.filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio
            .map(Self)
            .ok_or_else(|| "must be a number from 0 to 1, such as 0.1".into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn read(settings: &str) -> Telemetry {
        let settings = format!("evolink.api_key = 'sk-0123456789'\n{settings}");
        Config::load_from_str(&settings).unwrap().0.telemetry
    }

    #[test]
    fn an_address_is_completed_where_it_has_to_be() {
        for (given, posted) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            (
                "https://otel.example.com/otlp/",
                "https://otel.example.com/otlp/v1/traces",
            ),
            (
                "http://127.0.0.1:4318/v1/traces",
                "http://127.0.0.1:4318/v1/traces",
            ),
        ] {
            let telemetry = read(&format!("telemetry.otlp_endpoint = '{given}'"));
            assert_eq!(telemetry.otlp_endpoint.unwrap().as_str(), posted);
        }
        assert_eq!(read("").otlp_endpoint, None);
    }

    #[test]
    fn headers_are_a_list_and_a_secret() {
        let telemetry = read("telemetry.otlp_headers = 'x-key=abc==, x-team=video'");
        let headers: Vec<_> = telemetry.headers().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(headers, [pair("x-key", "abc=="), pair("x-team", "video")]);
        assert!(!format!("{telemetry:?}").contains("abc"));
    }

    #[test]
    fn a_part_of_all_traces_is_recorded() {
        for (sampling, of_all) in [
            ("0", 0),
            ("0.5", 1 << 55),
            ("1", 1 << 56),
            ("'0.25'", 1 << 54),
        ] {
            let telemetry = read(&format!("telemetry.sampling = {sampling}"));
            assert_eq!(telemetry.sampled(), of_all, "{sampling}");
        }
    }
}
