//! Tasks that EvoLink took and that do not end: they are looked for until their deadline, and what comes
//! after it changes the platform's books alone.

use evogate_tests::{Micro, Rig, Tenant, assert_books, platform_loss, until};
use serde_json::json;

async fn upstream_id(rig: &Rig, prompt: &str) -> String {
    rig.sim.job(prompt).await["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_unfinished_task_expires_and_its_reserve_is_the_platforms_loss_until_news_correct_it() {
    let rig = Rig::builder().set("tasks.deadline", "3s").start().await;
    let id = rig.team.start("endless #sim:never-finish").await;
    let upstream = upstream_id(&rig, "endless").await;
    let task = rig.team.ended_as(&id, "failed").await;
    assert_eq!(task["error"]["code"], "result_lost", "{task}");
    assert_eq!(rig.team.state(&id).await, "expired");
    assert_eq!(
        rig.admin.credits("team", "available").await,
        Micro::parse("1000")
    );
    assert_eq!(platform_loss(&rig.admin).await, Micro::parse("17.784"));
    rig.sim
        .force(
            &upstream,
            json!({ "status": "completed", "credits_used": 15 }),
        )
        .await;
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(platform_loss(&rig.admin).await, Micro::parse("15"));
    rig.sim
        .force(
            &upstream,
            json!({ "status": "failed", "error": { "code": "service_error" } }),
        )
        .await;
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(platform_loss(&rig.admin).await, Micro::ZERO);
    assert_eq!(
        rig.team.task(&id).await,
        task,
        "for the tenant it has ended"
    );
}

#[tokio::test]
async fn what_ended_in_time_is_not_expired_even_if_nobody_looked() {
    let rig = Rig::builder()
        .without_callbacks()
        .set("tasks.deadline", "3s")
        .start()
        .await;
    // It is done long before the catalogue's shortest time, at which it would be read first.
    let id = rig.team.start("quick #sim:seconds=1").await;
    rig.team.is_in(&id, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse("17.784")
    );
}

#[tokio::test]
async fn a_404_from_evolink_ends_nothing_and_alarms() {
    let rig = Rig::start().await;
    let id = rig.team.start("forgotten #sim:seconds=600").await;
    let upstream = upstream_id(&rig, "forgotten").await;
    rig.sim.forget(&upstream).await;
    let alarm = async || {
        assert_eq!(rig.team.task(&id).await["status"], "pending");
        let missing = rig
            .gateway
            .metric("evogate_upstream_tasks_missing_total", &[])
            .await;
        (missing >= 1.0).then_some(())
    };
    until("an alarm", alarm).await;
    assert_eq!(
        rig.admin.credits("team", "held").await,
        Micro::parse("17.784")
    );
}

#[tokio::test]
async fn a_reserve_far_above_the_estimate_does_not_move_the_hold_and_alarms() {
    let rig = Rig::start().await;
    let body = Tenant::video("far too dear #sim:reserve-factor=4");
    let task = rig.team.submit(&body).await.ok();
    let id = task["id"].as_str().unwrap();
    assert_eq!(
        Micro::of(&task["usage"]["credits_reserved"]),
        Micro::parse("71.136")
    );
    rig.team.ended_as(id, "completed").await;
    let alarms = rig
        .gateway
        .metric("evogate_reserved_too_far_total", &[])
        .await;
    assert!(alarms >= 1.0, "{alarms}");
    // The tenant pays its hold, the platform the rest.
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse("17.784")
    );
    assert_eq!(platform_loss(&rig.admin).await, Micro::parse("53.352"));
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_task_is_found_by_polling_alone_and_nobody_has_to_ask() {
    let rig = Rig::builder().without_callbacks().start().await;
    let body = json!({
        "model": "seedance-2.0",
        "prompt": "nobody asks",
        "duration": 4,
        "quality": "480p",
    });
    let id = rig.team.submit(&body).await.ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    // First read after the catalogue's shortest time: 20 s.
    rig.team.is_in(&id, "completed").await;
    let own = rig.sim.requests("read").await.len() + rig.sim.requests("batch").await.len();
    assert_eq!(own, 1, "one read, when it can be done");
    let sent = &rig.sim.creates("nobody asks").await[0]["body"];
    assert!(sent.get("callback_url").is_none(), "{sent}");
    assert_books(&rig.admin, &rig.sim).await;
}
