//! The worker: what is sent when, and what a crash or a stop leaves behind.

use std::sync::Arc;
use std::time::Duration;

use evogate_models::delivery::{Attempt, DeliveryState, End};
use rstest::rstest;
use tokio::sync::Notify;

use super::kit::{LEASE, Receiver, Reply, START, World, soon};

#[tokio::test]
async fn a_new_event_is_sent_at_once() {
    let mut world = World::moving().await;
    let mut receiver = Receiver::new(&[Reply::status(200)]).await;
    world.work();
    for path in ["/1", "/2", "/3"] {
        world.tell(&receiver.url(path)).await;
        let sent = tokio::time::timeout(Duration::from_secs(3), receiver.next());
        let sent = sent.await.expect("sooner than the next tick");
        assert_eq!(sent.line, format!("POST {path} HTTP/1.1"));
    }
    world.stop().await;
}

#[tokio::test]
async fn a_delivery_that_becomes_due_is_sent_then() {
    let mut world = World::moving().await;
    let mut receiver = Receiver::new(&[Reply::status(200)]).await;
    world.tell(&receiver.url("/")).await;
    let claim = world.claim().await[0].delivery.claim();
    let due = world.store.now().plus(300);
    let postponed = world.store.postpone(&claim, due).await;
    assert!(postponed.unwrap());
    world.work();
    let sent = tokio::time::timeout(Duration::from_secs(3), receiver.next());
    sent.await.expect("sooner than the next tick");
    assert!(world.store.now() >= due);
    world.stop().await;
}

