//! `server`: how much the listeners take at a time, and how long they wait for clients.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::Reader;
use super::units::ByteSize;

/// `server`: the bounds of the api and callbacks listeners. The ops listener has the same patience, and turns
/// nobody away.
#[derive(Debug, Clone)]
pub struct Server {
    /// Threads that serve; 0: one for each core.
    pub threads: u32,
    /// Connections of one listener.
    pub max_connections: u32,
    /// Requests under way that are neither submits nor downloads; as many once more for callbacks, and for
    /// admins.
    pub max_requests: u32,
    /// Submits under way.
    pub max_submits: u32,
    /// Results that are streamed to clients.
    pub max_downloads: u32,
    /// All bodies of tenants' requests that are in memory, in bytes.
    pub max_bodies: usize,
    /// The largest request head, in bytes.
    pub max_head: usize,
    /// Requests under way of one HTTP/2 connection.
    pub max_streams: u32,
    /// How long a client may take for a request's head, from its first byte.
    pub head_timeout: Duration,
    /// How long a client may take for a request's body; a large one gets more.
    pub body_timeout: Duration,
    /// How long a connection may be open with nothing on it.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of its answer.
    pub write_timeout: Duration,
}

impl Server {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        const MANY: RangeInclusive<u32> = 1..=1_000_000;
        let kib = |kib: u64| ByteSize::from_bytes(kib << 10);
        let waits = Duration::from_millis(100)..=Duration::from_hours(1);
        let threads = from.within("server.threads", 0..=64);
        let max_connections = from.within("server.max_connections", MANY);
        let max_requests = from.within("server.max_requests", MANY);
        let max_submits = from.within("server.max_submits", MANY);
        let max_downloads = from.within("server.max_downloads", MANY);
        let max_bodies = from.within("server.max_bodies", kib(64)..=kib(64 << 20));
        // hyper's buffer for a head has 8 KiB at least.
        let max_head = from.within("server.max_head", kib(8)..=kib(1 << 10));
        let max_streams = from.within("server.max_streams", 1..=10_000);
        let head_timeout = from.within("server.head_timeout", waits.clone());
        let body_timeout = from.within("server.body_timeout", waits.clone());
        let idle_timeout = from.within("server.idle_timeout", waits.clone());
        let write_timeout = from.within("server.write_timeout", waits);
        Some(Self {
            threads: threads?,
            max_connections: max_connections?,
            max_requests: max_requests?,
            max_submits: max_submits?,
            max_downloads: max_downloads?,
            max_bodies: max_bodies?.bytes(),
            max_head: max_head?.bytes(),
            max_streams: max_streams?,
            head_timeout: head_timeout?,
            body_timeout: body_timeout?,
            idle_timeout: idle_timeout?,
            write_timeout: write_timeout?,
        })
    }
}
