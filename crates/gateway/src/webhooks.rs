//! Webhooks to tenants: what the outbox holds is signed, sent, and sent again until somebody took it.
//!
//! Delivery is at least once, with the same `webhook-id` on every attempt (invariant 11). The store's
//! outbox is the only queue that counts: what is kept in memory here is claimed under a lease, and
//! comes back by itself when this process dies. One endpoint that hangs, fails or floods must not slow
//! another, and no request leaves for an address that the policy did not judge.
//!
//! - [`signature`]: Standard Webhooks
//! - [`vault`]: the secrets that sign, at rest
//! - [`policy`]: which addresses may be called, from the configuration
//! - [`guard`] and [`resolver`]: the HTTP client that connects only to what was judged
//! - `courier`: one attempt
//! - [`deliverer`]: the worker; `hosts`: the part of its room that one host may use
//!
//! Who may be sent how much, and what follows from an attempt, is `evogate_models::delivery`.

mod courier;
pub mod deliverer;
pub mod guard;
mod hosts;
pub mod policy;
pub mod resolver;
mod retry_after;
pub mod signature;
pub mod vault;

#[cfg(test)]
mod tests;

pub use deliverer::{Deliverer, waits};
pub use guard::{GuardError, GuardedClient, Waits};
pub use policy::{address_policy, judge_callback};
pub use signature::{SigningKey, WeakKey};
pub use vault::{Vault, VaultError};
