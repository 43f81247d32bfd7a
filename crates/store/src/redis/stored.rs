//! A task as it is stored: a head of numbers that scripts look into, then what only the gateway reads, then
//! the timeline, which scripts add to. One record, so that one read and one write move a task on.
//!
//! | bytes | |
//! |---|---|
//! | 1 | the format, [`FORMAT`] |
//! | 6 | version: the shard's sequence at the last change |
//! | 6 | when EvoLink was last allowed to be asked |
//! | 7 | the operation that made the last change |
//! | 6 | due |
//! | 4 | the last fencing token |
//! | 4, 6 | the lease: its token, its end |
//! | 6 | when EvoLink was last asked |
//! | 1 | the state, as far as scripts look at it |
//! | 4 | where the timeline begins |
//! | 1 + n | fingerprint of the request |
//! | | the row ([`row`]) |
//! | | the timeline ([`super::journal`]) |
//!
//! Numbers have their little end first; −1 stands for none. `lua/lib.lua` says the same.

mod body;
mod row;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evogate_models::note::Note;
use evogate_models::task::{Lease, State, Task};
use evogate_models::{TaskId, TenantId, Timestamp};

pub(super) use self::row::base;
use super::journal::notes_of;
use super::pack::{corrupt, number, or_none, time};
use crate::error::StoreError;

/// The format of what this version of Evogate writes, and the only one that it reads.
const FORMAT: u8 = 2;
/// The bytes of a head.
const HEAD: usize = 51;
/// Those of them that the script writes itself.
const SCRIPTS: usize = 13;

/// A task as it is stored, with the version that guards its next change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) task: Task,
    pub(super) version: i64,
}

impl Stored {
    /// The record of the task of this name.
    pub(super) fn unpack(
        tenant: &TenantId,
        id: &TaskId,
        record: &[u8],
    ) -> Result<Self, StoreError> {
        let head = Head::read(record)?;
        let rest = record.get(HEAD..head.notes).ok_or_else(too_short)?;
        let (length, rest) = rest.split_first().ok_or_else(too_short)?;
        let (fingerprint, row) = rest
            .split_at_checked(usize::from(*length))
            .ok_or_else(too_short)?;
        let mut task = row::decode(tenant, id, row)?;
        task.fingerprint = fingerprint_text(fingerprint)?;
        task.due = time(head.due);
        task.fence = head.fence.unsigned_abs();
        task.lease = (head.lease_fence != -1).then(|| Lease {
            fence: head.lease_fence.unsigned_abs(),
            until: Timestamp::from_millis(head.lease_until),
        });
        task.refreshed = time(head.refreshed);
        Ok(Self {
            task,
            version: head.version,
        })
    }
}

/// The timeline in a task's record.
pub(super) fn timeline(id: &TaskId, record: &[u8]) -> Result<Vec<Note>, StoreError> {
    let head = Head::read(record)?;
    notes_of(id, record.get(head.notes..).ok_or_else(too_short)?)
}

/// A record from the operation on, up to the timeline: what comes before it is the script's to write.
pub(super) fn record(task: &Task, operation: i64) -> Result<Vec<u8>, StoreError> {
    let fingerprint = packed_fingerprint(&task.fingerprint)?;
    let row = row::encode(task)?;
    let notes = HEAD
        .saturating_add(1)
        .saturating_add(fingerprint.len())
        .saturating_add(row.len());
    let (lease_fence, lease_until) = task.lease.map_or((-1, -1), |lease| {
        (number(lease.fence), lease.until.millis())
    });
    let mut bytes = Vec::with_capacity(notes);
    put(&mut bytes, operation, 7);
    put(&mut bytes, or_none(task.due), 6);
    put(&mut bytes, number(task.fence), 4);
    put(&mut bytes, lease_fence, 4);
    put(&mut bytes, lease_until, 6);
    put(&mut bytes, or_none(task.refreshed), 6);
    put(&mut bytes, state(task), 1);
    put(&mut bytes, number(notes as u64), 4);
    bytes.push(u8::try_from(fingerprint.len()).map_err(corrupt)?);
    bytes.extend(fingerprint);
    bytes.extend(row);
    Ok(bytes)
}

