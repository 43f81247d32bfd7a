//! What the store promises, shown on its engines.
//!
//! - [`kit`]: a store in a folder of its own, and random commands for any engine
//! - [`model`]: what clients may rely on, written down a second time and without a database
//! - [`alike`]: the same random commands for two engines
//! - [`random`]: random commands against the model
//! - the other modules: one rule a test

#![cfg(test)]

mod alike;
mod census;
mod concurrency;
mod durability;
mod idempotency;
mod kit;
mod leases;
mod leaving;
mod ledger;
mod model;
mod outbox;
mod random;
mod redis;
