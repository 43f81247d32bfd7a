//! The breaker: an EvoLink that does not answer does not pile up holds.

use std::time::{Duration, Instant};

use evogate_tests::{Caller as _, Micro, Rig, Tenant, assert_books, until};
use serde_json::json;

async fn breaker(rig: &Rig) -> String {
    let ready = rig.gateway.ops().get("/readyz").await.ok();
    ready["breaker"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn several_unknowns_in_a_row_open_it_and_nothing_more_is_held_or_sent() {
    let rig = Rig::builder()
        .set("submit.breaker_unknowns", 3)
        .set("submit.breaker_cooldown", "200ms")
        .set("submit.unknown_deadline", "8s")
        .start()
        .await;
    // Neither submits nor the free reads that probe.
    rig.sim
        .rule(
            json!({ "operation": "create" }),
            json!({ "drop_before": true }),
        )
        .await;
    for operation in ["read", "credits", "models", "list"] {
        rig.sim
            .rule(json!({ "operation": operation }), json!({ "http": 502 }))
            .await;
    }
    let body = Tenant::video("into the dark");
    let first = rig.team.submit_with_key("a-known-key-1", &body).await.ok();
    for _ in 0..2 {
        rig.team.submit(&body).await.ok();
    }
    assert_eq!(breaker(&rig).await, "open");
    let held = rig.admin.credits("team", "held").await;
    for _ in 0..3 {
        rig.team
            .submit(&body)
            .await
            .error(503, "upstream_unavailable");
    }
    assert_eq!(
        rig.admin.credits("team", "held").await,
        held,
        "nothing is held"
    );
    assert_eq!(rig.sim.requests("create").await.len(), 3, "nothing is sent");
    let replay = rig.team.submit_with_key("a-known-key-1", &body).await;
    assert_eq!(
        replay.ok()["id"],
        first["id"],
        "known keys are answered all the same"
    );
    assert_eq!(replay.header("idempotency-replayed"), Some("true"));
    rig.sim.behave().await;
    until("it closes", async || {
        // Once a probe was answered, one submit at a time is tried.
        let tried = rig.team.submit(&Tenant::video("light again")).await;
        (tried.status == 200 && breaker(&rig).await == "closed").then_some(())
    })
    .await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn too_many_submits_without_an_answer_open_it() {
    let rig = Rig::builder()
        .without_callbacks()
        .set("submit.breaker_unanswered", 1)
        .set("submit.breaker_cooldown", "500ms")
        .set("submit.answer_within", "300ms")
        .start()
        .await;
    let slow = "slow #sim:delay=25 #sim:seconds=1";
    let slow = [rig.team.start(slow).await, rig.team.start(slow).await];
    let began = Instant::now();
    // Ordinary submits take less than five seconds; only what takes longer counts.
    let passed = async || (began.elapsed() > Duration::from_millis(5_500)).then_some(());
    until("five seconds have passed", passed).await;
    rig.team
        .submit(&Tenant::video("one too many"))
        .await
        .error(503, "upstream_unavailable");
    assert!(rig.sim.creates("one too many").await.is_empty());
    assert_eq!(
        rig.admin.credits("team", "held").await,
        Micro::parse("35.568")
    );
    let mut later = Vec::new();
    until("it closes", async || {
        let tried = rig.team.submit(&Tenant::video("later")).await;
        if tried.status == 200 {
            later.push(tried.json()["id"].as_str().unwrap().to_owned());
        }
        (tried.status == 200 && breaker(&rig).await == "closed").then_some(())
    })
    .await;
    for id in slow.iter().chain(&later) {
        rig.team.ended_as(id, "completed").await;
    }
    assert_books(&rig.admin, &rig.sim).await;
}
