//! What is submitted again, and what is not.

use std::time::Instant;

use evolink_sim::Operation;
use rstest::rstest;
use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::kit::{Kit, Somebody};

fn task(status: &str) -> serde_json::Value {
    json!({"id": "task-1", "status": status, "usage": {"credits_reserved": 5}})
}

#[tokio::test]
async fn a_429_is_repeated_with_the_same_key_when_it_says() {
    let kit = Kit::new().await;
    let began = Instant::now();
    let fault = json!({"http": 429, "retry_after": 1});
    kit.rule(json!({"match": {"operation": "create"}, "times": 1, "fault": fault}));
    let ran = kit.video(&["A cat #sim:seconds=0.05"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(began.elapsed().as_millis() >= 1000);
    assert!(
        ran.err
            .contains("trying again in 1 s: Rate limit exceeded."),
        "{ran:?}"
    );
    let creates = kit.asked(Operation::Create);
    assert_eq!(creates.len(), 2);
    assert_eq!(creates[0].idempotency_key, creates[1].idempotency_key);
    let key = creates[0].idempotency_key.as_deref().unwrap();
    assert!((16..=96).contains(&key.len()), "{key}");
    assert_eq!(kit.tasks(), 1);
}

#[tokio::test]
async fn a_429_that_outlasts_the_time_out_is_not_waited_for() {
    let kit = Kit::new().await;
    let ran = kit
        .video(&["A cat #sim:http=429 #sim:retry-after=60", "--timeout=20s"])
        .await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("(429 rate_limit_error"), "{ran:?}");
    assert_eq!(kit.asked(Operation::Create).len(), 1);
}

#[tokio::test]
async fn a_503_is_repeated_a_few_times() {
    let kit = Kit::new().await;
    let ran = kit.video(&["A cat #sim:http=503 #sim:retry-after=0"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("(503 "), "{ran:?}");
    assert_eq!(kit.asked(Operation::Create).len(), 6);
}

#[tokio::test]
async fn somebody_who_is_not_there_is_tried_again() {
    let kit = Kit::new().await;
    // Nothing listens on the port of a listener that is gone.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ran = kit
        .video_at(&url, Somebody::nobody(), &["A cat", "--json"])
        .await;
    assert_eq!(ran.code, 1);
    assert_eq!(ran.err.matches("trying again").count(), 5, "{ran:?}");
    assert_eq!(ran.json(&kit)["error"]["code"], "unreachable");
}

/// EvoLink's tutorial knows no idempotency, so the second try could be a second video.
#[rstest]
#[case("#sim:drop-after-accept")]
#[case("#sim:truncate")]
#[case("#sim:html=502")]
#[case("#sim:http=500")]
#[tokio::test]
async fn evolink_is_not_asked_twice_for_what_it_may_have_done(#[case] fault: &str) {
    let kit = Kit::new().await;
    let ran = kit.video(&[&format!("A cat {fault}"), "--json"]).await;
    assert_eq!(ran.code, 1);
    assert_eq!(ran.json(&kit)["error"]["code"], "submit_outcome_unknown");
    let creates = kit.asked(Operation::Create);
    assert_eq!(creates.len(), 1, "{ran:?}");
    let key = creates[0].idempotency_key.as_deref().unwrap();
    assert!(
        ran.err.contains(&format!("--idempotency-key {key}")),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_gateway_is_asked_again_with_the_same_key() {
    let kit = Kit::new().await;
    let gateway = MockServer::start().await;
    let submit = || Mock::given(method("POST")).and(path("/v1/videos/generations"));
    let bad = ResponseTemplate::new(502).set_body_string("<html>");
    submit()
        .respond_with(bad)
        .up_to_n_times(2)
        .mount(&gateway)
        .await;
    let good = ResponseTemplate::new(200).set_body_json(task("failed"));
    submit().respond_with(good).mount(&gateway).await;
    let credits = json!({"data": {"user": {"remaining_credits": 7, "held_credits": 0}}});
    Mock::given(path("/v1/credits"))
        .respond_with(ResponseTemplate::new(200).set_body_json(credits))
        .mount(&gateway)
        .await;

    let ran = kit
        .video_at(&gateway.uri(), Somebody::nobody(), &["A cat"])
        .await;
    assert!(
        ran.out.contains("task-1 submitted, 5.000 credits reserved"),
        "{ran:?}"
    );
    let requests = gateway.received_requests().await.unwrap();
    let keys: Vec<_> = requests
        .iter()
        .filter_map(|request| request.headers.get("idempotency-key"))
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}
