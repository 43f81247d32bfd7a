//! Redis fails over under load, to a server that may not have all that was answered. What is lost is found out and
//! heals, or is counted; the ledger is in order whatever happens.
//!
//! A long run: `tests/README.md` has the command.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use evogate_tests::redis::{Cluster, SentinelGroup};
use evogate_tests::{Caller as _, Rig, until};
use tokio::task::spawn_blocking;

use crate::number;
use crate::scene::Scene;

/// So that there is something to lose; nothing is waited for.
const A_WHILE: Duration = Duration::from_secs(3);

/// Waits until submits are taken again: a recovery may come first.
async fn is_in_service(rig: &Rig) {
    for gateway in std::iter::once(&rig.gateway).chain(&rig.others) {
        until("the gateway is ready", async || {
            let ops = gateway.ops();
            let ready = ops.try_send(ops.request(http::Method::GET, "/readyz"));
            (ready.await.ok()?.status == 200).then_some(())
        })
        .await;
    }
}

#[tokio::test]
#[ignore = "a long run"]
async fn what_a_sentinel_group_loses_at_a_failover_heals_or_is_counted() {
    let rounds = number("EVOGATE_TEST_ROUNDS", || 1);
    let group = spawn_blocking(SentinelGroup::start).await.unwrap();
    let builder = Rig::builder().replicas(2).set("store.url", group.url());
    let group = Arc::new(Mutex::new(group));
    let mut scene = Scene::set(builder).await;
    for _ in 0..rounds {
        scene
            .under_load(async |rig| {
                tokio::time::sleep(A_WHILE).await;
                let group = Arc::clone(&group);
                spawn_blocking(move || {
                    let mut group = group.lock().unwrap();
                    let port = group.primary();
                    let old = group
                        .servers
                        .iter()
                        .position(|server| server.port() == port);
                    let old = old.expect("the primary is one of ours");
                    group.servers[old].kill();
                    evogate_tests::redis::until("the replica takes over", || {
                        (group.primary() != port).then_some(())
                    });
                    group.servers[old].start_again();
                    evogate_tests::redis::until("the old one follows", || {
                        let info: String = group.servers[old].command(&["INFO", "replication"]);
                        info.contains("master_link_status:up").then_some(())
                    });
                })
                .await
                .unwrap();
                is_in_service(rig).await;
                tokio::time::sleep(A_WHILE).await;
            })
            .await;
        scene.heal_after_a_loss().await;
    }
}

#[tokio::test]
#[ignore = "a long run"]
async fn what_a_cluster_loses_at_failovers_heals_or_is_counted() {
    let rounds = number("EVOGATE_TEST_ROUNDS", || 1);
    let cluster = spawn_blocking(Cluster::start).await.unwrap();
    let builder = Rig::builder().replicas(2).set("store.url", cluster.url());
    let cluster = Arc::new(Mutex::new(cluster));
    let mut scene = Scene::set(builder).await;
    for _ in 0..rounds {
        scene
            .under_load(async |rig| {
                // Each primary in turn. Which servers are primaries changes, so half of the rounds end a replica.
                for primary in 0..3 {
                    tokio::time::sleep(A_WHILE).await;
                    let cluster = Arc::clone(&cluster);
                    spawn_blocking(move || {
                        let mut cluster = cluster.lock().unwrap();
                        cluster.servers[primary].kill();
                        std::thread::sleep(A_WHILE);
                        cluster.servers[primary].start_again();
                        cluster.settle();
                    })
                    .await
                    .unwrap();
                    is_in_service(rig).await;
                }
            })
            .await;
        scene.heal_after_a_loss().await;
    }
}
