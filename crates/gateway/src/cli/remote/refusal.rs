//! Calls that did not go well: refused in words, or without an answer that means anything.

use std::fmt;
use std::time::Duration;

use evogate_models::Timestamp;
use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use serde_json::Value;

use crate::evolink::Wait;

/// The longest text of another program's that is shown, in characters.
const SHOWN: usize = 1000;

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum CallError {
    /// It was answered with an error in EvoLink's shape.
    #[error("{0}")]
    Refused(Refusal),
    /// It was not answered, or with something that says nothing.
    #[error("{why}")]
    Unclear {
        /// In words.
        why: String,
        /// Did anything go out? If not, nothing can have come of it.
        sent: bool,
    },
}

/// EvoLink's or the gateway's error object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Refusal {
    pub(in crate::cli) status: u16,
    /// `error.code`, else `error.type`.
    pub(in crate::cli) code: String,
    message: String,
    pub(in crate::cli) request_id: Option<String>,
    /// What else is wrong with the request (the gateway finds all faults at once).
    more: Vec<String>,
    /// How long to wait before another try, for a 429 and a 503.
    pub(in crate::cli) wait: Option<Duration>,
}

#[derive(Deserialize)]
struct Body {
    error: Error,
}

#[derive(Deserialize)]
struct Error {
    message: String,
    #[serde(default)]
    code: Value,
    #[serde(default, rename = "type")]
    kind: Value,
    #[serde(default)]
    request_id: Value,
    #[serde(default)]
    details: Value,
}

impl Refusal {
    /// Reads an answer that is not a success; `None` when it is not in EvoLink's shape.
    pub(in crate::cli) fn read(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Option<Self> {
        let error = serde_json::from_slice::<Body>(body).ok()?.error;
        let waits = matches!(status.as_u16(), 429 | 503);
        let header = || headers.get("x-request-id")?.to_str().ok().map(clean);
        Some(Self {
            status: status.as_u16(),
            code: word(&error.code)
                .or_else(|| word(&error.kind))
                .unwrap_or_else(|| status.as_u16().to_string()),
            more: more(&error.details, &error.message),
            message: clean(&error.message),
            request_id: word(&error.request_id).or_else(header),
            wait: waits
                .then(|| Wait::read(status, headers.get(RETRY_AFTER), &error.message, now).0),
        })
    }

    /// Everything that is wrong, in one line.
    pub(in crate::cli) fn message(&self) -> String {
        let more = self.more.iter().map(|fault| format!("; {fault}"));
        [self.message.clone()].into_iter().chain(more).collect()
    }

    /// May the same call go well a moment later?
    pub(in crate::cli) fn is_temporary(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({} {}", self.message, self.status, self.code)?;
        // EvoLink names the request in some of its messages.
        match &self.request_id {
            Some(id) if !self.message.contains(id.as_str()) => write!(out, ", request id {id})")?,
            _ => write!(out, ")")?,
        }
        self.more
            .iter()
            .try_for_each(|fault| write!(out, "\n  also: {fault}"))
    }
}

/// The faults that the message does not tell.
fn more(details: &Value, told: &str) -> Vec<String> {
    let faults = details.as_array().map(Vec::as_slice).unwrap_or_default();
    faults
        .iter()
        .filter_map(|fault| fault.get("message")?.as_str())
        .filter(|message| *message != told)
        .map(clean)
        .collect()
}

/// A code: a text, or the integer of EvoLink's older pages.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(clean(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Another program's words as a terminal may have them: one line, nothing that moves the cursor.
pub(in crate::cli) fn clean(text: &str) -> String {
    let printable = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.trim().chars().take(SHOWN).map(printable).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(status: u16, body: &Value) -> Option<Refusal> {
        let headers = [("retry-after", "7"), ("x-request-id", "req-1")];
        let headers = headers.map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, http::HeaderValue::from_static(value))
        });
        let status = StatusCode::from_u16(status).unwrap();
        Refusal::read(
            status,
            &headers.into_iter().collect(),
            body.to_string().as_bytes(),
            Timestamp::default(),
        )
    }

    #[test]
    fn a_refusal_is_shown_with_its_code_and_its_request() {
        let refusal = read(
            402,
            &json!({"error": {"message": "Insufficient credits.", "type": "insufficient_quota_error"}}),
        )
        .unwrap();
        assert_eq!(
            refusal.to_string(),
            "Insufficient credits. (402 insufficient_quota_error, request id req-1)"
        );
        assert_eq!(refusal.wait, None);
    }

    #[test]
    fn a_429_and_a_503_say_when_to_come_back() {
        for status in [429, 503] {
            let refusal = read(status, &json!({"error": {"message": "Later."}})).unwrap();
            assert_eq!(refusal.wait, Some(Duration::from_secs(7)));
        }
    }

    #[test]
    fn a_request_id_that_the_message_names_is_not_repeated() {
        let message = "Invalid token (request id: req-1)";
        let refusal = read(401, &json!({"error": {"message": message, "code": 7}})).unwrap();
        assert_eq!(refusal.to_string(), format!("{message} (401 7)"));
    }

    #[test]
    fn every_fault_is_told_once() {
        let details = json!([{"message": "a"}, {"message": "b"}, 7]);
        let error = json!({"message": "a", "code": "c", "request_id": "r", "details": details});
        let refusal = read(400, &json!({"error": error})).unwrap();
        assert_eq!(refusal.to_string(), "a (400 c, request id r)\n  also: b");
    }

    #[test]
    fn other_shapes_are_no_refusals() {
        for body in [
            json!("no"),
            json!({"error": "no"}),
            json!({"message": "no"}),
        ] {
            assert_eq!(read(500, &body), None, "{body}");
        }
    }

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\nc\r "), "a [2Jb c");
    }
}
