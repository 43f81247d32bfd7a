//! A Sentinel group: a primary, a replica, and three sentinels that watch them.

use std::fs;

use redis::{RedisResult, Value};
use tempfile::TempDir;

use crate::process::Process;
use crate::server::{Fsync, Options, Server, free_port};
use crate::wait::until;

/// The name under which the sentinels know the primary.
const NAME: &str = "evogate";

/// Two servers and three sentinels. A primary that does not answer for half a second is replaced.
#[derive(Debug)]
pub struct SentinelGroup {
    sentinels: Vec<Sentinel>,
    /// The server that was the primary at the start, then its replica. Which is which now:
    /// [`SentinelGroup::primary`].
    pub servers: Vec<Server>,
}

#[derive(Debug)]
struct Sentinel {
    _process: Process,
    port: u16,
    _folder: TempDir,
}

impl SentinelGroup {
    /// A group whose servers have an append-only file.
    pub fn start() -> Self {
        Self::with(Options::default().fsync(Fsync::Always))
    }

    /// A group of servers like that.
    pub fn with(options: Options) -> Self {
        let options = options.on_port().directive("repl-diskless-sync-delay 0");
        let primary = Server::with(options.clone());
        let replica = Server::with(options);
        let port = primary.port().to_string();
        replica.command::<()>(&["REPLICAOF", "127.0.0.1", &port]);
        replica.command::<()>(&["CONFIG", "REWRITE"]);
        let sentinels = (0..3).map(|_| Sentinel::start(primary.port())).collect();
        let group = Self {
            sentinels,
            servers: vec![primary, replica],
        };
        until("the replica follows", || {
            let info: String = group.servers[1].command(&["INFO", "replication"]);
            info.contains("master_link_status:up").then_some(())
        });
        until("the sentinels know each other and the replica", || {
            let ready = group.sentinels.iter().all(Sentinel::is_ready);
            ready.then_some(())
        });
        group
    }

    /// Where it is, for `store.url`.
    pub fn url(&self) -> String {
        let places: Vec<String> = self
            .sentinels
            .iter()
            .map(|sentinel| format!("127.0.0.1:{}", sentinel.port))
            .collect();
        format!("redis+sentinel://{}/{NAME}", places.join(","))
    }

    /// The port of the primary, as most sentinels say.
    pub fn primary(&self) -> u16 {
        let named: Vec<u16> = self.sentinels.iter().filter_map(Sentinel::names).collect();
        named
            .iter()
            .copied()
            .max_by_key(|port| named.iter().filter(|other| *other == port).count())
            .expect("a sentinel that names a primary")
    }
}

impl Sentinel {
    fn start(primary: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let lines = [
            "bind 127.0.0.1".to_owned(),
            format!("port {port}"),
            format!("sentinel monitor {NAME} 127.0.0.1 {primary} 2"),
            format!("sentinel down-after-milliseconds {NAME} 500"),
            format!("sentinel failover-timeout {NAME} 3000"),
        ];
        let file = folder.path().join("sentinel.conf");
        fs::write(file, lines.join("\n") + "\n").expect("a configuration");
        let process = Process::start(folder.path(), false, &["sentinel.conf", "--sentinel"]);
        Self {
            _process: process,
            port,
            _folder: folder,
        }
    }

    fn ask<T: redis::FromRedisValue>(&self, what: &str) -> RedisResult<T> {
        let url = format!("redis://127.0.0.1:{}", self.port);
        let mut connection = redis::Client::open(url)?.get_connection()?;
        redis::cmd("SENTINEL")
            .arg(what)
            .arg(NAME)
            .query(&mut connection)
    }

    fn is_ready(&self) -> bool {
        let count = |what| self.ask::<Vec<Value>>(what).map_or(0, |found| found.len());
        count("SENTINELS") == 2 && count("REPLICAS") == 1
    }

    fn names(&self) -> Option<u16> {
        let (_, port): (String, String) = self.ask("GET-MASTER-ADDR-BY-NAME").ok()?;
        port.parse().ok()
    }
}
