//! Redis dies, and the connections to it break in every way, under two gateways that are at work.
//!
//! `EVOGATE_TEST_ROUNDS` sets how often each happens; the books are closed after each round.

use std::time::Duration;

use evogate_tests::{Rig, Way};

use crate::number;
use crate::scene::Scene;

/// For a random while; nothing is waited for.
async fn a_while(longest: u64) {
    let millis = rand::random_range(200..longest);
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[tokio::test]
async fn a_redis_that_is_killed_and_started_again_loses_nothing() {
    let rounds = number("EVOGATE_TEST_ROUNDS", || 1);
    let mut scene = Scene::set(Rig::builder().replicas(2)).await;
    for _ in 0..rounds {
        scene
            .under_load(async |rig| {
                for _ in 0..4 {
                    a_while(2500).await;
                    rig.redis().kill();
                    a_while(1500).await;
                    rig.redis().start_again();
                }
                a_while(2000).await;
            })
            .await;
        scene.heal().await;
    }
}

#[tokio::test]
async fn connections_to_redis_that_are_cut_slow_or_half_open_lose_nothing() {
    let rounds = number("EVOGATE_TEST_ROUNDS", || 1);
    let mut scene = Scene::set(Rig::builder().replicas(2).with_store_proxy()).await;
    for _ in 0..rounds {
        scene
            .under_load(async |rig| {
                let store = rig.store.as_ref().expect("a proxy before Redis");
                for way in [
                    Way::Slow(Duration::from_millis(30)),
                    // Longer than `store.timeout`: what was asked happens, and the answer comes too late.
                    Way::Slow(Duration::from_millis(1200)),
                    Way::Silence,
                    Way::CutAnswer(2000),
                    Way::CutAnswer(0),
                    Way::Close,
                    Way::Refuse,
                ] {
                    store.go(way).await;
                    a_while(2000).await;
                    store.go(Way::Through).await;
                    // What is half open on the gateways' side is found out by themselves.
                    a_while(1500).await;
                    store.cut_all();
                    a_while(500).await;
                }
            })
            .await;
        scene.heal().await;
    }
}
