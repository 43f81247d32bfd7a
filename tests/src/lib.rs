//! The test kit: it starts the real binaries on free loopback ports, talks to them as tenants, admins
//! and EvoLink would, and at the end of a test compares the tenants' books with the simulator's bill.
//!
//! - [`Rig`]: a simulator, a gateway (or several, on one Redis) in front of it, and a tenant with credits
//! - [`Dev`]: `evogate dev`, for what it promises
//! - [`Tenant`], [`Admin`], [`Anonymous`]: who calls is a type
//! - [`Simulator`]: faults by rule, the journal of what it was asked, its account
//! - [`Receiver`]: takes webhooks, and misbehaves when told to; by https with a certificate of an [`Authority`]
//! - [`Collector`]: takes spans, and misbehaves when told to
//! - [`Provider`]: an identity provider with keys, or without
//! - [`Proxy`]: an address that stays while what is behind it comes and goes, and that cuts connections
//! - [`Terminator`]: TLS in front of a server that speaks none
//! - [`Balancer`]: a load balancer that leads to the gateways that are ready
//! - [`redis`]: private Redis servers, Sentinel groups and Clusters, ended, paused and started again at will
//! - [`assert_books`]: bill = spent + platform loss, nothing held, nothing submitted twice
//!
//! A test waits by [`until`], never by a bare sleep, and no test is tried twice. What was started is
//! ended by its process id when its value is dropped; a failing test prints the logs.

mod answer;
mod authority;
mod balancer;
mod binaries;
mod books;
mod callers;
mod collector;
mod credits;
mod dev;
mod gateway;
mod process;
mod provider;
mod proxy;
mod receiver;
mod rig;
mod simulator;
mod terminator;
mod tools;
mod wait;

pub use answer::Answer;
pub use authority::{Authority, Certificate};
pub use balancer::Balancer;
pub use binaries::{binary, use_binaries, workspace};
pub use books::{
    assert_books, assert_books_within, assert_ledger, platform_loss, settle_books, submitted_twice,
};
pub use callers::{Admin, Anonymous, Caller, Tenant};
pub use collector::{Collector, SentSpan};
pub use credits::Micro;
pub use dev::Dev;
pub use evogate_redis_kit as redis;
pub use gateway::{Gateway, Settings};
pub use process::Process;
pub use provider::Provider;
pub use proxy::{Proxy, Way};
pub use receiver::{Delivery, Manner, Receiver};
pub use rig::{ADMIN_KEY, CALLBACKS_SECRET, EVOLINK_KEY, Rig, RigBuilder};
pub use simulator::{Simulator, SimulatorProcess};
pub use terminator::{Bound, Terminator};
pub use tools::{clients_folder, node, npm_modules, python, python_tool, run_client};
pub use wait::{until, until_within};

/// Spawns work of the kit's own: it ends with the test's runtime.
pub(crate) fn spawn(
    work: impl Future<Output = ()> + Send + 'static,
) -> tokio::task::JoinHandle<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing here outlives the test, so nothing waits for it"
    )]
    tokio::spawn(work)
}
