//! Evogate's rules, and nothing else: no I/O, no clock, no async.
//!
//! What money may do is in [`account`] and [`journal`], what a task may become in [`task`] and [`life`], what a client may ask in
//! [`request`] and [`catalogue`]. The store runs these rules in its transactions, the gateway speaks
//! them over HTTP; neither decides anything of its own about credits.

pub mod account;
pub mod address;
pub mod catalogue;
pub mod credits;
pub mod delivery;
pub mod endpoint;
pub mod error;
pub mod event;
pub mod idempotency;
pub mod ids;
pub mod journal;
pub mod life;
pub mod note;
pub mod quota;
pub mod report;
pub mod request;
pub mod retention;
pub mod schedule;
pub mod task;
pub mod time;
pub mod trace;
pub mod view;

pub use credits::Credits;
pub use error::{ErrorCode, Fault, Refusal};
pub use ids::{EndpointId, EventId, KeyId, TaskId, TenantId, UpstreamId};
pub use time::{Millis, Timestamp};
pub use trace::TraceParent;
