//! Callbacks: what is sent, when, and how often.

use std::time::Duration;

use evolink_sim::SimConfig;
use serde_json::{Value, json};

use crate::kit::{Kit, Receiver, video};

async fn quick() -> Kit {
    Kit::with(SimConfig {
        callback_backoff: [1, 2, 4].map(Duration::from_millis).to_vec(),
        ..SimConfig::default()
    })
    .await
}

fn with_callback(prompt: &str, receiver: &Receiver) -> Value {
    let mut body = video(prompt);
    body["callback_url"] = json!(receiver.url);
    body
}

#[tokio::test]
async fn a_callback_is_the_task_as_a_read_gives_it() {
    let kit = quick().await;
    let mut receiver = Receiver::answering(&[]).await;
    let done = kit.create_with(with_callback("a cat", &receiver)).await;
    let failed = kit
        .create_with(with_callback("a cat #sim:fail=service_error", &receiver))
        .await;
    kit.pass(60);
    for _ in 0..2 {
        let body = receiver.next().await;
        let id = body["id"].as_str().unwrap();
        assert!(id == done || id == failed);
        assert_eq!(body, kit.read(id).await);
    }
    assert_eq!(kit.read(&failed).await["error"]["type"], "task_error");
}

#[tokio::test]
async fn a_cancelled_task_calls_back_too() {
    let kit = quick().await;
    let mut receiver = Receiver::answering(&[]).await;
    let id = kit.create_with(with_callback("a cat", &receiver)).await;
    kit.post(&format!("/v1/tasks/{id}/cancel"), json!({})).await;
    assert_eq!(receiver.next().await["status"], "cancelled");
}

#[tokio::test]
async fn an_answer_that_is_not_2xx_is_retried_until_it_is() {
    let kit = quick().await;
    let mut receiver = Receiver::answering(&[500, 404, 204]).await;
    kit.create_with(with_callback("a cat", &receiver)).await;
    kit.pass(60);
    for _ in 0..3 {
        receiver.next().await;
    }
    let sent = kit.callbacks(3).await;
    let seen: Vec<_> = sent
        .iter()
        .map(|entry| (entry.attempt, entry.status))
        .collect();
    assert_eq!(seen, [(1, Some(500)), (2, Some(404)), (3, Some(204))]);
}

#[tokio::test]
async fn after_three_retries_it_gives_up() {
    let kit = quick().await;
    let mut receiver = Receiver::answering(&[500; 9]).await;
    kit.create_with(with_callback("a cat", &receiver)).await;
    kit.pass(60);
    for _ in 0..4 {
        receiver.next().await;
    }
    kit.callbacks(4).await;
    // A task that is called back after the last attempt shows that no fifth one was waiting.
    kit.create_with(with_callback("a dog #sim:duplicate-callbacks=1", &receiver))
        .await;
    kit.pass(60);
    assert_eq!(
        receiver.next().await["id"],
        kit.callbacks(5).await[4].task_id.as_str()
    );
}

#[tokio::test]
async fn a_receiver_that_cannot_be_reached_is_noted() {
    let kit = quick().await;
    let mut body = video("a cat");
    body["callback_url"] = json!("http://127.0.0.1:1/");
    kit.create_with(body).await;
    kit.pass(60);
    let sent = kit.callbacks(4).await;
    assert!(sent.iter().all(|entry| entry.status.is_none()));
    assert!(sent[0].error.is_some());
}

#[tokio::test]
async fn words_silence_or_multiply_callbacks() {
    let kit = quick().await;
    let mut receiver = Receiver::answering(&[]).await;
    kit.create_with(with_callback("a cat #sim:no-callback", &receiver))
        .await;
    let loud = kit
        .create_with(with_callback("a cat #sim:duplicate-callbacks=3", &receiver))
        .await;
    kit.pass(60);
    for _ in 0..3 {
        assert_eq!(receiver.next().await["id"], json!(loud));
    }
    assert_eq!(kit.callbacks(3).await.len(), 3);
}

#[tokio::test]
async fn a_callback_can_come_before_the_creates_answer() {
    let kit = quick().await;
    let mut receiver = Receiver::answering(&[]).await;
    let body = with_callback("a cat #sim:callback-before-answer", &receiver);
    let (_, created) = kit.post("/v1/videos/generations", body).await;
    let called = receiver.there().unwrap();
    assert_eq!(called["id"], created["id"]);
    assert_eq!(called["status"], "completed");
    assert_eq!(created["status"], "pending");
}

#[tokio::test]
async fn rules_spoil_callbacks() {
    let kit = quick().await;
    let mut receiver = Receiver::answering(&[]).await;
    kit.rule(json!({
        "match": {"operation": "callback"}, "times": 1, "fault": {"body": "garbage"},
    }))
    .await;
    kit.create_with(with_callback("a cat", &receiver)).await;
    kit.pass(60);
    assert_eq!(receiver.next().await, "garbage");
}
