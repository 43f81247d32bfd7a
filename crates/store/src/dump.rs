//! Everything that a store keeps, in a form that does not depend on the engine: for the tests that
//! compare a store with itself, with a model, and with another engine.

use std::collections::{BTreeMap, BTreeSet};

use evogate_models::account::Account;
use evogate_models::delivery::{Delivery, Lane, Queue};
use evogate_models::endpoint::Endpoint;
use evogate_models::event::{DeliveryId, Event, Target};
use evogate_models::idempotency;
use evogate_models::journal::{Entry, Opening};
use evogate_models::note::Note;
use evogate_models::quota::{Rate, Usage};
use evogate_models::retention::Departed;
use evogate_models::task::Task;
use evogate_models::{EndpointId, EventId, KeyId, TaskId, TenantId, Timestamp, UpstreamId};

use serde_json::Value;

use crate::admin::AdminRecord;
use crate::audit::AuditEntry;
use crate::outbox::Cursor;
use crate::record::{KeyRecord, Tenant};
use crate::refused::Refused;
use crate::usage::{Day, SeenUser, Sums};

/// See the module.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dump {
    /// The tenants, by id.
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// Their accounts, each with the number of its last journal entry.
    pub accounts: BTreeMap<TenantId, (Account, u64)>,
    /// What their quotas count: unfinished tasks, the rate of submits, the windows.
    pub counters: BTreeMap<TenantId, (u32, Rate, Usage)>,
    /// What the windows of their users (`u:…`) and keys (`k:…`) have counted.
    pub usage: BTreeMap<(TenantId, String), Usage>,
    /// Sums by tenant, day, and user, key and model.
    pub daily: BTreeMap<(TenantId, Day, String), Sums>,
    /// The users that were seen.
    pub users: BTreeMap<(TenantId, String), SeenUser>,
    /// Grants by the admins' idempotency keys.
    pub grants: BTreeMap<(TenantId, String), Value>,
    /// The admins' keys.
    pub admins: BTreeMap<KeyId, AdminRecord>,
    /// The admins' keys' digests, and whose they are.
    pub admin_digests: BTreeMap<Vec<u8>, KeyId>,
    /// The audit trail.
    pub audit: Vec<AuditEntry>,
    /// Refused submits, the oldest first.
    pub refused: Vec<Refused>,
    /// What their tasks that have left come to.
    pub departed: BTreeMap<TenantId, Departed>,
    /// What the entries that have left their journals come to.
    pub openings: BTreeMap<TenantId, Opening>,
    /// Their journals.
    pub journal: BTreeMap<TenantId, Vec<Entry>>,
    /// The keys.
    pub keys: BTreeMap<(TenantId, KeyId), KeyRecord>,
    /// The keys' digests, and whose they are.
    pub digests: BTreeMap<Vec<u8>, (TenantId, KeyId)>,
    /// The tasks.
    pub tasks: BTreeMap<(TenantId, TaskId), Task>,
    /// Their timelines.
    pub notes: BTreeMap<(TenantId, TaskId), Vec<Note>>,
    /// EvoLink's ids, and whose they are.
    pub upstreams: BTreeMap<UpstreamId, (TenantId, TaskId)>,
    /// The clients' idempotency keys.
    pub idempotency: BTreeMap<(TenantId, String), idempotency::KeyRecord>,
    /// The last task of each request, by the request's fingerprint.
    pub repeats: BTreeMap<(TenantId, String), idempotency::RepeatRecord>,
    /// When tasks are due.
    pub due: BTreeSet<(Timestamp, TenantId, TaskId)>,
    /// The tasks that EvoLink may have without our knowing which of its tasks they are.
    pub unbound: BTreeSet<(TenantId, TaskId)>,
    /// The tenants that were told that their balance is low.
    pub low: BTreeSet<TenantId>,
    /// The tenants' endpoints.
    pub endpoints: BTreeMap<(TenantId, EndpointId), Endpoint>,
    /// The events.
    pub events: BTreeMap<(TenantId, EventId), Event>,
    /// The deliveries.
    pub deliveries: BTreeMap<(TenantId, DeliveryId), Delivery>,
    /// The deliveries in the order of time.
    pub history: BTreeSet<Cursor>,
    /// The targets' queues: those that are not as queues are at first.
    pub queues: BTreeMap<(TenantId, Target), Queue>,
    /// When queues are due.
    pub outbox: BTreeSet<(Lane, Timestamp, TenantId, Target)>,
    /// What EvoLink bills beyond what the tenants paid, in micro-credits.
    pub platform_loss: i64,
}
