//! Private Redis servers for tests: one ([`Server`]), a Sentinel group ([`SentinelGroup`]) or a Cluster
//! ([`Cluster`]), each in a folder of its own, on a socket or on loopback ports.
//!
//! Whatever is started is ended by its own process id when its value is dropped, and every wait has a
//! limit. Everything here blocks: a server is ready within a few hundredths of a second.
//!
//! `EVOGATE_TEST_REDIS_SERVER` names another server binary than the `redis-server` on the path (Redis of
//! another version, or Valkey). A rig of the test kit brings a server of its own
//! (`Rig::builder().on_redis()`, `.replicas(2)`), or is put on this one:
//! `Rig::builder().set("store.url", server.url())`.

mod certificates;
mod cluster;
mod process;
mod sentinel;
mod server;
mod wait;

pub use certificates::Certificates;
pub use cluster::Cluster;
pub use sentinel::SentinelGroup;
pub use server::{Fsync, Options, Server};
pub use wait::until;
