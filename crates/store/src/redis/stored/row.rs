//! What only the gateway reads of a task, in CBOR: its fields by number, in the order in which they are
//! usually there. A field that is not known is passed over and one that is missing is none, so that a new one
//! at the end needs no new format. Times are milliseconds from the second in the task's id.

use std::borrow::Cow;

use evogate_models::task::{Author, Hint, Spec, State, Task};
use evogate_models::{Credits, TaskId, TenantId, Timestamp, TraceParent, UpstreamId};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::body::{self, Body};
use crate::error::StoreError;
use crate::redis::pack::corrupt;

#[derive(Encode, Decode)]
struct Row<'a> {
    #[n(0)]
    created: i64,
    #[n(1)]
    author: Cow<'a, Author>,
    #[n(2)]
    spec: Cow<'a, Spec>,
    #[n(3)]
    state: Cow<'a, State>,
    #[n(4)]
    windows: [i64; 3],
    #[n(5)]
    deadline: i64,
    /// [`CAN_CANCEL`], [`TOLD`].
    #[n(6)]
    flags: u8,
    #[n(7)]
    estimate: Credits,
    #[n(8)]
    hold: Credits,
    #[n(9)]
    idempotency_key: Option<Cow<'a, str>>,
    #[n(10)]
    upstream: Option<Cow<'a, UpstreamId>>,
    #[n(11)]
    reserved: Option<Credits>,
    #[n(12)]
    body: Option<Body<'a>>,
    #[n(13)]
    charged: Option<Credits>,
    #[n(14)]
    billed: Option<Credits>,
    #[n(15)]
    ended: Option<i64>,
    #[n(16)]
    fetched: Option<i64>,
    #[n(17)]
    callbacks: Option<u32>,
    #[n(18)]
    hint: Option<Cow<'a, Hint>>,
    #[n(19)]
    callback_url: Option<Cow<'a, str>>,
    #[n(20)]
    resend: Option<Cow<'a, str>>,
    #[n(21)]
    cancel_wanted: Option<i64>,
    #[n(22)]
    cancel_asked: Option<i64>,
    #[n(23)]
    trace: Option<ByteArray<25>>,
}

const CAN_CANCEL: u8 = 1;
const TOLD: u8 = 2;

/// Where times are counted from.
pub(in crate::redis) fn base(id: &TaskId) -> Timestamp {
    Timestamp::from_seconds(id.seconds())
}

pub(super) fn encode(task: &Task) -> Result<Vec<u8>, StoreError> {
    let base = base(&task.id);
    let since = |time: Timestamp| time.since(base);
    let some = |credits: Credits| (!credits.is_zero()).then_some(credits);
    let row = Row {
        created: since(task.created),
        author: Cow::Borrowed(&task.author),
        spec: Cow::Borrowed(&task.spec),
        state: Cow::Borrowed(&task.state),
        windows: task.windows.map(since),
        deadline: since(task.deadline),
        flags: [(task.can_cancel, CAN_CANCEL), (task.told, TOLD)]
            .into_iter()
            .filter(|(is, _)| *is)
            .fold(0, |flags, (_, flag)| flags | flag),
        estimate: task.estimate,
        hold: task.hold,
        idempotency_key: task.idempotency_key.as_deref().map(Cow::Borrowed),
        upstream: task.upstream.as_ref().map(Cow::Borrowed),
        reserved: task.reserved,
        body: task.body.as_deref().map(|text| body::pack(&task.id, text)),
        charged: some(task.charged),
        billed: some(task.billed),
        ended: task.ended.map(since),
        fetched: task.fetched.map(since),
        callbacks: (task.callbacks > 0).then_some(task.callbacks),
        hint: task.hint.as_ref().map(Cow::Borrowed),
        callback_url: task.callback_url.as_deref().map(Cow::Borrowed),
        resend: task.resend.as_deref().map(Cow::Borrowed),
        cancel_wanted: task.cancel_wanted.map(since),
        cancel_asked: task.cancel_asked.map(since),
        trace: task.trace.map(|trace| trace.to_bytes().into()),
    };
    minicbor::to_vec(row).map_err(corrupt)
}

/// The task, less what the head of its record says.
pub(super) fn decode(tenant: &TenantId, id: &TaskId, row: &[u8]) -> Result<Task, StoreError> {
    let row: Row<'_> = minicbor::decode(row).map_err(corrupt)?;
    let base = base(id);
    let time = |since: i64| base.plus(since);
    Ok(Task {
        id: id.clone(),
        tenant: tenant.clone(),
        created: time(row.created),
        author: row.author.into_owned(),
        spec: row.spec.into_owned(),
        estimate: row.estimate,
        hold: row.hold,
        charged: row.charged.unwrap_or_default(),
        billed: row.billed.unwrap_or_default(),
        state: row.state.into_owned(),
        upstream: row.upstream.map(Cow::into_owned),
        reserved: row.reserved,
        body: row
            .body
            .map(|packed| body::unpack(id, packed))
            .transpose()?,
        can_cancel: row.flags & CAN_CANCEL != 0,
        cancel_wanted: row.cancel_wanted.map(time),
        cancel_asked: row.cancel_asked.map(time),
        callback_url: row.callback_url.map(Cow::into_owned),
        idempotency_key: row.idempotency_key.map(Cow::into_owned),
        fingerprint: String::new(),
        told: row.flags & TOLD != 0,
        resend: row.resend.map(Cow::into_owned),
        due: None,
        lease: None,
        fence: 0,
        hint: row.hint.map(Cow::into_owned),
        callbacks: row.callbacks.unwrap_or_default(),
        refreshed: None,
        ended: row.ended.map(time),
        fetched: row.fetched.map(time),
        windows: row.windows.map(time),
        deadline: time(row.deadline),
        trace: row
            .trace
            .and_then(|bytes| TraceParent::from_bytes(bytes.into())),
    })
}
