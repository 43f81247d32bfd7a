//! A Redis Cluster: three primaries, each with a replica.

use std::ops::RangeInclusive;

use redis::{FromRedisValue, Value};

use crate::server::{Options, Server, free_port};
use crate::wait::until;

const SLOTS: u16 = 16384;
const PRIMARIES: u16 = 3;

/// Six servers. A primary that does not answer for a second is replaced by its replica.
#[derive(Debug)]
pub struct Cluster {
    /// The three that were primaries at the start, then their replicas, in the same order.
    pub servers: Vec<Server>,
}

impl Cluster {
    /// A Cluster whose servers have an append-only file.
    pub fn start() -> Self {
        Self::with(&Options::default())
    }

    /// A Cluster of servers like that.
    pub fn with(options: &Options) -> Self {
        let options = options
            .clone()
            .on_port()
            .directive("cluster-enabled yes")
            .directive("cluster-node-timeout 1000")
            .directive("cluster-allow-replica-migration no")
            .directive("repl-diskless-sync-delay 0");
        let servers: Vec<Server> = (0..PRIMARIES * 2)
            .map(|_| {
                let bus = free_port();
                Server::with(options.clone().directive(&format!("cluster-port {bus}")))
            })
            .collect();
        let (primaries, replicas) = servers.split_at(usize::from(PRIMARIES));
        let share = SLOTS / PRIMARIES;
        for (number, server) in (0..PRIMARIES).zip(primaries) {
            let first = (number * share).to_string();
            let last = if number + 1 == PRIMARIES {
                SLOTS - 1
            } else {
                (number + 1) * share - 1
            };
            server.command::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first, &last.to_string()]);
            server.command::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        }
        let (first, others) = servers.split_first().expect("servers");
        for server in others {
            let bus: String = cluster_port(server);
            let port = server.port().to_string();
            first.command::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        for server in &servers {
            until("the servers know each other", || {
                let nodes: String = server.command(&["CLUSTER", "NODES"]);
                let known = nodes.lines().filter(|line| !line.contains("handshake"));
                (known.count() == servers.len()).then_some(())
            });
        }
        for (primary, replica) in primaries.iter().zip(replicas) {
            let id: String = primary.command(&["CLUSTER", "MYID"]);
            until("a replica is taken", || {
                let taken = replica.try_command::<()>(&["CLUSTER", "REPLICATE", &id]);
                taken.ok()
            });
        }
        let cluster = Self { servers };
        cluster.settle();
        cluster
    }

    /// Waits until every server sees all slots served and every replica follows its primary.
    pub fn settle(&self) {
        for server in &self.servers {
            until("the Cluster is complete", || {
                let state: String = server.command(&["CLUSTER", "INFO"]);
                let replication: String = server.command(&["INFO", "replication"]);
                let following = replication.contains("master_link_status:up")
                    || replication.contains("role:master");
                (state.contains("cluster_state:ok") && following).then_some(())
            });
        }
        for server in &self.servers {
            until("every server sees three replicas", || {
                let nodes: String = server.command(&["CLUSTER", "NODES"]);
                let replicas = nodes.lines().filter(|line| line.contains("slave"));
                (replicas.count() == usize::from(PRIMARIES)).then_some(())
            });
        }
    }

    /// Where it is, for `store.url`.
    pub fn url(&self) -> String {
        let places: Vec<String> = self
            .servers
            .iter()
            .map(|server| format!("127.0.0.1:{}", server.port()))
            .collect();
        format!("redis+cluster://{}", places.join(","))
    }

    /// Where the server is (in [`Cluster::servers`]) that has a key's slot now, as `asked` sees it.
    pub fn owner(&self, asked: usize, key: &str) -> usize {
        let server = &self.servers[asked];
        let slot: u16 = server.command(&["CLUSTER", "KEYSLOT", key]);
        let ranges = self.ranges(asked);
        let range = ranges.iter().find(|range| range.slots.contains(&slot));
        let port = range.expect("a range with the slot").port;
        self.servers
            .iter()
            .position(|server| server.port() == port)
            .expect("a server of ours")
    }

    fn ranges(&self, asked: usize) -> Vec<Range> {
        let answer: Vec<Vec<Value>> = self.servers[asked].command(&["CLUSTER", "SLOTS"]);
        let number = |value: &Value| u16::from_redis_value_ref(value).expect("a number");
        let read = |range: Vec<Value>| {
            let primary = Vec::<Value>::from_redis_value_ref(&range[2]).expect("a primary");
            Range {
                slots: number(&range[0])..=number(&range[1]),
                port: number(&primary[1]),
            }
        };
        answer.into_iter().map(read).collect()
    }
}

struct Range {
    slots: RangeInclusive<u16>,
    port: u16,
}

fn cluster_port(server: &Server) -> String {
    let (_, port): (String, String) = server.command(&["CONFIG", "GET", "cluster-port"]);
    port
}
