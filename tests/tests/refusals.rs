//! When EvoLink certainly did not take a task: the hold is given back, and the client hears why.

use std::time::{Duration, Instant};

use evogate_tests::{Caller as _, Micro, Rig, Tenant, Way, assert_books, until};
use serde_json::json;

#[tokio::test]
async fn a_refusal_of_the_request_is_passed_on_as_it_is_and_costs_nothing() {
    let rig = Rig::start().await;
    let rows = [
        (
            400,
            "invalid_request_error",
            "invalid_parameter",
            "Invalid request",
        ),
        (
            404,
            "invalid_request_error",
            "task_not_found",
            "Task not found",
        ),
        (
            413,
            "request_too_large_error",
            "request_too_large",
            "Image file size exceeds 30MB limit",
        ),
        (
            422,
            "content_policy_violation",
            "content_filtered",
            "Content rejected by safety filter",
        ),
    ];
    for (status, kind, code, message) in rows {
        let prompt = format!("refused #sim:http={status}");
        let error = rig
            .team
            .submit(&Tenant::video(&prompt))
            .await
            .error(status, code);
        assert_eq!(error["type"], kind);
        assert_eq!(error["message"], message);
        assert_eq!(
            rig.sim.creates(&prompt).await.len(),
            1,
            "{status} is not tried again"
        );
        assert_eq!(rig.admin.credits("team", "held").await, Micro::ZERO);
    }
    assert_eq!(
        rig.admin.credits("team", "available").await,
        Micro::parse("1000")
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn what_evolink_says_of_our_account_is_a_503_for_tenants_and_a_metric_for_ops() {
    let rig = Rig::start().await;
    for status in [401, 402, 403] {
        let prompt = format!("our account #sim:http={status}");
        let answer = rig.team.submit(&Tenant::video(&prompt)).await;
        let error = answer.error(503, "upstream_unavailable");
        let message = error["message"].as_str().unwrap();
        for told in ["Invalid token", "Insufficient", "Permission"] {
            assert!(!message.contains(told), "{message}");
        }
        let label = format!("\"{status}\"");
        let metric = "evogate_upstream_account_refusals_total";
        let counted = rig.gateway.metric(metric, &[&label]).await;
        assert!(
            (counted - 1.0).abs() < f64::EPSILON,
            "{metric} of {status} is {counted}"
        );
        assert_eq!(rig.sim.creates(&prompt).await.len(), 1);
    }
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_short_wait_is_waited_for_here_and_the_task_is_sent_again() {
    let rig = Rig::start().await;
    for status in [429, 503] {
        let prompt = format!("busy #sim:http={status} #sim:retry-after=1 #sim:times=2");
        let began = Instant::now();
        let task = rig.team.submit(&Tenant::video(&prompt)).await.ok();
        assert!(
            began.elapsed() >= Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(rig.sim.creates(&prompt).await.len(), 3);
        let id = task["id"].as_str().unwrap();
        assert_eq!(
            rig.team
                .steps(id)
                .await
                .iter()
                .filter(|step| *step == "queued")
                .count(),
            2
        );
        rig.team.ended_as(id, "completed").await;
    }
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn after_three_tries_a_busy_evolink_is_passed_on() {
    let rig = Rig::start().await;
    let prompt = "always busy #sim:http=429 #sim:retry-after=1";
    let answer = rig.team.submit(&Tenant::video(prompt)).await;
    answer.error(429, "rate_limit_exceeded");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(rig.sim.creates("always busy").await.len(), 3);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_long_wait_is_passed_on_at_once_with_retry_after() {
    let rig = Rig::start().await;
    for (status, seconds) in [(429, "60"), (503, "30")] {
        let prompt = format!("too long #sim:http={status}");
        let began = Instant::now();
        let answer = rig.team.submit(&Tenant::video(&prompt)).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(
            answer.header("retry-after"),
            Some(seconds),
            "EvoLink's message says it"
        );
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(rig.sim.creates(&prompt).await.len(), 1);
    }
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn an_evolink_that_cannot_be_reached_is_a_503_and_nothing_is_held() {
    let rig = Rig::builder().with_upstream_proxy().start().await;
    let upstream = rig.upstream.as_ref().unwrap();
    upstream.go(Way::Refuse).await;
    let prompt = "nobody there";
    rig.team
        .submit(&Tenant::video(prompt))
        .await
        .error(503, "upstream_unavailable");
    assert_eq!(rig.admin.credits("team", "held").await, Micro::ZERO);
    assert!(
        rig.admin.unknown().await.is_empty(),
        "nothing was sent, so nothing is unknown"
    );
    upstream.go(Way::Through).await;
    let id = rig.team.start("there again").await;
    rig.team.ended_as(&id, "completed").await;
    assert!(rig.sim.creates(prompt).await.is_empty());
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn an_evolink_that_comes_back_between_two_tries_is_reached() {
    let rig = Rig::builder().with_upstream_proxy().start().await;
    let upstream = rig.upstream.as_ref().unwrap();
    upstream.go(Way::Refuse).await;
    let body = Tenant::video("a hiccup");
    let submitting = rig.team.submit(&body);
    let back = async {
        // The first try has failed when the log says so.
        let tried = async || {
            rig.gateway
                .log()
                .contains("did not reach EvoLink")
                .then_some(())
        };
        evogate_tests::until("the first try", tried).await;
        upstream.go(Way::Through).await;
    };
    let (answer, ()) = tokio::join!(submitting, back);
    rig.team
        .ended_as(answer.ok()["id"].as_str().unwrap(), "completed")
        .await;
    assert_eq!(rig.sim.creates("a hiccup").await.len(), 1);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn a_refusal_after_the_client_got_its_task_reads_as_failed_with_evolinks_error() {
    let rig = Rig::builder()
        .set("submit.answer_within", "300ms")
        .start()
        .await;
    let receiver = evogate_tests::Receiver::start().await;
    let body = json!({
        "model": "seedance-2.0",
        "prompt": "judged slowly #sim:http=422 #sim:delay=1.5",
        "callback_url": receiver.url("/hook"),
    });
    let task = rig.team.submit(&body).await.ok();
    assert_eq!(task["status"], "pending");
    let id = task["id"].as_str().unwrap();
    let failed = rig.team.ended_as(id, "failed").await;
    assert_eq!(failed["error"]["code"], "content_filtered");
    assert_eq!(
        failed["error"]["message"],
        "Content rejected by safety filter"
    );
    assert_eq!(
        receiver.delivery(1).await.json(),
        failed,
        "the webhook has what a read gives"
    );
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn the_prompt_of_a_refused_submit_is_kept_only_where_ops_say_so() {
    let builder = Rig::builder().set("refused.keep_prompts", true);
    let rig = builder.start().await;
    let mut video = Tenant::video("an elephant in the room");
    video["duration"] = json!(99);
    rig.team
        .submit(&video)
        .await
        .error(400, "invalid_parameter");
    let kept = until("it is kept", async || {
        let list = rig.admin.get("/admin/v1/refused").await.ok();
        let first = list["data"].as_array()?.first()?.clone();
        Some(first)
    })
    .await;
    assert_eq!(kept["prompt"], "an elephant in the room", "{kept}");
    assert!(
        !rig.gateway.log().contains("elephant"),
        "nor is it in the log"
    );
}
