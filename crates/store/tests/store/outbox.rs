//! What tenants are told, and by whom (invariant 11).

use evogate_models::event::{Attempt, Delivery, DeliveryState};
use evogate_models::task::Task;
use evogate_models::{Millis, Timestamp};

use crate::kit::{Place, bind, demo, intent, news};

const LEASE: Millis = 30_000;

/// A task that ended, and whose tenant wants to hear of it.
async fn ended(place: &Place, n: u32) -> Task {
    let mut intent = intent(n, "a");
    intent.callback_url = Some("https://receiver.example/".to_owned());
    let task = place.submit(intent).await.task;
    let upstream = format!("up-{n}");
    place
        .turn(&task.id, bind(&task, &upstream, "completed"))
        .await
}

async fn claimed(place: &Place) -> Vec<Delivery> {
    place.store().claim_deliveries(10, LEASE).await.unwrap()
}

/// Records an attempt at the delivery as it was claimed.
async fn attempted(
    place: &Place,
    delivery: &Delivery,
    state: DeliveryState,
    due: Option<Timestamp>,
) -> bool {
    let attempt = Attempt {
        at: place.store().now(),
        took_ms: 5,
        status: Some(200),
        answer: None,
        error: None,
    };
    let (tenant, event, fence) = (&delivery.tenant, &delivery.event, delivery.fence);
    let recorded = place
        .store()
        .attempted(tenant, event, fence, attempt, state, due);
    recorded.await.unwrap()
}

async fn stored(place: &Place, task: &Task) -> Vec<Delivery> {
    place.store().deliveries(&demo(), &task.id).await.unwrap()
}

#[tokio::test]
async fn a_task_ends_with_one_event_whatever_news_follow() {
    let place = Place::with_credits(100).await;
    let task = ended(&place, 1).await;
    for status in ["completed", "failed", "processing"] {
        place.turn(&task.id, news(&task, status)).await;
    }
    let deliveries = stored(&place, &task).await;
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].kind.as_str(), "task.completed");
    assert_eq!(deliveries[0].body, evogate_models::view::render(&task));
}

#[tokio::test]
async fn nobody_is_told_who_did_not_ask_to_be() {
    let place = Place::with_credits(100).await;
    let task = place.submit(intent(1, "a")).await.task;
    let task = place.turn(&task.id, bind(&task, "up-1", "completed")).await;
    assert!(stored(&place, &task).await.is_empty());
    assert_eq!(place.store().next_delivery().await.unwrap(), None);
}

#[tokio::test]
async fn a_delivery_whose_sender_fell_silent_comes_again_and_the_sender_is_too_late() {
    let place = Place::with_credits(100).await;
    let task = ended(&place, 1).await;
    let first = claimed(&place).await.remove(0);
    assert!(claimed(&place).await.is_empty(), "somebody sends it");
    place.clock.advance(LEASE);
    let second = claimed(&place).await.remove(0);
    assert_eq!(second.event, first.event);
    let before = place.store().dump().await.unwrap();
    assert!(!attempted(&place, &first, DeliveryState::Dead, None).await);
    let (tenant, event) = (&first.tenant, &first.event);
    let postponed = place
        .store()
        .postpone(tenant, event, first.fence, task.created);
    assert!(!postponed.await.unwrap());
    assert_eq!(place.store().dump().await.unwrap(), before);
    assert!(attempted(&place, &second, DeliveryState::Delivered, None).await);
    assert!(
        !attempted(&place, &second, DeliveryState::Dead, None).await,
        "once is all"
    );
    assert_eq!(
        stored(&place, &task).await[0].state,
        DeliveryState::Delivered
    );
}

#[tokio::test]
async fn a_delivery_that_is_not_done_is_always_due_at_some_time() {
    let place = Place::with_credits(100).await;
    let task = ended(&place, 1).await;
    let delivery = claimed(&place).await.remove(0);
    assert!(attempted(&place, &delivery, DeliveryState::Pending, None).await);
    assert_eq!(
        stored(&place, &task).await[0].due,
        Some(place.store().now())
    );
    assert_eq!(claimed(&place).await.len(), 1);
}

#[tokio::test]
async fn what_was_being_sent_when_the_process_died_comes_again_at_once() {
    let mut place = Place::with_credits(100).await;
    ended(&place, 1).await;
    let first = claimed(&place).await.remove(0);
    place.reopen().await;
    assert_eq!(claimed(&place).await.len(), 1);
    assert!(!attempted(&place, &first, DeliveryState::Delivered, None).await);
}

#[tokio::test]
async fn the_longest_due_is_sent_first() {
    let place = Place::with_credits(100).await;
    let mut tasks = Vec::new();
    for n in 1..=3 {
        tasks.push(ended(&place, n).await.id);
        place.clock.advance(10);
    }
    let first = place.store().claim_deliveries(2, LEASE).await.unwrap();
    let order: Vec<_> = first.iter().map(|delivery| &delivery.task).collect();
    assert_eq!(order, [&tasks[0], &tasks[1]]);
}
