//! Everything of Evogate that must survive: tenants and their accounts, keys, holds, tasks,
//! idempotency, the journal and the outbox.
//!
//! There is one [`Store`]. Each of its mutations is one atomic step that checks everything, then
//! writes; none of them decides anything itself: the rules are `evogate_models::life`. Only in this
//! crate are keys built and bytes encoded.

pub mod admin;
pub mod audit;
pub mod census;
pub mod clock;
pub mod command;
#[doc(hidden)]
pub mod dump;
pub mod durability;
mod embedded;
pub mod error;
pub mod examine;
mod facts;
pub mod lane;
pub mod ledger;
pub mod observer;
pub mod outbox;
pub mod prospect;
pub mod record;
mod redis;
pub mod refused;
mod rule;
mod store;
pub mod sweep;
pub mod usage;

pub use admin::{AdminRecord, Grant, Granted, KeyChange, Role, TenantChange};
pub use audit::{Actor, AuditEntry};
pub use census::{Census, OpenTasks, TenantSums};
pub use clock::{Clock, ManualClock, Random, SystemClock, SystemRandom};
pub use command::{Submit, Submitted, TaskCommand, TaskOutcome};
pub use durability::{Durability, Gap, GapKind};
pub use error::{ImportError, StoreError, SubmitError, TenantError, TurnError};
pub use observer::{Call, OPERATIONS, Observer};
pub use outbox::{Claimed, Claims, Cursor, DeliveryFilter, NextDue, Room};
pub use prospect::Prospect;
pub use record::{
    KeyRecord, KeySecret, Scope, Tenant, TenantView, UnknownScope, Verification, Violation,
};
pub use redis::link::LinkOptions;
pub use redis::url::{RedisUrl, RedisUrlError, TlsFiles};
pub use store::{Store, TaskFilter, TaskPage};
pub use sweep::Swept;
