//! What EvoLink says of a task, read with care.
//!
//! EvoLink's answers pass to the client unchanged but for `id`, so the text is kept and only spliced;
//! what the gateway itself needs is picked out of it. Nothing in here is trusted to be there: a
//! report needs an id, everything else may be absent or of another type.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Credits, Timestamp, UpstreamId};

/// The statuses of EvoLink's task object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Accepted, not begun. Also any status that we don't know: it is not an end.
    Pending,
    /// Running.
    Processing,
    /// Done, with results.
    Completed,
    /// Ended without results; EvoLink gives its credits back.
    Failed,
    /// Cancelled; EvoLink gives its credits back.
    Cancelled,
}

impl Status {
    /// Is this an end?
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A task object of EvoLink's, picked apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// EvoLink's id of the task.
    pub id: UpstreamId,
    /// The model, if it is said.
    pub model: Option<String>,
    /// The status.
    pub status: Status,
    /// Percent done, 0 to 100.
    pub progress: Option<u8>,
    /// When EvoLink took the task.
    pub created: Option<Timestamp>,
    /// `usage.credits_reserved`.
    pub reserved: Option<Credits>,
    /// `usage.credits_used`, else `usage.cost.credits`.
    pub used: Option<Credits>,
    /// `task_info.can_cancel`.
    pub can_cancel: Option<bool>,
    /// `results`, else empty.
    pub results: Vec<String>,
    /// The object itself, as EvoLink wrote it.
    pub text: String,
}

/// An answer that is no task object; the words say why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a task object: {0}")]
pub struct Garbage(&'static str);

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    progress: Option<&'a RawValue>,
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    #[serde(borrow)]
    created_at: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    task_info: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    results: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Usage<'a> {
    #[serde(borrow)]
    credits_reserved: Option<&'a RawValue>,
    #[serde(borrow)]
    credits_used: Option<&'a RawValue>,
    #[serde(borrow)]
    cost: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Cost<'a> {
    #[serde(borrow)]
    credits: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct TaskInfo<'a> {
    #[serde(borrow)]
    can_cancel: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct TaskError {
    code: Option<serde_json::Value>,
}

/// A value of the type asked for, or nothing: a field of another type counts as absent.
fn lenient<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
}

/// A non-negative amount, written as a number or as a number in a string.
fn amount(raw: Option<&RawValue>) -> Option<Credits> {
    let text = raw?.get();
    let text = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    text.parse::<Credits>()
        .ok()
        .filter(|amount| !amount.is_negative())
}

impl Report {
    /// Reads a task object.
    pub fn parse(body: &[u8]) -> Result<Self, Garbage> {
        let text = std::str::from_utf8(body)
            .map_err(|_| Garbage("not UTF-8"))?
            .trim();
        let wire: Wire<'_> =
            serde_json::from_str(text).map_err(|_| Garbage("not a JSON object, or a key twice"))?;
        let id = lenient::<String>(wire.id).ok_or(Garbage("no id"))?;
        let id = id.parse().map_err(|_| Garbage("an id that can't be one"))?;
        let usage: Usage<'_> = lenient(wire.usage).unwrap_or_default();
        let cost: Cost<'_> = lenient(usage.cost).unwrap_or_default();
        let info: TaskInfo<'_> = lenient(wire.task_info).unwrap_or_default();
        let code = lenient::<TaskError>(wire.error).unwrap_or_default().code;
        let status = lenient::<String>(wire.status).ok_or(Garbage("no status"))?;
        Ok(Self {
            id,
            model: lenient(wire.model),
            status: match status.as_str() {
                "processing" => Status::Processing,
                "completed" => Status::Completed,
                "cancelled" | "canceled" => Status::Cancelled,
                "failed" if code == Some("request_cancelled".into()) => Status::Cancelled,
                "failed" => Status::Failed,
                _ => Status::Pending,
            },
            progress: lenient::<f64>(wire.progress).map(percent),
            created: lenient::<i64>(wire.created.or(wire.created_at)).map(Timestamp::from_seconds),
            reserved: amount(usage.credits_reserved),
            used: amount(usage.credits_used).or_else(|| amount(cost.credits)),
            can_cancel: lenient(info.can_cancel),
            results: lenient(wire.results).unwrap_or_default(),
            text: text.to_owned(),
        })
    }

    /// The object's text with `id` in place of EvoLink's; every other byte as it was.
    pub fn with_id(&self, id: &str) -> String {
        splice_id(&self.text, id).unwrap_or_else(|| self.text.clone())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=100 before the cast"
)]
fn percent(progress: f64) -> u8 {
    progress.clamp(0.0, 100.0) as u8
}

