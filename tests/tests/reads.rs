//! Reads of tasks: cheap for EvoLink, and never worse than the last known state.

use std::time::{Duration, Instant};

use evogate_tests::{Caller as _, Micro, Rig, assert_books, until};
use serde_json::json;

#[tokio::test]
async fn however_many_poll_an_unfinished_task_is_read_upstream_once_per_refresh_after() {
    let rig = Rig::builder()
        .set("reads.refresh_after", "2s")
        .without_callbacks()
        .start()
        .await;
    let id = rig.team.start("popular #sim:never-finish").await;
    let upstream = rig.sim.job("popular").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let began = Instant::now();
    until("six seconds of polling", async || {
        futures::future::join_all((0..20).map(|_| rig.team.task(&id))).await;
        (began.elapsed() > Duration::from_secs(6)).then_some(())
    })
    .await;
    let periods = usize::try_from(began.elapsed().as_secs() / 2).unwrap() + 1;
    let reads = rig.sim.reads_of(&upstream).await;
    assert!(
        (1..=periods).contains(&reads),
        "{reads} reads in {:?}",
        began.elapsed()
    );
    rig.team
        .post_empty(&format!("/v1/tasks/{id}/cancel"))
        .await
        .ok();
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_finished_task_never_goes_upstream_again_even_after_evolink_forgot_it() {
    let mut rig = Rig::start().await;
    let id = rig.team.start("kept").await;
    let task = rig.team.ended_as(&id, "completed").await;
    let upstream = rig.sim.job("kept").await["id"].as_str().unwrap().to_owned();
    let reads = rig.sim.reads_of(&upstream).await;
    rig.sim.forget(&upstream).await;
    for _ in 0..3 {
        assert_eq!(rig.team.task(&id).await, task);
    }
    rig.gateway.stop().await;
    rig.gateway.restart().await;
    assert_eq!(rig.team.task(&id).await, task);
    assert_eq!(rig.sim.reads_of(&upstream).await, reads);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn when_evolink_cannot_be_read_the_client_gets_200_with_the_task_as_last_known() {
    let rig = Rig::start().await;
    let id = rig.team.start("last known #sim:seconds=600").await;
    let first = rig.team.task(&id).await;
    let faults = [
        json!({ "http": 500 }),
        json!({ "http": 503 }),
        json!({ "http": 429 }),
        json!({ "http": 404 }),
        json!({ "http": 401 }),
        json!({ "html": 502 }),
        json!({ "garbage": true }),
        json!({ "no_id": true }),
        json!({ "truncate": true }),
        json!({ "drop_before": true }),
        json!({ "patch": { "id": "task-unified-1772203771-yf1dxogh", "status": "completed" } }),
    ];
    for fault in faults {
        rig.sim.behave().await;
        rig.sim
            .rule(json!({ "operation": "read" }), fault.clone())
            .await;
        let before = rig.sim.requests("read").await.len();
        until("a read met the fault", async || {
            let task = rig.team.task(&id).await;
            assert_eq!(task["id"], first["id"], "{fault}");
            let status = task["status"].as_str().unwrap();
            assert!(
                ["pending", "processing"].contains(&status),
                "{fault}: {task}"
            );
            (rig.sim.requests("read").await.len() > before).then_some(())
        })
        .await;
    }
    rig.sim.behave().await;
    rig.team
        .post_empty(&format!("/v1/tasks/{id}/cancel"))
        .await
        .ok();
    rig.team.ended_as(&id, "cancelled").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_status_that_nobody_knows_is_passed_on_and_ends_nothing() {
    let rig = Rig::start().await;
    let fault = json!({ "patch": { "status": "dreaming" } });
    rig.sim.rule(json!({ "operation": "read" }), fault).await;
    let id = rig.team.start("asleep").await;
    until("the strange status", async || {
        (rig.team.task(&id).await["status"] == "dreaming").then_some(())
    })
    .await;
    assert_eq!(rig.admin.credits("team", "spent").await, Micro::ZERO);
    rig.sim.behave().await;
    rig.team.ended_as(&id, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_silent_evolink_does_not_keep_pollers_waiting() {
    let rig = Rig::builder()
        .set("reads.answer_within", "500ms")
        .start()
        .await;
    let id = rig.team.start("silence #sim:never-finish").await;
    rig.sim
        .rule(
            json!({ "operation": "read" }),
            json!({ "hang_before": true }),
        )
        .await;
    let began = Instant::now();
    let task = rig.team.task(&id).await;
    assert_eq!(task["id"], id.as_str());
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}
