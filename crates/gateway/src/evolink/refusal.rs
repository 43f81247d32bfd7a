//! EvoLink's error shape: `{"error":{"message","type","code"?}}`.
//!
//! An answer in this shape comes from EvoLink and says why; one without it (a proxy's page, a cut-off text)
//! says nothing that money may rest on.

use evogate_models::{ErrorCode, Refusal};
use serde::Deserialize;
use serde_json::Value;

/// The code that EvoLink gives rejected content.
const CONTENT_FILTERED: &str = "content_filtered";
/// The longest message that is kept, in characters.
const MESSAGE: usize = 4096;
/// The longest type or code that is kept, in characters.
const WORD: usize = 128;

#[derive(Deserialize)]
struct Shape {
    error: Error,
}

#[derive(Deserialize)]
struct Error {
    message: String,
    #[serde(default, rename = "type")]
    kind: Value,
    #[serde(default)]
    code: Value,
}

/// Reads a refusal. A type or a code that EvoLink left out is added: its own of that status where its table
/// has one, else ours; `absent` is the code of a 404.
pub(super) fn parse(status: u16, body: &[u8], absent: ErrorCode) -> Option<Refusal> {
    let Error {
        message,
        kind,
        code,
    } = serde_json::from_slice::<Shape>(body).ok()?.error;
    let (usual_kind, usual_code) = usual(status, absent);
    Some(Refusal {
        status,
        kind: word(kind).unwrap_or_else(|| usual_kind.to_owned()),
        code: word(code).unwrap_or_else(|| usual_code.to_owned()),
        message: message.chars().take(MESSAGE).collect(),
        retry_after: None,
    })
}

/// A type or a code: a text, or the integer of EvoLink's older pages.
fn word(value: Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text.chars().take(WORD).collect()).filter(|text: &String| !text.is_empty())
}

fn usual(status: u16, absent: ErrorCode) -> (&'static str, &'static str) {
    let (kind, code) = match status {
        401 => ("authentication_error", ErrorCode::Unauthorized),
        402 => ("insufficient_quota_error", ErrorCode::InsufficientQuota),
        403 => ("permission_error", ErrorCode::PermissionDenied),
        404 => ("invalid_request_error", absent),
        413 => ("request_too_large_error", ErrorCode::RequestTooLarge),
        422 => return ("content_policy_violation", CONTENT_FILTERED),
        429 => ("rate_limit_error", ErrorCode::RateLimitExceeded),
        502 => ("bad_gateway", ErrorCode::UpstreamUnavailable),
        503 => ("service_unavailable_error", ErrorCode::UpstreamUnavailable),
        500.. => ("internal_server_error", ErrorCode::UpstreamUnavailable),
        _ => ("invalid_request_error", ErrorCode::InvalidParameter),
    };
    (kind, code.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn read(status: u16, body: &str) -> Option<(String, String)> {
        let refusal = parse(status, body.as_bytes(), ErrorCode::TaskNotFound)?;
        Some((refusal.kind, refusal.code))
    }

    #[rstest]
    #[case(r#""code":"x""#, "x")]
    #[case(r#""code":1003"#, "1003")]
    #[case(r#""code":null"#, "invalid_parameter")]
    #[case(r#""code":"""#, "invalid_parameter")]
    #[case(r#""code":{}"#, "invalid_parameter")]
    #[case(r#""param":"prompt""#, "invalid_parameter")]
    fn a_code_is_kept_or_added(#[case] field: &str, #[case] code: &str) {
        let body = format!(r#"{{"error":{{"message":"No.",{field}}},"extra":1}}"#);
        assert_eq!(read(400, &body).unwrap().1, code);
    }

    #[rstest]
    #[case(401, "authentication_error", "unauthorized")]
    #[case(402, "insufficient_quota_error", "insufficient_quota")]
    #[case(403, "permission_error", "permission_denied")]
    #[case(404, "invalid_request_error", "task_not_found")]
    #[case(409, "invalid_request_error", "invalid_parameter")]
    #[case(429, "rate_limit_error", "rate_limit_exceeded")]
    #[case(500, "internal_server_error", "upstream_unavailable")]
    #[case(502, "bad_gateway", "upstream_unavailable")]
    #[case(503, "service_unavailable_error", "upstream_unavailable")]
    fn what_is_left_out_follows_from_the_status(
        #[case] status: u16,
        #[case] kind: &str,
        #[case] code: &str,
    ) {
        let read = read(status, r#"{"error":{"message":""}}"#).unwrap();
        assert_eq!(read, (kind.to_owned(), code.to_owned()));
    }

    #[rstest]
    #[case("")]
    #[case("null")]
    #[case("[]")]
    #[case("<html>")]
    #[case(r#"{"error":"No."}"#)]
    #[case(r#"{"error":{"type":"x"}}"#)]
    #[case(r#"{"error":{"message":null}}"#)]
    #[case(r#"{"message":"No."}"#)]
    #[case(r#"{"error":{"message":"No."}"#)]
    fn another_shape_is_no_refusal(#[case] body: &str) {
        assert_eq!(read(400, body), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(status: u16, body: Vec<u8>, message: String) {
            let _ = parse(status, &body, ErrorCode::TaskNotFound);
            let body = serde_json::json!({"error": {"message": message}}).to_string();
            let refusal = parse(status, body.as_bytes(), ErrorCode::TaskNotFound).unwrap();
            prop_assert_eq!(refusal.message, message);
        }
    }
}
