//! Webhooks to tenants: what the outbox holds is signed, sent, and sent again until somebody took it.
//!
//! Delivery is at least once, with the same `webhook-id` on every attempt (invariant 11). The store's
//! outbox is the only queue that counts: what is kept in memory here is claimed under a lease, and
//! comes back by itself when this process dies. One endpoint that hangs, fails or floods must not slow
//! another, and no request leaves for an address that the policy did not judge.
//!
//! - [`signature`]: Standard Webhooks
//! - [`policy`]: which addresses may be called, from the configuration
//! - [`guard`] and [`resolver`]: the HTTP client that connects only to what was judged
//! - `lanes`: who may send now, endpoint by endpoint
//! - `courier`: one attempt, and what follows from it (`verdict`)
//! - [`deliverer`]: the worker

mod courier;
pub mod deliverer;
pub mod guard;
mod lanes;
pub mod policy;
pub mod resolver;
pub mod signature;
mod verdict;

#[cfg(test)]
mod tests;

pub use deliverer::Deliverer;
pub use guard::{GuardError, GuardedClient, Waits};
pub use policy::{address_policy, judge_callback};
pub use signature::{SigningKey, WeakKey};

/// Attempts by `outcome`: `delivered`, `retry` (it will be sent again), `dead`.
pub const DELIVERIES: &str = "evogate_webhook_deliveries_total";
/// How long attempts take, in seconds.
pub const DELIVERY_SECONDS: &str = "evogate_webhook_delivery_seconds";
/// From the event to the beginning of its first attempt, in seconds.
pub const LAG_SECONDS: &str = "evogate_webhook_lag_seconds";
