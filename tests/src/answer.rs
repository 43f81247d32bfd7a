//! What a call was answered with.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The call, for messages: `GET /v1/tasks`.
    pub call: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub bytes: Bytes,
}

impl Answer {
    pub(crate) async fn of(call: String, response: reqwest::Response) -> reqwest::Result<Self> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        Ok(Self {
            call,
            status,
            headers,
            bytes: response.bytes().await?,
        })
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body as JSON, whatever the status.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|why| panic!("{} answered no JSON ({why}): {}", self.call, self.text()))
    }

    /// The body as JSON of an answer with this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(
            self.status,
            status,
            "{} answered {}",
            self.call,
            self.text()
        );
        self.json()
    }

    /// The body of a 200.
    #[track_caller]
    pub fn ok(&self) -> Value {
        self.expect(200)
    }

    /// The `error` of an answer with this status and code, which must have the shape that all errors
    /// have: a message, a type, a code, and the request's id as in the header.
    #[track_caller]
    pub fn error(&self, status: u16, code: &str) -> Value {
        let error = self.expect(status)["error"].clone();
        for name in ["message", "type", "code", "request_id"] {
            let text = error[name].as_str().unwrap_or_default();
            assert!(
                !text.is_empty(),
                "{}: no error.{name} in {}",
                self.call,
                self.text()
            );
        }
        assert_eq!(error["code"], code, "{}: {}", self.call, self.text());
        assert_eq!(
            error["request_id"].as_str(),
            self.header("x-request-id"),
            "{}",
            self.call
        );
        if matches!(status, 429 | 503) {
            let wait = self
                .header("retry-after")
                .and_then(|text| text.parse::<u64>().ok());
            assert!(
                wait.is_some_and(|seconds| seconds > 0),
                "{}: no Retry-After",
                self.call
            );
        }
        error
    }
}
