//! Connections to EvoLink that break where no simulator would break them: within a head, within a body,
//! while nothing is said.

use evogate_tests::{Rig, Tenant, Way, assert_books, until};
use std::time::Duration;

#[tokio::test]
async fn an_answer_cut_at_any_byte_leaves_it_open_and_the_callback_heals_it() {
    let rig = Rig::builder()
        .with_upstream_proxy()
        .set("submit.breaker_unknowns", 1000)
        .start()
        .await;
    let upstream = rig.upstream.as_ref().unwrap();
    // Before the first byte, within the status line, within the head, within the body.
    for bytes in [0, 1, 12, 60, 200, 330] {
        upstream.go(Way::CutAnswer(bytes)).await;
        upstream.cut_all();
        let prompt = format!("cut after {bytes}. #sim:seconds=1");
        let id = rig.team.start(&prompt).await;
        assert_eq!(rig.team.state(&id).await, "unknown", "{bytes}");
        upstream.go(Way::Through).await;
        rig.team.ended_as(&id, "completed").await;
        assert_eq!(rig.sim.creates(&prompt).await.len(), 1, "{bytes}");
    }
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_connection_that_died_while_idle_is_no_open_outcome() {
    let rig = Rig::builder().with_upstream_proxy().start().await;
    for number in 0..5 {
        let id = rig.team.start(&format!("after a cut {number}")).await;
        rig.team.ended_as(&id, "completed").await;
        rig.upstream.as_ref().unwrap().cut_all();
    }
    let unknown = rig
        .gateway
        .metric("evogate_submits_total", &["\"unknown\""])
        .await;
    assert!(unknown < 1.0, "{unknown} of 5 were left open");
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_silent_network_ends_in_a_pending_task_and_one_submit() {
    let rig = Rig::builder()
        .with_upstream_proxy()
        .set("evolink.timeout", "1s")
        .set("submit.unknown_deadline", "5s")
        .start()
        .await;
    let upstream = rig.upstream.as_ref().unwrap();
    upstream.go(Way::Silence).await;
    let task = rig
        .team
        .submit(&Tenant::video("into the silence #sim:seconds=1"))
        .await
        .ok();
    let id = task["id"].as_str().unwrap();
    assert_eq!(task["status"], "pending");
    upstream.cut_all();
    upstream.go(Way::Through).await;
    rig.team.ended(id).await;
    let creates = rig.sim.creates("into the silence").await.len();
    assert!(creates <= 1, "{creates} submits");
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_slow_network_is_only_slow() {
    let rig = Rig::builder().with_upstream_proxy().start().await;
    rig.upstream
        .as_ref()
        .unwrap()
        .go(Way::Slow(Duration::from_millis(400)))
        .await;
    let id = rig.team.start("slowly").await;
    rig.team.ended_as(&id, "completed").await;
    let bound = async || {
        let steps = rig.team.steps(&id).await;
        steps.iter().any(|step| step == "settled").then_some(steps)
    };
    let steps = until("it is settled", bound).await;
    assert!(!steps.iter().any(|step| step == "unknown"), "{steps:?}");
    assert_books(&rig.admin, &rig.sim).await;
}
