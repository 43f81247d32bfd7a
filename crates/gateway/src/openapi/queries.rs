//! Queries and request headers that several routes read. Only their descriptions are here: what reads
//! them finds every fault by itself.
#![expect(dead_code, reason = "the fields are read by the derive only")]
#![expect(
    clippy::struct_field_names,
    reason = "the names are those of the interface"
)]

use utoipa::IntoParams;

/// Makes a submit safe to repeat.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyKey {
    /// 1 to 255 visible ASCII characters, chosen by you. The same request with the same key is done once
    /// and answered with `idempotency-replayed: true`; another request with it is 422
    /// `idempotency_mismatch`.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$"
    )]
    key: Option<String>,
}

/// A tenant's tasks.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Tasks {
    /// Only tasks with this status.
    #[param(inline)]
    status: Option<super::schemas::Status>,
    /// Only tasks of this type: `video`, `image` or `audio`.
    r#type: Option<String>,
    /// Only tasks of this model.
    model: Option<String>,
    /// The page, from 1.
    #[param(minimum = 1, default = 1, maximum = 4_294_967_295_u32)]
    page: Option<u32>,
    /// Tasks on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    page_size: Option<u32>,
}

/// A page by number, of what fits.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// A part of the id or the name.
    search: Option<String>,
    /// The page, from 1.
    #[param(minimum = 1, maximum = 1_000_000, default = 1)]
    page: Option<u32>,
    /// Entries on a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    page_size: Option<u32>,
}

/// A usage report.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Usage {
    /// The first day (UTC): 29 days before `to` unless given.
    #[param(example = "2026-11-01", format = Date)]
    from: Option<String>,
    /// The last day (UTC): today unless given.
    #[param(example = "2026-11-30", format = Date)]
    to: Option<String>,
    /// Any of `day`, `tenant`, `user`, `key`, `model`, joined by commas.
    #[param(
        default = "day",
        example = "tenant,model",
        pattern = "^(day|tenant|user|key|model)(,(day|tenant|user|key|model))*$"
    )]
    group_by: Option<String>,
    /// What the answer is written in.
    #[param(inline)]
    format: Option<UsageFormat>,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase", default = "json")]
enum UsageFormat {
    Json,
    Csv,
}

/// One tenant of all.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfTenant {
    /// Only what is of this tenant.
    tenant: Option<String>,
}

/// Endpoints of all tenants.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Endpoints {
    /// Only those that are enabled (true), or are not (false).
    enabled: Option<bool>,
}

/// How much of a list that goes on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Limit {
    /// Entries in the answer.
    #[param(minimum = 1, maximum = 10_000, default = 50)]
    limit: Option<u32>,
}

/// Where the audit trail goes on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Before {
    /// Only entries with a smaller `seq`: the `next` of the page before.
    #[param(minimum = 0, format = "uint64")]
    before: Option<u64>,
}

/// A tenant's journal.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Journal {
    /// Only entries with a greater `seq`: the `next` of the page before.
    #[param(minimum = 0, default = 0, format = "uint64")]
    after: Option<u64>,
    /// What the answer is written in.
    #[param(inline)]
    format: Option<JournalFormat>,
    /// Only entries of this kind.
    #[param(inline)]
    kind: Option<EntryKind>,
    /// Only entries of this task.
    #[param(
        example = "task-unified-1772203771-yf1dxogh",
        pattern = "^task-unified-[0-9]{10}-[a-z0-9]{8}$"
    )]
    task: Option<String>,
    /// Only entries of this day (UTC) and later ones.
    #[param(example = "2026-11-01", format = Date)]
    from: Option<String>,
    /// Only entries of this day (UTC) and earlier ones.
    #[param(example = "2026-11-30", format = Date)]
    to: Option<String>,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
enum EntryKind {
    Granted,
    Held,
    Moved,
    Settled,
    Released,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase", default = "json")]
enum JournalFormat {
    Json,
    Ndjson,
    Csv,
}

/// Tasks of all tenants.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AllTasks {
    /// Only tasks in this state.
    #[param(schema_with = super::schemas::state)]
    state: Option<String>,
    /// Where to go on: the `next` of the page before.
    #[param(
        example = "studio/task-unified-1772203771-yf1dxogh",
        pattern = "^[a-z0-9][a-z0-9_-]{0,63}/task-unified-[0-9]{10}-[a-z0-9]{8}$"
    )]
    after: Option<String>,
}

/// Deliveries of webhooks.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Deliveries {
    /// Only to this endpoint.
    #[param(pattern = "^ep_[a-z0-9]{1,32}$")]
    endpoint: Option<String>,
    /// Only in this state. `dead` are the dead letters.
    #[param(schema_with = super::schemas::delivery_state)]
    state: Option<String>,
    /// Only of events of this kind.
    #[param(inline)]
    event: Option<super::schemas::AnyEventName>,
    /// Only of events of this task.
    #[param(pattern = "^task-unified-[0-9]{10}-[a-z0-9]{8}$")]
    task: Option<String>,
    /// Only of events from this time on: Unix seconds or RFC 3339.
    #[param(inline)]
    from: Option<super::schemas::Time>,
    /// Only of events before this time.
    #[param(inline)]
    to: Option<super::schemas::Time>,
    /// Where to go on: the `next` of the page before.
    after: Option<String>,
}

/// One refused request.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfRequest {
    /// Only the refusal of the request with this id.
    request_id: Option<String>,
}

/// Parts of a file, as HTTP has them.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Ranges {
    /// The bytes wanted.
    #[param(rename = "Range", example = "bytes=0-1023")]
    range: Option<String>,
}
