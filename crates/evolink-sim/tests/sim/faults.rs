//! Faults by words in a prompt.

use std::time::{Duration, Instant};

use evolink_sim::SimConfig;
use serde_json::{Value, json};

use crate::kit::{Kit, parts, video};

/// How many tasks were accepted.
fn accepted(kit: &Kit) -> u64 {
    kit.sim.account().tasks.total
}

async fn last_request(kit: &Kit) -> Value {
    let (_, journal) = kit.get("/_sim/journal").await;
    journal["requests"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone()
}

#[tokio::test]
async fn http_answers_evolinks_error_and_accepts_nothing() {
    let kit = Kit::new().await;
    for (status, kind) in [
        (400, "invalid_request_error"),
        (402, "insufficient_quota_error"),
        (422, "content_policy_violation"),
        (429, "rate_limit_error"),
        (500, "internal_server_error"),
        (502, "bad_gateway"),
        (503, "service_unavailable_error"),
    ] {
        let answer = kit.create_request(&format!("a cat #sim:http={status}"));
        let (got, body) = parts(answer.send().await.unwrap()).await;
        assert_eq!(got, status);
        assert_eq!(body["error"]["type"], kind);
    }
    assert_eq!(accepted(&kit), 0);
}

#[tokio::test]
async fn retry_after_and_codes_dress_an_error() {
    let kit = Kit::new().await;
    let prompt = "a cat #sim:http=409 #sim:code=paid_outcome_unknown #sim:retry-after=2";
    let answer = kit.create_request(prompt).send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "2");
    assert_eq!(
        parts(answer).await.1["error"]["code"],
        "paid_outcome_unknown"
    );
}

#[tokio::test]
async fn html_answers_a_page_and_accepts_nothing() {
    let kit = Kit::new().await;
    let answer = kit.create_request("#sim:html=502").send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.headers()["content-type"], "text/html");
    assert!(answer.text().await.unwrap().starts_with("<html>"));
    assert_eq!(accepted(&kit), 0);
}

#[tokio::test]
async fn drop_before_cuts_the_connection_and_accepts_nothing() {
    let kit = Kit::new().await;
    assert!(kit.create_request("#sim:drop-before").send().await.is_err());
    assert_eq!(accepted(&kit), 0);
    let entry = last_request(&kit).await;
    assert_eq!(
        (&entry["status"], &entry["fault"]),
        (&Value::Null, &json!("drop_before"))
    );
}

#[tokio::test]
async fn drop_after_accept_bills_and_cuts_the_connection() {
    let kit = Kit::new().await;
    let request = kit.create_request("a cat #sim:drop-after-accept");
    assert!(request.send().await.is_err());
    let account = kit.sim.account();
    assert_eq!(account.tasks.total, 1);
    assert_eq!(account.reserved.to_string(), "17.784");
    let entry = last_request(&kit).await;
    assert_eq!(entry["task_id"], account.jobs.unwrap()[0].id);
    assert_eq!(entry["status"], Value::Null);
}

#[tokio::test]
async fn http2_streams_are_answered_and_reset() {
    let mut kit = Kit::new().await;
    let builder = reqwest::Client::builder().no_proxy();
    kit.http = builder.http2_prior_knowledge().build().unwrap();
    let id = kit.create("a cat").await;
    let request = kit.create_request("a cat #sim:drop-after-accept");
    assert!(request.send().await.is_err());
    assert_eq!(kit.read(&id).await["status"], "pending");
    assert_eq!(accepted(&kit), 2);
}

#[tokio::test]
async fn truncate_accepts_and_cuts_the_answer() {
    let kit = Kit::new().await;
    let answer = kit.create_request("#sim:truncate").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
    assert_eq!(accepted(&kit), 1);
}

#[tokio::test]
async fn hang_accepts_and_never_answers() {
    let kit = Kit::new().await;
    let request = kit
        .create_request("#sim:hang")
        .timeout(Duration::from_millis(100));
    assert!(request.send().await.unwrap_err().is_timeout());
    assert_eq!(accepted(&kit), 1);
    // The journal tells that it was the client that gave up.
    kit.journal(|journal| journal.requests[0].fault.as_deref() == Some("hang,gone"))
        .await;
}

#[tokio::test]
async fn hang_before_accepts_nothing_and_never_answers() {
    let kit = Kit::new().await;
    let request = kit
        .create_request("#sim:hang-before")
        .timeout(Duration::from_millis(100));
    assert!(request.send().await.unwrap_err().is_timeout());
    assert_eq!(accepted(&kit), 0);
}

