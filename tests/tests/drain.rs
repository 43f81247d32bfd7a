//! SIGTERM: how a gateway goes, and what becomes of what it has in its hands.

use std::time::{Duration, Instant};

use evogate_tests::{Caller as _, Manner, Receiver, Rig, Tenant, assert_books, until};
use serde_json::json;
use tokio::task::JoinSet;

/// What `/readyz` of an ending gateway says.
const DRAINING: &str = "draining";

async fn readiness(rig: &Rig) -> (u16, String) {
    let answer = rig.gateway.ops().get("/readyz").await;
    let reason = answer.json()["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status, reason)
}

#[tokio::test]
async fn it_is_not_ready_at_once_serves_on_for_a_while_and_says_so_to_the_end() {
    let mut rig = Rig::builder()
        .set("shutdown.drain_pause", "4s")
        .start()
        .await;
    // Under way when it is told to end.
    rig.sim
        .rule(json!({ "operation": "create" }), json!({ "delay": 6.0 }))
        .await;
    let slow = rig.team.clone();
    let mut submitted = JoinSet::new();
    submitted.spawn(async move { slow.start("under way").await });
    rig.sim.job("under way").await;
    rig.gateway.terminate();
    let told = Instant::now();
    until("it is not ready", async || {
        (readiness(&rig).await == (503, DRAINING.to_owned())).then_some(())
    })
    .await;
    assert!(rig.gateway.metric("evogate_drain_phase", &[]).await > 0.0);
    // New connections are served for as long as the pause is, and none is kept.
    let new = rig.team.at(&rig.gateway.direct_url());
    let answer = new.get("/v1/credits").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("connection"), Some("close"));
    // The listener closes; the request goes on, and ops can be asked.
    until("its listener is closed", async || {
        let new = rig.team.at(&rig.gateway.direct_url());
        let tried = new
            .try_send(new.request(http::Method::GET, "/v1/credits"))
            .await;
        tried.err().filter(reqwest::Error::is_connect)
    })
    .await;
    assert!(
        told.elapsed() >= Duration::from_secs(4),
        "not before the pause is over"
    );
    assert_eq!(readiness(&rig).await, (503, DRAINING.to_owned()));
    let id = submitted
        .join_next()
        .await
        .expect("a request")
        .expect("its answer");
    assert!(rig.gateway.ended().await.success());
    rig.gateway.restart().await;
    rig.sim.behave().await;
    rig.team.ended_as(&id, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut rig = Rig::builder()
        .set("shutdown.drain_pause", "1h")
        .start()
        .await;
    rig.gateway.terminate();
    until("it is not ready", async || {
        (readiness(&rig).await.0 == 503).then_some(())
    })
    .await;
    rig.gateway.terminate();
    assert_eq!(rig.gateway.ended().await.code(), Some(130));
}

#[tokio::test]
async fn a_submit_that_cannot_end_in_time_is_another_replicas_at_once() {
    let mut rig = Rig::builder()
        .replicas(2)
        .set("shutdown.drain_timeout", "2s")
        .start()
        .await;
    let other = rig.team.at(&rig.others[0].url());
    // EvoLink has it, and does not say so.
    rig.sim
        .rule(
            json!({ "operation": "create" }),
            json!({ "hang": true, "seconds": 600.0 }),
        )
        .await;
    let (team, told) = (rig.team.clone(), Tenant::video("never answered"));
    let mut submitted = JoinSet::new();
    submitted.spawn(async move {
        let request = team.request(http::Method::POST, "/v1/videos/generations");
        team.try_send(
            request
                .header("idempotency-key", "the-same-key-again")
                .json(&told),
        )
        .await
    });
    rig.sim.job("never answered").await;
    rig.gateway.terminate();
    assert!(rig.gateway.ended().await.success());
    // It had its answer before the gateway ended: the pending task.
    let answer = submitted
        .join_next()
        .await
        .expect("a request")
        .expect("no panic");
    let answer = answer.expect("an answer").ok();
    let id = answer["id"].as_str().expect("an id");
    assert_eq!(answer["status"], "pending");
    // The other one finds it in EvoLink's list. Nobody waited for the lease to end: it was handed back.
    until("the other one has it", async || {
        let state = other.state(id).await;
        ["pending", "processing"]
            .contains(&state.as_str())
            .then_some(())
    })
    .await;
    let timeline = other.timeline(id).await.to_string();
    assert!(
        timeline.contains("the gateway ended before EvoLink answered"),
        "{timeline}"
    );
    rig.sim.behave().await;
    other
        .post_empty(&format!("/v1/tasks/{id}/cancel"))
        .await
        .ok();
    other.ended_as(id, "cancelled").await;
    rig.gateway.restart().await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_webhook_that_hangs_is_another_replicas_at_once() {
    let receiver = Receiver::start().await;
    let mut rig = Rig::builder()
        .replicas(2)
        .set("shutdown.drain_timeout", "2s")
        // The lease of a delivery is longer: longer than this test waits for anything.
        .set("webhooks.timeout", "60s")
        .start()
        .await;
    // The other one is not there while the first takes it into its hands.
    rig.others[0].stop().await;
    receiver.next([Manner::Hang]);
    let mut body = Tenant::video("told to nobody");
    body["callback_url"] = receiver.url("/hook").into();
    let task = rig.team.submit(&body).await.ok();
    let id = task["id"].as_str().expect("an id").to_owned();
    until("the receiver is called", async || {
        (!receiver.deliveries().is_empty()).then_some(())
    })
    .await;
    rig.gateway.terminate();
    assert!(rig.gateway.ended().await.success());
    rig.others[0].restart().await;
    until("another one delivers it", async || {
        (receiver.deliveries().len() > 1).then_some(())
    })
    .await;
    rig.gateway.restart().await;
    rig.team.ended_as(&id, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}
