//! A fake EvoLink, written from its public contract.
//!
//! It serves tests, `evogate dev` and benchmarks alike: EvoLink's routes, statuses over time, prices to
//! the micro-credit, callbacks with their retries, and real media files to download. Words in a prompt
//! (`#sim:drop-after-accept`) and rules (`POST /_sim/rules`) make it misbehave; `/_sim/journal` and
//! `/_sim/account` tell what it was asked and what it billed. See [`Fault`] for the vocabulary.
//!
//! What must hold: every task that was accepted is billed or refunded exactly once, and the account says so;
//! nothing is known here that EvoLink's own documents don't say, so that the fake shares no mistake with
//! the programs that it tests.

mod account;
mod answer;
mod app;
mod background;
mod call;
mod callbacks;
mod catalogue;
mod clock;
mod config;
mod control;
mod fault;
mod files;
mod handle;
mod journal;
mod money;
mod plan;
mod random;
mod refusal;
mod request;
mod route;
mod routes;
mod rules;
mod server;
mod sim;
mod spoil;
mod state;
mod task;
mod totals;
mod view;
mod words;
mod world;

pub use account::{Account, Job, TaskCounts};
pub use config::SimConfig;
pub use control::{Forced, ForcedError, ForcedStatus};
pub use fault::Fault;
pub use journal::{CallbackEntry, JournalFilter, JournalPage, RequestEntry};
pub use money::{Micro, NotAnAmount};
pub use route::Operation;
pub use rules::{ActiveRule, Match, Rule};
pub use sim::Sim;
pub use task::Status;