/// Puts `id` in place of the top-level `id` of a JSON object, leaving every other byte.
fn splice_id(text: &str, id: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Id<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    let raw = serde_json::from_str::<Id<'_>>(text).ok()?.id.get();
    // The raw value borrows from `text`, so its place in it is the difference of their addresses.
    let start = raw.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let end = start.checked_add(raw.len())?;
    let quoted = serde_json::to_string(id).ok()?;
    Some([text.get(..start)?, &quoted, text.get(end..)?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const TUTORIAL: &str = r#"{"created":1772203771,"id":"task-unified-1772203771-yf1dxogh","model":"seedance-2.0","object":"video.generation.task","progress":0,"status":"pending","task_info":{"can_cancel":true,"estimated_time":132},"type":"video","usage":{"billing_rule":"per_second","credits_reserved":17.784,"user_group":"default"}}"#;

    #[test]
    fn the_tutorials_example_is_read_whole() {
        let report = Report::parse(TUTORIAL.as_bytes()).unwrap();
        assert_eq!(report.id.as_str(), "task-unified-1772203771-yf1dxogh");
        assert_eq!(report.status, Status::Pending);
        assert_eq!(report.reserved, Some("17.784".parse().unwrap()));
        assert_eq!(report.created, Some(Timestamp::from_seconds(1_772_203_771)));
        assert_eq!(report.can_cancel, Some(true));
    }

    #[rstest]
    #[case(
        r#"{"status":"failed","error":{"code":"request_cancelled"}}"#,
        Status::Cancelled
    )]
    #[case(r#"{"status":"failed","error":{"code":7}}"#, Status::Failed)]
    #[case(r#"{"status":"failed","error":"oops"}"#, Status::Failed)]
    #[case(r#"{"status":"warming_up"}"#, Status::Pending)]
    #[case(r#"{"status":"completed","results":"x"}"#, Status::Completed)]
    fn a_status_is_an_end_only_when_it_says_so(#[case] rest: &str, #[case] status: Status) {
        let text = rest.replacen('{', r#"{"id":"a","#, 1);
        assert_eq!(Report::parse(text.as_bytes()).unwrap().status, status);
    }

    #[rstest]
    #[case("")]
    #[case("<html>")]
    #[case("[]")]
    #[case("null")]
    #[case(r#"{"status":"completed"}"#)]
    #[case(r#"{"id":"a"}"#)]
    #[case(r#"{"id":"a","id":"b","status":"completed"}"#)]
    #[case(r#"{"id":7,"status":"completed"}"#)]
    #[case(r#"{"id":"../x","status":"completed"}"#)]
    #[case(r#"{"id":"a","status":"comp"#)]
    #[case(r#"{"id":"a","status":"pending","status":"completed"}"#)]
    fn garbage_is_no_report(#[case] body: &str) {
        assert!(Report::parse(body.as_bytes()).is_err());
    }

    #[rstest]
    #[case(r#"{"credits_used":12.5}"#, Some("12.5"))]
    #[case(r#"{"credits_used":"12.5"}"#, Some("12.5"))]
    #[case(r#"{"cost":{"credits":6.12}}"#, Some("6.12"))]
    #[case(r#"{"credits_used":-1}"#, None)]
    #[case(r#"{"credits_used":1e99}"#, None)]
    #[case(r#"{"credits_used":null}"#, None)]
    #[case("7", None)]
    fn an_amount_that_is_none_is_absent(#[case] usage: &str, #[case] used: Option<&str>) {
        let text = format!(r#"{{"id":"a","status":"completed","usage":{usage}}}"#);
        let report = Report::parse(text.as_bytes()).unwrap();
        assert_eq!(report.used, used.map(|used| used.parse().unwrap()));
    }

    #[test]
    fn a_report_may_say_twice_when_it_was_created() {
        let text = r#"{"id":"a","status":"pending","created":7,"created_at":8}"#;
        let report = Report::parse(text.as_bytes()).unwrap();
        assert_eq!(report.created, Some(Timestamp::from_seconds(7)));
    }

    #[test]
    fn only_the_id_changes() {
        let text = r#"{ "x" : 1.50, "nested":{"id":"keep"}, "id" : "theirs" ,"big":123456789012345678901, "status":"pending"}"#;
        let report = Report::parse(text.as_bytes()).unwrap();
        assert_eq!(report.with_id("ours"), text.replace("theirs", "ours"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body: Vec<u8>) {
            let _ = Report::parse(&body);
        }
    }
}
