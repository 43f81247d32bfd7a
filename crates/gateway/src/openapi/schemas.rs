//! Schemas of what is not one of our own types: EvoLink's task object, which passes through as it is, and
//! the generation request, which is read field by field. Also pieces that other schemas are made with.
#![expect(dead_code, reason = "the fields are read by the derive only")]
#![expect(
    clippy::struct_field_names,
    reason = "the names are those of the interface"
)]

mod reports;

use std::collections::BTreeMap;

use evogate_models::credits::Decimal;
use evogate_models::event::EventKind;
use evogate_models::task::State;
use evogate_store::Scope;
use serde_json::{Value, json};
use utoipa::openapi::schema::{ArrayBuilder, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::admin::MAX_TEXT;

pub use reports::{AuditEntry, DurabilityGap, Health, RefusedSubmit, Usage, UsageRow, Violation};

/// What a client sees of a task's state.
#[derive(ToSchema)]
#[schema(as = TaskStatus, rename_all = "snake_case")]
pub enum Status {
    /// Waiting, also while the gateway does not know whether EvoLink has it.
    Pending,
    /// Being made.
    Processing,
    /// Done: `results` are there.
    Completed,
    /// Not done: `error` says why.
    Failed,
    /// Cancelled in time.
    Cancelled,
}

/// EvoLink's task object, with the gateway's own `id`. Every other field is as EvoLink wrote it, so there
/// may be more than are listed here; unknown fields are kept. Until EvoLink has answered, and for the
/// gateway's own failures, the object is the gateway's, in the same shape.
#[derive(ToSchema)]
#[schema(example = json!({
    "created": 1_772_203_771, "id": "task-unified-1772203771-yf1dxogh", "model": "seedance-2.0",
    "object": "video.generation.task", "progress": 0, "status": "pending",
    "task_info": {"can_cancel": true, "estimated_time": 132}, "type": "video",
    "usage": {"billing_rule": "per_second", "credits_reserved": 17.784, "user_group": "default"},
}))]
pub struct Task {
    /// The gateway's id of the task.
    id: String,
    /// `video.generation.task`, and the same for images and audios.
    object: String,
    /// Unix seconds.
    created: i64,
    /// The model.
    model: String,
    /// Where it stands. Poll every 5 to 15 seconds until it is `completed`, `failed` or `cancelled`.
    status: Status,
    /// Percent done.
    progress: u8,
    /// `video`, `image` or `audio`.
    r#type: String,
    task_info: Option<TaskInfo>,
    usage: Option<TaskUsage>,
    /// URLs of the results, once it is `completed`. EvoLink keeps the files for 24 hours.
    results: Option<Vec<String>>,
    error: Option<TaskError>,
}

/// What may be done with the task, and how long it may take.
#[derive(ToSchema)]
pub struct TaskInfo {
    /// Can it be cancelled now?
    can_cancel: Option<bool>,
    /// Seconds; it runs high.
    estimated_time: Option<f64>,
}

/// What the task costs.
#[derive(ToSchema)]
pub struct TaskUsage {
    /// `per_second`, `per_call`, `per_token`, …
    billing_rule: Option<String>,
    /// What is held for it; never more is charged.
    credits_reserved: Option<Decimal>,
    /// What it cost in the end, where EvoLink says so.
    credits_used: Option<Decimal>,
}

/// Why a task failed. Its credits were given back.
#[derive(ToSchema)]
pub struct TaskError {
    /// EvoLink's own code, or `submission_lost`, `result_lost`, `request_cancelled`, or the code of a
    /// refusal that came after your answer.
    code: Option<String>,
    /// For people.
    message: Option<String>,
    /// `task_error`, or the type of the refusal.
    r#type: Option<String>,
}

