//! Cancelling: the wish is kept and sent, and EvoLink's task, not its answer, says what came of it.

use evogate_tests::{Caller as _, Micro, Rig, Tenant, assert_books};
use serde_json::json;

fn cancel(id: &str) -> String {
    format!("/v1/tasks/{id}/cancel")
}

#[tokio::test]
async fn a_running_task_is_cancelled_and_its_credits_come_back() {
    let rig = Rig::start().await;
    let id = rig.team.start("never mind #sim:seconds=600").await;
    let answer = rig.team.post_empty(&cancel(&id)).await.ok();
    assert_eq!(answer["id"], id.as_str());
    let task = rig.team.ended_as(&id, "cancelled").await;
    assert_eq!(
        rig.admin.credits("team", "available").await,
        Micro::parse("1000")
    );
    assert_eq!(
        rig.team.post_empty(&cancel(&id)).await.ok(),
        task,
        "once more changes nothing"
    );
    assert_eq!(rig.sim.requests("cancel").await.len(), 1);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn evolinks_other_way_to_say_cancelled_is_understood() {
    let rig = Rig::start().await;
    let id = rig
        .team
        .start("the other way #sim:seconds=600 #sim:cancel-as-failed")
        .await;
    rig.team.post_empty(&cancel(&id)).await.ok();
    let task = rig.team.ended(&id).await;
    let status = task["status"].as_str().unwrap();
    assert!(["failed", "cancelled"].contains(&status), "{task}");
    assert_eq!(task["error"]["code"], "request_cancelled", "{task}");
    assert_eq!(rig.team.state(&id).await, "cancelled");
    assert_eq!(
        rig.admin.credits("team", "available").await,
        Micro::parse("1000")
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_task_that_ended_cannot_be_cancelled() {
    let rig = Rig::start().await;
    let id = rig.team.start("done").await;
    rig.team.ended_as(&id, "completed").await;
    rig.team
        .post_empty(&cancel(&id))
        .await
        .error(400, "task_not_cancellable");
    assert!(rig.sim.requests("cancel").await.is_empty());
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_200_to_a_cancel_is_no_verdict() {
    let rig = Rig::start().await;
    let id = rig
        .team
        .start("ignored #sim:seconds=2 #sim:cancel-ignored")
        .await;
    let answer = rig.team.post_empty(&cancel(&id)).await.ok();
    assert_ne!(answer["status"], "cancelled", "{answer}");
    assert_eq!(
        rig.admin.credits("team", "held").await,
        Micro::parse("17.784")
    );
    rig.team.ended_as(&id, "completed").await;
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse("17.784")
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_cancel_that_evolink_refuses_is_refused_in_its_words() {
    let rig = Rig::start().await;
    let id = rig
        .team
        .start("too late #sim:seconds=3 #sim:no-cancel")
        .await;
    let answer = rig.team.post_empty(&cancel(&id)).await;
    answer.error(400, "task_not_cancellable");
    rig.team.ended_as(&id, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_cancel_that_evolink_did_not_hear_is_sent_again() {
    let rig = Rig::start().await;
    let id = rig.team.start("deaf #sim:seconds=600").await;
    let fault =
        json!([{ "match": { "operation": "cancel" }, "times": 1, "fault": { "http": 500 } }]);
    rig.sim.rules(fault).await;
    assert_eq!(
        rig.team.post_empty(&cancel(&id)).await.ok()["id"],
        id.as_str()
    );
    rig.team.ended_as(&id, "cancelled").await;
    assert_eq!(rig.sim.requests("cancel").await.len(), 2);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_wish_during_the_submit_is_kept_and_sent_when_evolink_has_the_task() {
    let rig = Rig::builder()
        .set("submit.answer_within", "300ms")
        .start()
        .await;
    let body = Tenant::video("second thoughts #sim:delay=1.5 #sim:seconds=600");
    let task = rig.team.submit(&body).await.ok();
    let id = task["id"].as_str().unwrap();
    let answer = rig.team.post_empty(&cancel(id)).await.ok();
    assert_eq!(answer["status"], "pending", "the task as it stands");
    rig.team.ended_as(id, "cancelled").await;
    assert_eq!(
        rig.admin.credits("team", "available").await,
        Micro::parse("1000")
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_wish_for_an_unknown_submit_is_sent_once_it_is_found() {
    let rig = Rig::builder().without_callbacks().start().await;
    let id = rig
        .team
        .start("found and cancelled #sim:drop-after-accept #sim:seconds=600")
        .await;
    assert_eq!(rig.team.state(&id).await, "unknown");
    assert_eq!(
        rig.team.post_empty(&cancel(&id)).await.ok()["status"],
        "pending"
    );
    rig.team.ended_as(&id, "cancelled").await;
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_task_that_waits_to_be_sent_again_is_cancelled_at_once() {
    let rig = Rig::builder()
        .set("submit.answer_within", "5s")
        .start()
        .await;
    let body = Tenant::video("queued #sim:http=429 #sim:retry-after=4");
    let submitting = rig.team.submit(&body);
    let cancelling = async {
        let id = evogate_tests::until("it is listed", async || {
            let list = rig.team.get("/v1/tasks").await.ok();
            Some(list["data"][0]["id"].as_str()?.to_owned())
        })
        .await;
        rig.team.is_in(&id, "queued").await;
        let answer = rig.team.post_empty(&cancel(&id)).await.ok();
        assert_eq!(answer["status"], "cancelled");
        assert_eq!(answer["error"]["code"], "request_cancelled");
        assert_eq!(rig.admin.credits("team", "held").await, Micro::ZERO);
        id
    };
    let (answer, id) = tokio::join!(submitting, cancelling);
    assert_eq!(answer.ok()["id"], id.as_str());
    assert_eq!(rig.team.task(&id).await["status"], "cancelled");
    assert_eq!(
        rig.sim.creates("queued").await.len(),
        1,
        "it is not sent again"
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_wish_that_is_still_open_at_the_deadline_reads_cancelled() {
    let rig = Rig::builder()
        .set("submit.unknown_deadline", "2s")
        .start()
        .await;
    let id = rig.team.start("nowhere #sim:drop-before").await;
    rig.team.post_empty(&cancel(&id)).await.ok();
    let task = rig.team.ended_as(&id, "cancelled").await;
    assert_eq!(task["error"]["code"], "request_cancelled");
    assert_eq!(rig.team.state(&id).await, "lost");
    assert_books(&rig.admin, &rig.sim).await;
}
