//! One attempt, and what each kind of answer makes of its delivery.

use std::time::Duration;

use evogate_models::delivery::{Delivery, DeliveryState};
use rstest::rstest;

use super::kit::{KEY, Receiver, Reply, START, World};
use crate::metrics::render;
use crate::webhooks::signature::SigningKey;

/// Lets one delivery meet `reply`.
async fn meet(reply: Reply) -> Delivery {
    let (mut world, _) = World::standing_still().await;
    let receiver = Receiver::new(&[reply]).await;
    let task = world.tell(&receiver.url("/hook")).await;
    world.attempt_due().await;
    let delivery = world.delivery(&task).await;
    assert_eq!(delivery.attempts.len(), 1);
    delivery
}

#[tokio::test]
async fn a_webhook_is_signed_and_says_what_it_is() {
    let (mut world, _) = World::standing_still().await;
    let mut receiver = Receiver::new(&[Reply::status(204)]).await;
    let task = world.tell(&receiver.url("/hook?x=1")).await;
    world.attempt_due().await;

    let seen = receiver.next().await;
    let delivery = world.delivery(&task).await;
    let header = |name: &str| seen.headers.get(name).map(String::as_str);
    assert_eq!(seen.line, "POST /hook?x=1 HTTP/1.1");
    assert!(seen.body.contains(task.as_str()));
    assert_eq!(header("content-type"), Some("application/json"));
    let agent = concat!("evogate/", env!("CARGO_PKG_VERSION"));
    assert_eq!(header("user-agent"), Some(agent));
    assert_eq!(header("x-evogate-event"), Some("task.failed"));
    assert_eq!(header("x-evogate-attempt"), Some("1"));
    assert_eq!(header("webhook-id"), Some(delivery.event.as_str()));
    let seconds = START.seconds().to_string();
    assert_eq!(header("webhook-timestamp"), Some(seconds.as_str()));
    let key = SigningKey::new(&KEY).unwrap();
    let signature = key.sign(&delivery.event, START, &seen.body);
    assert_eq!(header("webhook-signature"), Some(signature.as_str()));
    assert_eq!(header("accept-encoding"), None);

    assert_eq!(delivery.state, DeliveryState::Delivered);
    assert_eq!(delivery.due, None);
    assert_eq!(delivery.attempts[0].status, Some(204));
}

#[rstest]
#[case::taken(200, DeliveryState::Delivered, None)]
#[case::failed(500, DeliveryState::Pending, Some(5_000))]
#[case::refused(401, DeliveryState::Pending, Some(5_000))]
#[case::gone(410, DeliveryState::Dead, None)]
#[tokio::test]
async fn the_status_decides(
    #[case] status: u16,
    #[case] state: DeliveryState,
    #[case] wait: Option<i64>,
) {
    let delivery = meet(Reply::status(status)).await;
    assert_eq!(delivery.state, state);
    assert_eq!(delivery.due, wait.map(|wait| START.plus(wait)));
    assert_eq!(delivery.attempts[0].status, Some(status));
    assert_eq!(delivery.attempts[0].error, None);
}

#[rstest]
#[case("retry-after: 77\r\n")]
#[case("retry-after: Fri, 27 Feb 2026 14:50:48 GMT\r\n")]
#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it(#[case] header: &str) {
    let delivery = meet(Reply::with(429, header)).await;
    assert_eq!(delivery.due, Some(START.plus(77_000)));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut elsewhere = Receiver::new(&[Reply::status(200)]).await;
    let location = format!("location: {}\r\n", elsewhere.url("/"));
    let delivery = meet(Reply::with(307, &location)).await;
    assert_eq!(delivery.state, DeliveryState::Pending);
    assert_eq!(delivery.attempts[0].status, Some(307));
    assert!(elsewhere.is_idle());
}

#[rstest]
#[case::says_nothing(Reply::Silence, "it did not answer in time")]
#[case::hangs_up(Reply::Hangup, "the connection broke: ")]
#[case::resets(Reply::Reset, "the connection broke: ")]
#[case::drips_its_head(Reply::Drip("HTTP/1.1 200 OK\r\nx-a: b".into()), "it did not answer in time")]
#[case::says_nonsense(Reply::Bytes("Hello!\r\n\r\n".into()), "the connection broke: ")]
#[tokio::test]
async fn no_answer_is_a_failed_attempt_with_a_reason(#[case] reply: Reply, #[case] reason: &str) {
    let delivery = meet(reply).await;
    assert_eq!(delivery.state, DeliveryState::Pending);
    assert_eq!(delivery.due, Some(START.plus(5_000)));
    assert_eq!(delivery.attempts[0].status, None);
    let error = delivery.attempts[0].error.as_deref().unwrap();
    assert!(error.starts_with(reason), "{error}");
}

#[tokio::test]
async fn a_body_that_drips_changes_nothing_for_a_webhook_that_was_taken() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
    let delivery = meet(Reply::Drip(format!("{head}thanks"))).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    let answer = delivery.attempts[0].answer.as_deref().unwrap();
    assert!(answer.starts_with("thanks"), "{answer}");
}

#[tokio::test]
async fn a_body_of_gigabytes_is_cut_off_and_its_beginning_kept() {
    let (mut world, _) = World::standing_still().await;
    world.config.timeout = Duration::from_secs(20);
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n";
    let receiver = Receiver::new(&[Reply::Flood(head.into())]).await;
    let task = world.tell(&receiver.url("/")).await;
    world.attempt_due().await;
    let delivery = world.delivery(&task).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    let attempt = &delivery.attempts[0];
    assert_eq!(attempt.answer.as_deref(), Some(&*"x".repeat(1024)));
    // It was the size that ended it, and not the time.
    assert!(attempt.took_ms < 1_900, "{}", attempt.took_ms);
}

#[tokio::test]
async fn broken_tls_is_a_failed_attempt() {
    let (mut world, _) = World::standing_still().await;
    let receiver = Receiver::new(&[Reply::Bytes("this is not TLS".into())]).await;
    let task = world
        .tell(&receiver.url("/").replace("http:", "https:"))
        .await;
    world.attempt_due().await;
    let delivery = world.delivery(&task).await;
    let error = delivery.attempts[0].error.as_deref().unwrap();
    assert!(
        error.starts_with("it could not be connected to: "),
        "{error}"
    );
}

#[tokio::test]
async fn an_address_that_is_closed_meanwhile_is_a_failed_attempt_without_a_connection() {
    let (mut world, _) = World::standing_still().await;
    let mut receiver = Receiver::new(&[Reply::status(200)]).await;
    let task = world.tell(&receiver.url("/")).await;
    world.policy.own_addresses = vec![receiver.address];
    world.attempt_due().await;
    let delivery = world.delivery(&task).await;
    assert_eq!(delivery.state, DeliveryState::Pending);
    let error = delivery.attempts[0].error.as_deref().unwrap();
    assert_eq!(error, "127.0.0.1 is this gateway itself");
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn attempts_are_counted_and_timed() {
    meet(Reply::status(500)).await;
    let shown = render();
    for series in [
        r#"evogate_webhook_deliveries_total{outcome="retry"}"#,
        "evogate_webhook_delivery_seconds_count",
        "evogate_webhook_lag_seconds_count",
    ] {
        let mut lines = shown.lines();
        let value = lines.find_map(|line| line.strip_prefix(series));
        assert!(value.is_some_and(|value| value.trim() != "0"), "{shown}");
    }
}