/// What is to be made. The fields are those of EvoLink's Seedance 2.0; which values are allowed depends on
/// the model, and `GET /v1/models` has every model's durations, qualities, aspect ratios, media and prices
/// (the catalogue that comes with the gateway has models for videos only). Unknown fields pass to EvoLink
/// unchanged, and `null` counts as not given.
#[derive(ToSchema)]
#[schema(example = json!({
    "model": "seedance-2.0", "prompt": "A lighthouse in fog", "duration": 5, "quality": "720p",
    "aspect_ratio": "16:9", "callback_url": "https://studio.example/hooks/evolink",
}))]
pub struct Generation {
    /// One of `GET /v1/models`.
    #[schema(min_length = 1, examples("seedance-2.0", "seedance-1.5-pro"))]
    model: String,
    /// What is to be seen; `@Image1`, `@Video1`, `@Audio1` mean the first of the URLs below. At most 2000
    /// tokens (Seedance 2.0). A few models need none where something else stands in for it.
    prompt: Option<String>,
    /// Seconds; the model's default unless given. Seedance 2.0: 4 to 15, 5 unless given.
    #[schema(minimum = 1, examples(5))]
    duration: Option<u32>,
    /// The model's default unless given. Seedance 2.0: `480p`, `720p`, `1080p`, and `720p` unless given.
    #[schema(examples("720p"))]
    quality: Option<String>,
    /// Seedance 2.0: `16:9`, `9:16`, `1:1`, `4:3`, `3:4`, `21:9`, and `16:9` unless given.
    #[schema(examples("16:9"))]
    aspect_ratio: Option<String>,
    /// With a sound track.
    #[schema(default = true)]
    generate_audio: Option<bool>,
    /// How many results, from 1, for models that make several. Others get it as it is.
    n: Option<u64>,
    /// Reference pictures: public http(s) URLs. Seedance 2.0: at most 9, of at most 30 MB each.
    #[schema(examples(json!(["https://studio.example/lighthouse.png"])))]
    image_urls: Option<Vec<String>>,
    /// Reference videos. Seedance 2.0: at most 3.
    video_urls: Option<Vec<String>>,
    /// Reference sounds, beside pictures or videos. Seedance 2.0: at most 3.
    audio_urls: Option<Vec<String>>,
    /// Where the finished task is sent by POST, signed: see the webhooks of this document. EvoLink never sees it.
    #[schema(min_length = 1, max_length = 2048, format = "uri")]
    callback_url: Option<String>,
    /// Everything else passes unchanged.
    #[schema(additional_properties = true)]
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

/// Tasks to read.
#[derive(ToSchema)]
#[schema(example = json!({"task_ids": ["task-unified-1772203771-yf1dxogh"]}))]
pub struct TaskIds {
    /// Unknown and foreign ids are left out of the answer.
    #[schema(min_items = 1, max_items = 50)]
    task_ids: Vec<String>,
}

/// A list that is complete.
#[derive(ToSchema)]
pub struct List<T> {
    /// `list`
    object: String,
    /// How many there are.
    total: u64,
    data: Vec<T>,
}

/// A list without a count.
#[derive(ToSchema)]
pub struct Found<T> {
    /// `list`
    object: String,
    data: Vec<T>,
}

/// A page by number.
#[derive(ToSchema)]
pub struct Page<T> {
    /// `list`
    object: String,
    /// How many there are on all pages.
    total: u64,
    /// This page, from 1.
    page: u32,
    /// Entries on a page.
    page_size: u32,
    data: Vec<T>,
}

/// A page of a list that goes on from where the last one ended.
#[derive(ToSchema)]
pub struct PageByNumber<T> {
    /// `list`
    object: String,
    data: Vec<T>,
    /// Where the next page begins; null on the last one.
    #[schema(required = true)]
    next: Option<u64>,
}

/// A page of a list that goes on from where the last one ended.
#[derive(ToSchema)]
pub struct PageByName<T> {
    /// `list`
    object: String,
    data: Vec<T>,
    /// The `after` of the next page; null on the last one.
    #[schema(required = true)]
    next: Option<String>,
}

/// It is gone.
#[derive(ToSchema)]
pub struct Deleted {
    /// `key`, `admin` or `webhook.endpoint`
    object: String,
    id: String,
    /// Always true.
    deleted: bool,
}

/// The scopes that a key has.
pub struct Scopes;

impl PartialSchema for Scopes {
    fn schema() -> RefOr<Schema> {
        let names = Scope::ALL.map(|scope| json!(scope.as_str()));
        let scope = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(names));
        ArrayBuilder::new()
            .items(scope)
            .min_items(Some(1))
            .description(Some(
                "`generate`: submit, estimate and cancel. `read`: tasks, credits, models, usage. \
                 `webhooks`. `tenant_admin`: the tenant's own keys.",
            ))
            .into()
    }
}

impl ToSchema for Scopes {}

/// A name or a note.
pub struct ShortText;

impl PartialSchema for ShortText {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_TEXT))
            .pattern(Some(NOT_BLANK))
            .into()
    }
}

impl ToSchema for ShortText {}

/// No control characters, and one that is no space.
const NOT_BLANK: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";

/// A kind of event that an endpoint can ask for.
pub struct EventName;

impl PartialSchema for EventName {
    fn schema() -> RefOr<Schema> {
        event_names(EventKind::is_subscribable)
    }
}

impl ToSchema for EventName {}

/// A kind of event.
pub struct AnyEventName;

impl PartialSchema for AnyEventName {
    fn schema() -> RefOr<Schema> {
        event_names(|_| true)
    }
}

impl ToSchema for AnyEventName {}

fn event_names(which: fn(EventKind) -> bool) -> RefOr<Schema> {
    let names = EventKind::ALL.into_iter().filter(|kind| which(*kind));
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names.map(|kind| json!(kind.as_str()))))
        .into()
}

/// A time: Unix seconds, or RFC 3339.
pub struct Time;

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Integer, Type::String]))
            .examples([json!("2026-11-26T10:00:00Z"), json!("1795445634")])
            .pattern(Some("^([0-9]{1,10}|[0-9]{4}-[0-1][0-9]-[0-3][0-9]T.+)$"))
            .into()
    }
}

impl ToSchema for Time {}

/// Where a delivery stands.
pub fn delivery_state() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["pending", "delivered", "dead"]))
        .into()
}

/// The states of a task: finer than what clients see.
pub fn state() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(State::NAMES.iter().map(|name| json!(name))))
        .into()
}
