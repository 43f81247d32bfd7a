//! A Redis Cluster: slots, redirects, slots on the move, a failover.

use std::time::Duration;

use evogate_redis_kit::Cluster;
use redis::Value;

use super::super::Call;
use super::kit::{COUNT, count, count_until_it_works, is_unanswered, link};

const SHARDS: usize = 16;

fn key(shard: usize) -> String {
    format!("{{eg:{shard}}}n")
}

#[tokio::test]
async fn every_shard_is_found_moved_ones_too_and_a_failover_is_followed() {
    let mut cluster = Cluster::start();
    let link = link(&cluster.url());
    assert!(link.is_cluster());
    link.ready().await.expect("ready");

    // Every shard, all at once: on three servers.
    let counts = |by: &str| -> Vec<Call> {
        let call = |shard| {
            Call::Script(
                &COUNT,
                vec![key(shard).into()].into(),
                vec![by.into()].into(),
            )
        };
        (0..SHARDS).map(call).collect()
    };
    let first = link.pipeline(counts("1")).await;
    assert_eq!(first, vec![Ok(Value::Int(1)); SHARDS]);
    let second = link.pipeline(counts("1")).await;
    assert_eq!(second, vec![Ok(Value::Int(2)); SHARDS]);
    let primaries = link
        .each_primary(&redis::cmd("PING"))
        .await
        .expect("answers");
    assert_eq!(primaries.len(), 3);

    // A slot on the move: keys that went already are asked for at the new place.
    let shard = key(0);
    let from = cluster.owner(0, &shard);
    let to = (0..3).find(|server| *server != from).expect("another");
    let slot: i64 = cluster.servers[from].command(&["CLUSTER", "KEYSLOT", &shard]);
    let slot = slot.to_string();
    let id = |server: usize| cluster.servers[server].command::<String>(&["CLUSTER", "MYID"]);
    let (old, new) = (id(from), id(to));
    cluster.servers[to].command::<()>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &old]);
    cluster.servers[from].command::<()>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &new]);
    assert_eq!(count(&link, &shard).await, Ok(3));
    let port = cluster.servers[to].port().to_string();
    let migrate = ["MIGRATE", "127.0.0.1", &port, &shard, "0", "1000"];
    cluster.servers[from].command::<String>(&migrate);
    assert_eq!(count(&link, &shard).await, Ok(4));
    for server in [to, from] {
        cluster.servers[server].command::<()>(&["CLUSTER", "SETSLOT", &slot, "NODE", &new]);
    }
    assert_eq!(count(&link, &shard).await, Ok(5));

    // A primary ends: its shards fail for a while, the others do not.
    cluster.settle();
    let dead = from;
    let hit = (0..SHARDS).find(|shard| cluster.owner(to, &key(*shard)) == dead);
    let hit = key(hit.expect("a shard of that server"));
    let well = key((0..SHARDS)
        .find(|shard| cluster.owner(to, &key(*shard)) != dead)
        .expect("a shard of another server"));
    cluster.servers[dead].kill();
    assert!(count(&link, &hit).await.is_err());
    let answer = count(&link, &well).await;
    assert!(answer.is_ok(), "{answer:?}");
    let (_, within) = count_until_it_works(&link, &hit).await;
    assert!(within < Duration::from_secs(20), "{within:?}");
    cluster.servers[dead].start_again();

    // A primary that hangs is left as well.
    cluster.settle();
    let hung = cluster.owner(dead, &hit);
    cluster.servers[hung].pause();
    let answer = count(&link, &hit).await;
    assert!(is_unanswered(&answer), "{answer:?}");
    count_until_it_works(&link, &hit).await;
    cluster.servers[hung].resume();
    assert!(count(&link, &hit).await.is_ok());
}
