//! Client idempotency: a key leads to one task, and only with the same request.

use serde::{Deserialize, Serialize};

use crate::{Millis, TaskId, Timestamp};

/// How long a key leads to its task after the task's end: EvoLink keeps tasks for 24 h too.
pub const KEPT_AFTER_END: Millis = 24 * 3600 * 1000;

/// How long a client that hung up gets its task again for the same request.
pub const REPEAT_WITHIN: Millis = 2 * 60 * 1000;

/// What the store keeps under a tenant's idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Fingerprint of the request that made the task.
    pub fingerprint: String,
    /// The task.
    pub task: TaskId,
    /// Until when the key leads there; none while the task is open.
    pub until: Option<Timestamp>,
}

/// What a key says about a new request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The key is free.
    Fresh,
    /// The key leads to this task.
    Replay(TaskId),
    /// The key was used with another request.
    Mismatch,
}

/// Judges a request with `fingerprint` by the record under its key.
pub fn judge(record: Option<&KeyRecord>, fingerprint: &str, now: Timestamp) -> Verdict {
    match record {
        Some(record) if record.until.is_none_or(|until| now <= until) => {
            if record.fingerprint == fingerprint {
                Verdict::Replay(record.task.clone())
            } else {
                Verdict::Mismatch
            }
        }
        _ => Verdict::Fresh,
    }
}

/// What the store keeps under a request's fingerprint, for clients without a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatRecord {
    /// The task that the request made last.
    pub task: TaskId,
    /// Set when its client was seen to hang up, or its submit's lease ran out: until then the same
    /// request gets the same task.
    pub until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_to_its_task_until_a_day_after_the_end() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let task: TaskId = "task-unified-1772203771-yf1dxogh".parse().unwrap();
        let mut record = KeyRecord {
            fingerprint: "a".into(),
            task: task.clone(),
            until: None,
        };
        assert_eq!(judge(None, "a", now), Verdict::Fresh);
        assert_eq!(
            judge(Some(&record), "a", now),
            Verdict::Replay(task.clone())
        );
        assert_eq!(judge(Some(&record), "b", now), Verdict::Mismatch);
        record.until = Some(now);
        assert_eq!(judge(Some(&record), "a", now), Verdict::Replay(task));
        assert_eq!(judge(Some(&record), "a", now.plus(1)), Verdict::Fresh);
    }
}