#[tokio::test]
async fn a_hang_is_bounded() {
    let kit = Kit::with(SimConfig {
        hang_limit: Duration::from_millis(20),
        ..SimConfig::default()
    })
    .await;
    assert!(kit.create_request("#sim:hang").send().await.is_err());
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_hang() {
    let kit = Kit::new().await;
    let request = kit.create_request("#sim:hang").send();
    let shutdown = async {
        while kit.sim.account().tasks.total == 0 {
            tokio::task::yield_now().await;
        }
        let began = Instant::now();
        kit.sim.shutdown().await;
        began.elapsed()
    };
    let (answer, took) = tokio::join!(request, shutdown);
    assert!(answer.is_err());
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn garbage_and_no_id_accept_and_answer_200() {
    let kit = Kit::new().await;
    let garbage = kit.create_request("#sim:garbage").send().await.unwrap();
    assert_eq!(garbage.status(), 200);
    assert!(garbage.json::<Value>().await.is_err());
    let (status, body) = parts(kit.create_request("#sim:no-id").send().await.unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(body.get("id"), None);
    assert_eq!(body["status"], "pending");
    assert_eq!(accepted(&kit), 2);
}

#[tokio::test]
async fn an_error_can_hide_an_accepted_task() {
    let kit = Kit::new().await;
    let answer = kit.create_request("#sim:http=500 #sim:accept");
    assert_eq!(answer.send().await.unwrap().status(), 500);
    assert_eq!(accepted(&kit), 1);
}

#[tokio::test]
async fn delay_answers_later() {
    let kit = Kit::new().await;
    let began = Instant::now();
    kit.create("#sim:delay=0.15").await;
    assert!(began.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn fail_ends_the_task_with_that_code() {
    let kit = Kit::new().await;
    let id = kit.create("#sim:fail=content_policy_violation").await;
    kit.pass(60);
    let task = kit.read(&id).await;
    assert_eq!(task["status"], "failed");
    assert_eq!(
        task["error"],
        json!({
            "code": "content_policy_violation", "message": "Content rejected by safety filter",
            "type": "task_error",
        })
    );
    assert_eq!(task.get("results"), None);
}

#[tokio::test]
async fn never_finish_stays_in_processing() {
    let kit = Kit::new().await;
    let id = kit.create("#sim:never-finish").await;
    kit.pass(3600);
    assert_eq!(kit.read(&id).await["status"], "processing");
}

#[tokio::test]
async fn seconds_are_not_divided_by_the_speed() {
    let kit = Kit::with(SimConfig {
        speed: 1000.0,
        ..SimConfig::default()
    })
    .await;
    let id = kit.create("#sim:seconds=20").await;
    kit.pass(15);
    assert_eq!(kit.read(&id).await["status"], "processing");
    kit.pass(5);
    assert_eq!(kit.read(&id).await["status"], "completed");
}

#[tokio::test]
async fn cancels_can_be_refused_ignored_or_read_as_failed() {
    let kit = Kit::new().await;
    let mut seen = vec![];
    for word in ["no-cancel", "cancel-ignored", "cancel-as-failed"] {
        let id = kit.create(&format!("a cat #sim:{word}")).await;
        let cancel = format!("/v1/tasks/{id}/cancel");
        let (status, _) = kit.post(&cancel, json!({})).await;
        let task = kit.read(&id).await;
        seen.push(json!([status, task["status"], task["error"]["code"]]));
    }
    assert_eq!(
        seen,
        [
            json!([400, "pending", null]),
            json!([200, "pending", null]),
            json!([200, "failed", "request_cancelled"]),
        ]
    );
}

#[tokio::test]
async fn words_with_times_act_on_the_first_tries_only() {
    let kit = Kit::new().await;
    let mut seen = vec![];
    for _ in 0..3 {
        let request = kit.create_request("a cat #sim:http=503 #sim:times=2");
        seen.push(request.send().await.unwrap().status().as_u16());
    }
    assert_eq!(seen, [503, 503, 200]);
}

#[tokio::test]
async fn an_unknown_word_is_a_400() {
    let kit = Kit::new().await;
    let answer = kit.create_request("#sim:dorp-before").send().await.unwrap();
    assert_eq!(answer.status(), 400);
}

#[tokio::test]
async fn a_wrong_key_is_refused_before_any_fault() {
    let kit = Kit::new().await;
    let url = format!("{}/v1/videos/generations", kit.sim.url());
    let answer = kit
        .http
        .post(url)
        .json(&video("#sim:http=503"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
}
