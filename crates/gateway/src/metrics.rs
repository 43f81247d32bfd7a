//! What ops can watch, at `GET /metrics`: one list of metrics ([`names`]), what keeps the numbers, and what is
//! counted where nothing else happens.
//!
//! Labels are bounded by what they are: closed lists, the catalogue, the largest tenants. What a caller sends
//! (a path, a method, a model, a tenant) is never a label as it is.

pub mod account;
pub mod handle;
pub mod http;
pub mod ledger;
pub mod names;
mod page;
mod recorder;
pub mod runtime;
pub mod store;
pub mod whole;

#[cfg(test)]
mod tests;

pub use names::*;
pub use page::page;
pub use recorder::{begin, fold, render};