#[tokio::test]
async fn a_failing_receiver_is_tried_by_the_plan_and_then_left_alone() {
    let (mut world, clock) = World::standing_still().await;
    let mut receiver = Receiver::new(&[Reply::status(500)]).await;
    let task = world.tell(&receiver.url("/")).await;
    let mut ids = Vec::new();
    for (attempt, seconds) in (1..).zip([0, 5, 30, 120, 600, 1800, 7200, 21_600, 43_200]) {
        clock.advance(seconds * 1000);
        world = world.restart().await;
        world.work();
        let seen = receiver.next().await;
        assert_eq!(seen.headers["x-evogate-attempt"], attempt.to_string());
        ids.push(seen.headers["webhook-id"].clone());
        world.stop().await;
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let delivery = world.delivery(&task).await;
    assert_eq!(delivery.state, DeliveryState::Dead);
    assert_eq!(delivery.attempts.len(), 9);
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn an_attempt_before_its_time_is_not_made() {
    let (mut world, clock) = World::standing_still().await;
    let receiver = Receiver::new(&[Reply::status(500)]).await;
    let task = world.tell(&receiver.url("/")).await;
    world.attempt_due().await;
    clock.advance(4_999);
    world.attempt_due().await;
    assert_eq!(world.delivery(&task).await.attempts.len(), 1);
    clock.advance(1);
    world.attempt_due().await;
    assert_eq!(world.delivery(&task).await.attempts.len(), 2);
}

#[tokio::test]
async fn endpoints_that_hang_do_not_slow_one_that_works() {
    let (mut world, _) = World::standing_still().await;
    world.config.timeout = Duration::from_mins(2);
    let mut hung = Receiver::new(&[Reply::Silence]).await;
    let mut works = Receiver::new(&[Reply::status(200)]).await;
    // Due first, so that they are claimed first: one busy endpoint, and many on one host.
    for n in 0..80 {
        world.tell(&hung.url("/busy")).await;
        if n % 2 == 0 {
            world.tell(&hung.url(&format!("/{n}"))).await;
        }
    }
    let mut told = Vec::new();
    for _ in 0..40 {
        told.push(world.tell(&works.url("/")).await);
    }
    world.work();
    hung.next().await;
    for _ in &told {
        works.next().await;
    }
    // The hung ones still hang.
    assert!(!world.background.finished(Duration::ZERO).await);
    world.background.stop();
}

#[rstest]
#[case::never_answers(Reply::Silence)]
#[case::drips_its_head(Reply::Drip("HTTP/1.1 200 OK\r\nx-a: b".into()))]
#[case::drips_its_body(Reply::Drip("HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\nx".into()))]
#[case::floods(Reply::Flood("HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n".into()))]
#[case::hangs_up(Reply::Hangup)]
#[case::resets(Reply::Reset)]
#[case::says_nonsense(Reply::Bytes("Hello!\r\n\r\n".into()))]
#[case::redirects(Reply::with(307, "location: http://127.0.0.1:9/\r\n"))]
#[case::is_gone(Reply::status(410))]
#[case::asks_for_time(Reply::with(429, "retry-after: 3600\r\n"))]
#[tokio::test]
async fn whatever_one_receiver_does_another_gets_its_events_at_once(#[case] reply: Reply) {
    let (mut world, _) = World::standing_still().await;
    world.config.timeout = Duration::from_mins(2);
    let mut nasty = Receiver::new(&[reply]).await;
    let mut good = Receiver::new(&[Reply::status(200)]).await;
    for n in 0..20 {
        world.tell(&nasty.url(&format!("/{n}"))).await;
        world.tell(&nasty.url("/busy")).await;
    }
    world.work();
    nasty.next().await;
    for n in 0..20 {
        world.tell(&good.url(&format!("/{n}"))).await;
    }
    for _ in 0..20 {
        let sent = tokio::time::timeout(Duration::from_secs(5), good.next());
        sent.await.expect("sooner than anything times out");
    }
    world.background.stop();
}

#[tokio::test]
async fn a_crash_before_the_attempt_is_recorded_sends_it_again_under_the_same_id() {
    let (mut world, _) = World::standing_still().await;
    let mut receiver = Receiver::new(&[Reply::status(200)]).await;
    let task = world.tell(&receiver.url("/")).await;
    let claimed = world.claim().await;

    let world = world.restart().await;
    world.work();
    let seen = receiver.next().await;
    world.stop().await;
    assert_eq!(seen.headers["webhook-id"], claimed[0].event.id.as_str());
    assert_eq!(seen.headers["x-evogate-attempt"], "1");
    let delivery = world.delivery(&task).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    assert_eq!(delivery.attempts.len(), 1);
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_records_nothing() {
    let (mut world, clock) = World::standing_still().await;
    let mut receiver = Receiver::new(&[Reply::status(200)]).await;
    let task = world.tell(&receiver.url("/")).await;
    let stale = world.claim().await[0].delivery.claim();
    clock.advance(LEASE);
    world.work();
    receiver.next().await;
    world.stop().await;

    let attempt = Attempt {
        at: START,
        took_ms: 1,
        status: Some(410),
        answer: None,
        error: None,
    };
    let end = End::Answered {
        status: 410,
        retry_after: None,
    };
    let late = world.store.attempted(&stale, attempt, end, 0.0).await;
    assert_eq!(late.unwrap(), None);
    assert_eq!(world.delivery(&task).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn a_stop_finishes_what_is_under_way_and_hands_the_rest_back() {
    let (mut world, _) = World::standing_still().await;
    world.config.timeout = Duration::from_secs(20);
    let go = Arc::new(Notify::new());
    let mut receiver = Receiver::new(&[Reply::Held(go.clone())]).await;
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(world.tell(&receiver.url("/")).await);
    }
    world.work();
    let seen = receiver.next().await;
    world.background.stop();
    go.notify_one();
    assert!(soon(world.background.finished(Duration::from_secs(20))).await);

    for task in &tasks {
        let delivery = world.delivery(task).await;
        assert_eq!(delivery.lease, None);
        if delivery.event.as_str() == seen.headers["webhook-id"] {
            assert_eq!(delivery.state, DeliveryState::Delivered);
        } else {
            assert!(delivery.attempts.is_empty());
            assert_eq!(delivery.due, Some(START));
        }
    }
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn a_tenant_without_a_usable_secret_gets_nothing_unsigned() {
    let mut world = World::with_key(b"short").await;
    let mut receiver = Receiver::new(&[Reply::status(200)]).await;
    let task = world.tell(&receiver.url("/")).await;
    world.attempt_due().await;
    let delivery = world.delivery(&task).await;
    assert_eq!(delivery.state, DeliveryState::Pending);
    let error = delivery.attempts[0].error.as_deref().unwrap();
    assert!(error.starts_with("a webhook secret must have"), "{error}");
    assert!(receiver.is_idle());
}
