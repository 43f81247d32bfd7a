//! The body of `POST /v1/tasks/batch`.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::fields::{kind_of, text};
use super::json;
use crate::{Fault, TaskId};

/// The ids of a batch read: each once, in the client's order.
///
/// A text that is no task's id is no fault: like an id that nobody has, it is left out of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskIds(Vec<TaskId>);

impl TaskIds {
    /// The most ids that a batch may have (EvoLink's limit).
    pub const MAX: usize = 50;

    /// Reads `{"task_ids": […]}`; the faults, never empty, otherwise.
    pub fn parse(body: &[u8]) -> Result<Self, Vec<Fault>> {
        const FIELD: &str = "task_ids";
        let (object, mut faults) = json::object(body).map_err(|fault| vec![fault])?;
        let value = object.get(FIELD).filter(|value| value.get() != "null");
        let entries = match value.map(|value| serde_json::from_str::<Vec<&RawValue>>(value.get())) {
            Some(Ok(entries)) if entries.is_empty() => Err("task_ids cannot be empty".to_owned()),
            Some(Ok(entries)) if entries.len() > Self::MAX => Err(format!(
                "task_ids can have at most {} ids, not {}",
                Self::MAX,
                entries.len()
            )),
            Some(Ok(entries)) => Ok(entries),
            Some(Err(_)) => {
                let kind = value.map_or("null", kind_of);
                Err(format!("task_ids must be an array of strings, not {kind}"))
            }
            None => Err("task_ids is required".to_owned()),
        };
        let entries = match entries {
            Ok(entries) => entries,
            Err(message) => {
                faults.push(Fault::parameter(FIELD, message));
                return Err(faults);
            }
        };
        let mut ids = Vec::with_capacity(entries.len());
        let mut seen = HashSet::new();
        for (index, entry) in entries.into_iter().enumerate() {
            match text(entry) {
                None => {
                    let param = format!("{FIELD}[{index}]");
                    let message = format!("{param} must be a string, not {}", kind_of(entry));
                    faults.push(Fault::parameter(param, message));
                }
                Some(text) => ids.extend(
                    text.parse()
                        .ok()
                        .filter(|id: &TaskId| seen.insert(id.clone())),
                ),
            }
        }
        if faults.is_empty() {
            Ok(Self(ids))
        } else {
            Err(faults)
        }
    }

    /// The ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &TaskId> {
        self.0.iter()
    }
}
