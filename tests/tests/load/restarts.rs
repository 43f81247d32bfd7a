//! Gateways that are restarted in turn while thousands of requests are under way, behind a load balancer.
//!
//! The load balancer's part: it asks for `/readyz` more often than `shutdown.drain_pause` is long, makes new
//! connections to ready gateways alone, and leaves those alone that it has. Everything else is the gateway's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use evogate_tests::{Balancer, Rig, assert_books_within, until_within};
use serde_json::json;
use tokio::task::JoinSet;

use super::clients::{Ask, Done, ask, broken, count, quantile};
use super::set;

async fn under_way(rig: &Rig) -> f64 {
    let mut sum = 0.0;
    for gateway in std::iter::once(&rig.gateway).chain(&rig.others) {
        sum += gateway.metric("evogate_http_requests_in_flight", &[]).await;
    }
    sum
}

/// Restarts two gateways in turn, so often, with so many requests under way each time.
async fn restarts(times: usize, clients: usize) {
    let mut rig = Rig::builder()
        .replicas(2)
        .sim_speed(100.0)
        // More than all of it costs, and thousands of tasks are settled afterwards.
        .sim_argument("--credits=100000000")
        .set("evolink.batch_reads", true)
        .set("evolink.reads_per_second", 1000)
        .set("shutdown.drain_pause", "1s")
        .set("shutdown.drain_timeout", "60s")
        .set("evolink.max_in_flight", 100_000)
        .set("server.max_submits", 100_000)
        .set("submit.breaker_unanswered", 100_000)
        .start()
        .await;
    // EvoLink takes its time, so that requests pile up, every other one a read: thousands under way, and still
    // no more in a second than a small machine can do with all that belongs to the test.
    let delay = Duration::from_secs(if clients > 1_000 { 8 } else { 3 });
    rig.sim
        .rule(
            json!({ "operation": "create" }),
            json!({ "delay": delay.as_secs() }),
        )
        .await;
    let mut balancer = Balancer::start().await;
    balancer.add(&rig.gateway);
    balancer.add(&rig.others[0]);
    let mut tenants = Vec::new();
    for n in 0..10 {
        let tenant = rig.admin.tenant(&format!("load-{n}"), "10000000").await;
        tenants.push(tenant.at(&balancer.url()));
    }
    let all = f64::from(u32::try_from(clients).expect("so many"));
    let over = Arc::new(AtomicBool::new(false));
    let mut crowd = JoinSet::new();
    for client in 0..clients {
        let (tenant, over) = (tenants[client % tenants.len()].clone(), Arc::clone(&over));
        let part = f64::from(u32::try_from(client).expect("so many")) / all;
        crowd.spawn(async move {
            tokio::time::sleep(delay.mul_f64(part)).await;
            let mut done = Vec::new();
            while !over.load(Relaxed) {
                let number = client + done.len() * clients;
                done.push(ask(&tenant, Ask::Submit, number).await);
                done.push(ask(&tenant, Ask::Read, number).await);
            }
            done
        });
    }
    let wanted = all * 0.8;
    for round in 0..times {
        until_within(Duration::from_mins(2), "they are under way", async || {
            (under_way(&rig).await >= wanted).then_some(())
        })
        .await;
        let began = Instant::now();
        let before = under_way(&rig).await;
        let gateway = if round % 2 == 0 {
            &mut rig.gateway
        } else {
            &mut rig.others[0]
        };
        gateway.terminate();
        let status = gateway.ended_within(Duration::from_mins(2)).await;
        assert!(status.success(), "{status}");
        println!(
            "restart {round}: {before} under way, ended in {:.1} s",
            began.elapsed().as_secs_f64()
        );
        gateway.restart().await;
        let gateway = if round % 2 == 0 {
            &rig.gateway
        } else {
            &rig.others[0]
        };
        balancer.add(gateway);
    }
    over.store(true, Relaxed);
    let done = crowd.join_all().await.concat();
    report(times, &done);
    rig.sim.behave().await;
    assert_books_within(Duration::from_mins(5), &rig.admin, &rig.sim).await;
}

fn report(times: usize, done: &[Done]) {
    let mut ends = BTreeMap::<_, usize>::new();
    for one in done {
        let end = match &one.status {
            Ok(status) => status.to_string(),
            Err(_) => "cut off".to_owned(),
        };
        *ends.entry(end).or_default() += 1;
    }
    println!("{times} restarts: {} requests: {ends:?}", done.len());
    println!(
        "p50 {:.0} ms, p99 {:.0} ms",
        quantile(done, 50),
        quantile(done, 99)
    );
    assert_eq!(broken(done), Vec::<&str>::new());
    assert_eq!(count(done, 200), done.len(), "all are answered: {ends:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_cut_off_when_gateways_are_restarted_in_turn() {
    let (times, clients) = (
        set("EVOGATE_LOAD_RESTARTS", 3),
        set("EVOGATE_LOAD_CLIENTS", 100),
    );
    restarts(times, clients).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark: see the module"]
async fn fifty_restarts_with_two_thousand_requests_under_way() {
    let (times, clients) = (
        set("EVOGATE_LOAD_RESTARTS", 50),
        set("EVOGATE_LOAD_CLIENTS", 2_500),
    );
    restarts(times, clients).await;
}
