//! The audit trail: one for each shard, read as one.

use evogate_models::{Credits, Timestamp};
use serde_json::{Value as Json, json};

use super::Redis;
use super::pack::{corrupt, decode, encode, unpack};
use super::reply::texts;
use super::turn::Facts;
use crate::audit::{Actor, AuditEntry};
use crate::error::StoreError;

/// An entry as scripts append it: its number is theirs to give.
pub(super) fn entry(
    by: &Actor,
    now: Timestamp,
    action: &str,
    target: String,
    (before, after): Facts,
) -> Result<Vec<u8>, StoreError> {
    encode(&AuditEntry {
        seq: 0,
        at: now,
        actor: by.clone(),
        action: action.to_owned(),
        target,
        before,
        after,
    })
}

/// An entry as it is stored: its number, for a grant the sums before and after, and the rest.
pub(super) fn read(stored: &[u8]) -> Result<AuditEntry, StoreError> {
    let short = || corrupt("an audit entry is too short");
    let (number, rest) = stored.split_first_chunk::<8>().ok_or_else(short)?;
    let (sums, json) = match rest.strip_prefix(b"g") {
        Some(rest) => (Some(unpack::<4>(rest)?), rest.get(32..)),
        None => (None, Some(rest)),
    };
    let mut entry: AuditEntry = decode(json.ok_or_else(short)?)?;
    entry.seq = u64::from_be_bytes(*number);
    if let Some([granted, available, granted_after, available_after]) = sums {
        entry.before = balance(granted, available);
        if let (Some(after), Json::Object(sums)) = (
            entry.after.as_object_mut(),
            balance(granted_after, available_after),
        ) {
            after.extend(sums);
        }
    }
    Ok(entry)
}

fn balance(granted: i64, available: i64) -> Json {
    let credits = |micro| Credits::from_micro(micro).unwrap_or_default().to_decimal();
    json!({ "granted": credits(granted), "available": credits(available) })
}

impl Redis {
    pub(crate) async fn audit(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let newest = before.map_or_else(|| "+inf".to_owned(), |before| format!("({before}"));
        let shards = self.layout.all().map(super::key::Shard::audit);
        let reads = shards.chain([super::key::Admins::audit()]).map(|key| {
            let mut read = redis::cmd("ZREVRANGEBYSCORE");
            read.arg(key).arg(&newest).arg("-inf");
            read.arg("LIMIT").arg(0).arg(limit);
            read
        });
        let mut entries = Vec::new();
        for stored in self.all(reads.collect()).await? {
            for entry in texts(stored)? {
                entries.push(read(&entry)?);
            }
        }
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.seq));
        entries.truncate(limit);
        Ok(entries)
    }
}
