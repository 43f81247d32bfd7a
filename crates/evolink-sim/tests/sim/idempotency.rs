//! `Idempotency-Key`: ignored unless the simulator is told to honour it.

use evolink_sim::SimConfig;
use reqwest::{RequestBuilder, Response};

use crate::kit::{Kit, parts};

const KEY: &str = "0123456789abcdef";

fn keyed(kit: &Kit, prompt: &str, key: &str) -> RequestBuilder {
    kit.create_request(prompt).header("idempotency-key", key)
}

fn is_replay(answer: &Response) -> bool {
    answer
        .headers()
        .get("idempotency-replayed")
        .is_some_and(|value| value == "true")
}

async fn honouring() -> Kit {
    Kit::with(SimConfig {
        honours_idempotency: true,
        ..SimConfig::default()
    })
    .await
}

#[tokio::test]
async fn by_default_every_create_is_its_own_task() {
    let kit = Kit::new().await;
    for _ in 0..2 {
        let answer = keyed(&kit, "a cat", KEY).send().await.unwrap();
        assert!(!is_replay(&answer));
    }
    let account = kit.sim.account();
    assert_eq!(account.tasks.total, 2);
    assert_eq!(
        account.jobs.unwrap()[0].idempotency_key.as_deref(),
        Some(KEY)
    );
}

#[tokio::test]
async fn a_replay_answers_the_same_task() {
    let kit = honouring().await;
    let first = keyed(&kit, "a cat", KEY).send().await.unwrap();
    assert!(!is_replay(&first));
    let second = keyed(&kit, "a cat", KEY).send().await.unwrap();
    assert!(is_replay(&second));
    assert_eq!(parts(first).await, parts(second).await);
    assert_eq!(kit.sim.account().tasks.total, 1);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_a_conflict() {
    let kit = honouring().await;
    keyed(&kit, "a cat", KEY).send().await.unwrap();
    let (status, body) = parts(keyed(&kit, "a dog", KEY).send().await.unwrap()).await;
    assert_eq!(status, 409);
    assert_eq!(body["error"]["code"], "idempotency_conflict");
}

#[tokio::test]
async fn the_replay_of_a_lost_answer_is_answered() {
    let kit = honouring().await;
    let prompt = "a cat #sim:drop-after-accept";
    assert!(keyed(&kit, prompt, KEY).send().await.is_err());
    let answer = keyed(&kit, prompt, KEY).send().await.unwrap();
    assert!(is_replay(&answer));
    assert_eq!(kit.sim.account().tasks.total, 1);
}

#[tokio::test]
async fn a_malformed_key_is_refused() {
    let kit = honouring().await;
    for key in ["short", "has spaces in it, so no", &"x".repeat(97)] {
        let answer = keyed(&kit, "a cat", key).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{key}");
    }
}