/// A whole record, for what no script writes.
pub(super) fn whole(task: &Task, version: i64, notes: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![FORMAT];
    put(&mut bytes, version, 6);
    put(&mut bytes, -1, 6);
    bytes.extend(record(task, 0)?);
    bytes.extend(notes);
    Ok(bytes)
}

/// What a script writes of a head is looked at here too.
struct Head {
    version: i64,
    due: i64,
    fence: i64,
    lease_fence: i64,
    lease_until: i64,
    refreshed: i64,
    notes: usize,
}

impl Head {
    fn read(record: &[u8]) -> Result<Self, StoreError> {
        match record.first() {
            Some(&FORMAT) => {}
            Some(format) => {
                return Err(corrupt(format_args!(
                    "a task is in format {format}; this version of Evogate knows format {FORMAT}"
                )));
            }
            None => return Err(too_short()),
        }
        let version = get(record, 1, 6)?;
        let mut at = SCRIPTS.saturating_add(7);
        let mut next = |size: usize| {
            let number = get(record, at, size);
            at = at.saturating_add(size);
            number
        };
        let (due, fence) = (next(6)?, next(4)?);
        let (lease_fence, lease_until) = (next(4)?, next(6)?);
        let (refreshed, _state) = (next(6)?, next(1)?);
        Ok(Self {
            version,
            due,
            fence,
            lease_fence,
            lease_until,
            refreshed,
            notes: usize::try_from(next(4)?).map_err(corrupt)?,
        })
    }
}

/// A number of `size` bytes.
fn put(bytes: &mut Vec<u8>, number: i64, size: usize) {
    let whole = number.to_le_bytes();
    bytes.extend_from_slice(whole.get(..size).unwrap_or(&whole));
}

fn get(bytes: &[u8], at: usize, size: usize) -> Result<i64, StoreError> {
    let bytes = bytes.get(at..at.saturating_add(size));
    let bytes = bytes.ok_or_else(too_short)?;
    let negative = bytes.last().is_some_and(|last| *last >= 0x80);
    let mut whole = [if negative { 0xff } else { 0 }; 8];
    for (to, from) in whole.iter_mut().zip(bytes) {
        *to = *from;
    }
    Ok(i64::from_le_bytes(whole))
}

fn too_short() -> StoreError {
    corrupt("a task is too short")
}

/// A task's state, as far as scripts look at it.
const fn state(task: &Task) -> i64 {
    match task.state {
        State::Queued { .. } => 1,
        State::Submitting { .. } => 2,
        State::Rejected { .. } => 3,
        _ => 0,
    }
}

/// A fingerprint is text; the gateway's is a digest in Base64, of which the digest is kept.
const TEXT: u8 = 0;
const BASE64: u8 = 1;

/// A fingerprint as scripts compare it: what kind of text it is, then what it says.
pub(super) fn packed_fingerprint(text: &str) -> Result<Vec<u8>, StoreError> {
    if let Some(digest) = digest(text) {
        return Ok([&[BASE64], digest.as_slice()].concat());
    }
    if text.len() > 254 {
        return Err(corrupt("the fingerprint of a request is too long"));
    }
    Ok([&[TEXT], text.as_bytes()].concat())
}

fn digest(text: &str) -> Option<Vec<u8>> {
    let digest = URL_SAFE_NO_PAD.decode(text).ok();
    digest.filter(|digest| digest.len() == 32)
}

fn fingerprint_text(packed: &[u8]) -> Result<String, StoreError> {
    match packed.split_first() {
        Some((&BASE64, digest)) => Ok(URL_SAFE_NO_PAD.encode(digest)),
        Some((&TEXT, text)) => String::from_utf8(text.to_vec()).map_err(corrupt),
        _ => Err(corrupt("a fingerprint of another kind")),
    }
}

/// What leads to a task, as it is stored: until when, then the task.
pub(super) fn pack_lead(until: Option<Timestamp>, task: &TaskId) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, or_none(until), 6);
    bytes.extend(task.short().into_bytes());
    bytes
}

/// The same, read.
pub(super) fn unpack_lead(bytes: &[u8]) -> Result<(Option<Timestamp>, TaskId), StoreError> {
    let until = time(get(bytes, 0, 6)?);
    let short = std::str::from_utf8(bytes.get(6..).unwrap_or_default()).map_err(corrupt)?;
    Ok((until, TaskId::from_short(short).map_err(corrupt)?))
}

#[cfg(test)]
mod tests;
