//! The company-owned gateway in front of EvoLink: it speaks EvoLink's interface, and adds who may call,
//! what they may spend, and whose task is whose.

pub mod admin;
pub mod api;
pub mod app;
pub mod auth;
pub mod background;
pub mod body;
pub mod breaker;
pub mod callbacks;
pub mod cli;
pub mod client_address;
pub mod config;
pub mod content;
pub mod context;
pub mod csv;
pub mod deliveries;
#[cfg(test)]
mod docs_test;
pub mod durability;
pub mod endpoints;
pub mod envelope;
pub mod error;
pub mod evolink;
pub mod failpoint;
pub mod headers;
pub mod heal;
pub mod keys;
pub mod listeners;
pub mod logging;
pub mod metrics;
pub mod openapi;
pub mod ops;
pub mod path;
pub mod reads;
pub mod reconcile;
pub mod recovery;
pub mod router;
pub mod secret;
pub mod server;
pub mod state;
pub mod submit;
pub mod sweep;
pub mod token;
pub mod usage;
pub mod webhooks;
pub mod windows;
