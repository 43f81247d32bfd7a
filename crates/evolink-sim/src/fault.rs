//! The vocabulary of faults: everything that a simulator can be told to do wrong.
//!
//! The same names are used by words in a prompt (`#sim:drop-before`) and by rules
//! (`{"drop_before": true}`); a name that is not known is refused, so that a typing error
//! in a test is not a silent pass.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::money::Micro;

/// One set of faults. Every field that is not set means: behave.
///
/// *Instead of an answer* faults act before anything is accepted, unless `accept` is set.
/// *After the work* faults act on the answer; what was asked has been done by then.
/// *Life of the task* faults mean something on creates only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a vocabulary of independent switches"
)]
pub struct Fault {
    /// Instead of an answer: EvoLink's usual error of this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<u16>,
    /// With `http`: another message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// With `http`: another `error.type`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// With `http`: another `error.code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Instead of an answer: an HTML page with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<u16>,
    /// Instead of an answer: exactly this body, with `status` (default 200).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Instead of an answer: the connection is closed.
    #[serde(skip_serializing_if = "is_false")]
    pub drop_before: bool,
    /// Instead of an answer: nothing, until the client gives up or the simulator's limit is met.
    #[serde(skip_serializing_if = "is_false")]
    pub hang_before: bool,
    /// `http`, `html` and `body` act after the work instead of before: accepted, but the answer denies it.
    #[serde(skip_serializing_if = "is_false")]
    pub accept: bool,
    /// Seconds to wait before anything is looked at.
    #[serde(
        alias = "delay_before_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub delay_before: Option<f64>,

    /// After the work: seconds to wait before the answer.
    #[serde(alias = "delay_seconds", skip_serializing_if = "Option::is_none")]
    pub delay: Option<f64>,
    /// After the work: the connection is closed without an answer.
    #[serde(skip_serializing_if = "is_false")]
    pub drop_after_accept: bool,
    /// After the work: the answer is cut in the middle.
    #[serde(skip_serializing_if = "is_false")]
    pub truncate: bool,
    /// After the work: never answers.
    #[serde(skip_serializing_if = "is_false")]
    pub hang: bool,
    /// After the work: 200 with a body that is no JSON.
    #[serde(skip_serializing_if = "is_false")]
    pub garbage: bool,
    /// After the work: the answer lacks its `id`.
    #[serde(skip_serializing_if = "is_false")]
    pub no_id: bool,
    /// After the work: this JSON is merged into the answer (RFC 7396: null removes a member).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<Value>,
    /// On reads: the task as it was when it was accepted.
    #[serde(skip_serializing_if = "is_false")]
    pub stale: bool,
    /// Another status on whatever is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// A `retry-after` header on whatever is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Headers on whatever is answered.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,

    /// Life of the task: it fails with this code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail: Option<String>,
    /// Life of the task: real seconds until it is done, not divided by the speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Life of the task: it stays in processing.
    #[serde(skip_serializing_if = "is_false")]
    pub never_finish: bool,
    /// Life of the task: completion reports, and bills, this amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credits_used: Option<Micro>,
    /// Life of the task: the usual price is multiplied by this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserve_factor: Option<Micro>,
    /// Life of the task: `can_cancel` is false from the start.
    #[serde(skip_serializing_if = "is_false")]
    pub no_cancel: bool,
    /// Life of the task: a cancel is answered 200 and forgotten.
    #[serde(skip_serializing_if = "is_false")]
    pub cancel_ignored: bool,
    /// Life of the task: a cancelled task reads as failed with `request_cancelled`.
    #[serde(skip_serializing_if = "is_false")]
    pub cancel_as_failed: bool,
    /// Life of the task, and on `callback` rules: no callback is sent.
    #[serde(skip_serializing_if = "is_false")]
    pub no_callback: bool,
    /// Life of the task, and on `callback` rules: so many deliveries in all, at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_callbacks: Option<u32>,
    /// Life of the task: it ends at once and its callback is answered before the create is.
    #[serde(skip_serializing_if = "is_false")]
    pub callback_before_answer: bool,

    /// In a prompt: the words act on the first so many creates with this very prompt, then no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

impl Fault {
    /// The faults' names, for the journal.
    pub(crate) fn names(&self) -> Vec<String> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields.into_iter().map(|(name, _)| name).collect(),
            _ => Vec::new(),
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// All the faults that apply to one request; where two set the same field, the first one counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn any(&self, switch: impl Fn(&Fault) -> bool) -> bool {
        self.0.iter().any(switch)
    }

    pub(crate) fn first<'a, T>(&'a self, field: impl Fn(&'a Fault) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(field)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// The names, for the journal; `None` when there are none.
    pub(crate) fn names(&self) -> Option<String> {
        let names: Vec<String> = self.0.iter().flat_map(Fault::names).collect();
        (!names.is_empty()).then(|| names.join(","))
    }
}
