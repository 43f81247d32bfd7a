//! How the entries of a journal and the steps of a timeline become bytes: CBOR, fields by number. What is
//! about a task says its times in milliseconds from the second in the task's id.

use evogate_models::journal::{Entry, Posting};
use evogate_models::note::{Note, Step};
use evogate_models::{TaskId, Timestamp};
use minicbor::{Decode, Encode};

use super::pack::corrupt;
use super::stored::base;
use crate::error::StoreError;
use crate::rule::is_again;

/// An entry, less its number: its place in the list says it.
#[derive(Encode, Decode)]
struct Row {
    #[n(0)]
    at: i64,
    #[n(1)]
    posting: Posting,
    #[n(2)]
    task: Option<TaskId>,
    #[n(3)]
    note: Option<String>,
    #[n(4)]
    by: Option<String>,
}

/// An entry as it is stored.
pub(super) fn pack_entry(entry: &Entry) -> Result<Vec<u8>, StoreError> {
    let base = entry.task.as_ref().map_or(Timestamp::default(), base);
    let row = Row {
        at: entry.at.since(base),
        posting: entry.posting,
        task: entry.task.clone(),
        note: entry.note.clone(),
        by: entry.by.clone(),
    };
    minicbor::to_vec(row).map_err(corrupt)
}

/// The entry numbered `seq`.
pub(super) fn unpack_entry(bytes: &[u8], seq: u64) -> Result<Entry, StoreError> {
    let row: Row = minicbor::decode(bytes).map_err(corrupt)?;
    let base = row.task.as_ref().map_or(Timestamp::default(), base);
    Ok(Entry {
        seq,
        at: base.plus(row.at),
        posting: row.posting,
        task: row.task,
        note: row.note,
        by: row.by,
    })
}

/// Of a step that a long timeline keeps, and of one that it may leave out.
const KEPT: u8 = b'n';
const AGAIN: u8 = b'r';

/// A step as it stands in the timeline of the task `id`: three bytes of length, a letter that says whether a
/// long timeline may leave it out, then the step.
pub(super) fn pack_note(id: &TaskId, note: &Note) -> Result<Vec<u8>, StoreError> {
    let step = minicbor::to_vec((note.at.since(base(id)), &note.step)).map_err(corrupt)?;
    let length = u32::try_from(step.len().saturating_add(1)).map_err(corrupt)?;
    let [low, middle, high, 0] = length.to_le_bytes() else {
        return Err(corrupt("a step of a timeline is too long"));
    };
    let letter = if is_again(&note.step) { AGAIN } else { KEPT };
    let mut bytes = vec![low, middle, high, letter];
    bytes.extend(step);
    Ok(bytes)
}

/// Steps, one after the other.
pub(super) fn pack_notes<'a>(
    id: &TaskId,
    notes: impl IntoIterator<Item = &'a Note>,
) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    for note in notes {
        bytes.extend(pack_note(id, note)?);
    }
    Ok(bytes)
}

/// All steps of a timeline.
pub(super) fn notes_of(id: &TaskId, mut bytes: &[u8]) -> Result<Vec<Note>, StoreError> {
    let short = || corrupt("a timeline is cut off");
    let mut notes = Vec::new();
    while let Some((&[low, middle, high], rest)) = bytes.split_first_chunk::<3>() {
        let length = u32::from_le_bytes([low, middle, high, 0]);
        let length = usize::try_from(length).map_err(corrupt)?;
        let (step, rest) = rest.split_at_checked(length).ok_or_else(short)?;
        let (at, step): (i64, Step) =
            minicbor::decode(step.get(1..).ok_or_else(short)?).map_err(corrupt)?;
        let at = base(id).plus(at);
        notes.push(Note { at, step });
        bytes = rest;
    }
    if bytes.is_empty() {
        Ok(notes)
    } else {
        Err(short())
    }
}
