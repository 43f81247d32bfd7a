//! What admins and ops read: usage, the audit trail, refusals, the ledger, health. Kept in the store's own
//! types or put together where it is answered; a test compares the names of the fields.
#![expect(dead_code, reason = "the fields are read by the derive only")]

use evogate_models::credits::Decimal;
use serde_json::Value;
use utoipa::ToSchema;

/// Sums of a period. Beside the counts, each row has a field for every word of `group_by`.
#[derive(ToSchema)]
pub struct Usage {
    /// `usage`
    object: String,
    /// The first day.
    from: String,
    /// The last day.
    to: String,
    data: Vec<UsageRow>,
}

/// What was submitted and charged.
#[derive(ToSchema)]
pub struct UsageRow {
    /// The day (UTC) on which the tasks were submitted.
    #[schema(nullable = false)]
    day: Option<String>,
    #[schema(nullable = false)]
    tenant: Option<String>,
    /// Empty where the credential named none.
    #[schema(nullable = false)]
    user: Option<String>,
    /// Empty where the credential was a token.
    #[schema(nullable = false)]
    key: Option<String>,
    #[schema(nullable = false)]
    model: Option<String>,
    submitted: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
    credits_charged: Decimal,
}

/// One change that an admin made, recorded in the step that made it.
#[derive(ToSchema)]
pub struct AuditEntry {
    /// Counts all entries, from 1.
    seq: u64,
    at: String,
    /// An admin's name, `bootstrap`, or for a tenant's own admin `tenant/key-id`.
    who: String,
    /// The client's address.
    #[schema(nullable = false)]
    from: Option<String>,
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// `tenant.create`, `grant`, `key.rotate`, …
    action: String,
    /// On what: `studio`, `studio/key_…`.
    target: String,
    /// What it was; null for what is new.
    before: Value,
    /// What it is now; null for what is gone.
    after: Value,
}

/// A refused submit, kept for seven days.
#[derive(ToSchema)]
pub struct RefusedSubmit {
    request_id: String,
    at: String,
    tenant: String,
    /// The key's id, or the token's subject.
    credential: String,
    #[schema(nullable = false)]
    user: Option<String>,
    route: String,
    /// The HTTP status of the answer.
    status: u16,
    /// `error.code` of the answer.
    code: String,
    /// `error.message` of the answer.
    message: String,
    /// The fields at fault.
    params: Vec<String>,
    /// Only where ops switched that on.
    #[schema(nullable = false)]
    prompt: Option<String>,
}

/// An account, and what is wrong with it.
#[derive(ToSchema)]
pub struct Violation {
    /// Null for the platform's own books.
    #[schema(required = true)]
    tenant: Option<String>,
    /// In words.
    what: String,
}

/// How this replica is.
#[derive(ToSchema)]
pub struct Health {
    /// `ok`, `ready` or `not ready`
    status: String,
    /// Of the way to EvoLink: `closed`, `open` or `half_open`.
    #[schema(nullable = false)]
    breaker: Option<String>,
    /// Why it is not ready.
    #[schema(nullable = false)]
    reason: Option<String>,
    /// Does whatever was answered survive a crash of the store?
    #[schema(nullable = false)]
    durable: Option<bool>,
    /// What keeps the store from being durable, or from being in order.
    #[schema(nullable = false)]
    durability_gaps: Option<Vec<DurabilityGap>>,
}

/// Something that is wrong with the store's set-up.
#[derive(ToSchema)]
pub struct DurabilityGap {
    /// A stable code.
    gap: String,
    /// Can something be lost by it?
    loses: bool,
    /// The server that it was seen on.
    #[schema(required = true)]
    server: Option<String>,
    /// What was seen, in words.
    seen: String,
    /// What follows, in words.
    consequence: String,
}
