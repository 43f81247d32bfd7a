//! What tenants are told, and by whom (invariant 11).

use evogate_models::delivery::{Attempt, Claim, Delivery, DeliveryState, End, Health, Lane};
use evogate_models::endpoint::{Endpoint, EndpointChange, MOST_ENDPOINTS, StoredSecret};
use evogate_models::event::{Event, EventKind, Target};
use evogate_models::task::Task;
use evogate_models::{Credits, EndpointId, EventId, Millis, TraceParent};
use evogate_store::{Claimed, DeliveryFilter, Room, TaskCommand, TenantError};

use crate::kit::{Place, START, admin, bind, demo, grant, intent, news};

const LEASE: Millis = 30_000;
const URL: &str = "https://receiver.example/";
const TAKEN: End = End::Answered {
    status: 200,
    retry_after: None,
};
const GONE: End = End::Answered {
    status: 410,
    retry_after: None,
};

/// A task that ended, and whose tenant wants to hear of it at `url`.
async fn ended_for(place: &Place, n: u32, url: Option<&str>) -> Task {
    let mut intent = intent(n, "a");
    intent.callback_url = url.map(str::to_owned);
    let task = place.submit(intent).await.task;
    let upstream = format!("up-{n}");
    place
        .turn(&task.id, bind(&task, &upstream, "completed"))
        .await
}

async fn ended(place: &Place, n: u32) -> Task {
    ended_for(place, n, Some(URL)).await
}

async fn claim(place: &Place, room: Room) -> Vec<Claimed> {
    let claims = place.store().claim_deliveries(room, LEASE).await;
    claims.unwrap().deliveries
}

async fn claimed(place: &Place) -> Vec<Claimed> {
    claim(place, Room::of(100)).await
}

/// Records an attempt at the delivery as it was claimed.
async fn attempted(place: &Place, claim: &Claim, end: End) -> Option<Delivery> {
    let attempt = Attempt {
        at: place.store().now(),
        took_ms: 5,
        status: end.status(),
        answer: None,
        error: None,
    };
    let recorded = place.store().attempted(claim, attempt, end, 0.0).await;
    recorded.unwrap()
}

async fn stored(place: &Place, task: &Task) -> Vec<Delivery> {
    place.store().deliveries(&demo(), &task.id).await.unwrap()
}

fn endpoint(n: u8, events: &[EventKind]) -> Endpoint {
    Endpoint {
        id: EndpointId::mint(u128::from(n)),
        tenant: demo(),
        url: format!("https://endpoint{n}.example/"),
        events: events.to_vec(),
        description: None,
        created: START,
        secrets: vec![StoredSecret::plain(vec![n; 32])],
        disabled: None,
    }
}

async fn registered(place: &Place, n: u8, events: &[EventKind]) -> EndpointId {
    let endpoint = endpoint(n, events);
    let id = endpoint.id.clone();
    let made = place.store().create_endpoint(endpoint, &admin()).await;
    made.unwrap();
    id
}

async fn switched(place: &Place, id: &EndpointId, disabled: Option<&str>) {
    let change = EndpointChange {
        disabled: Some(disabled.map(str::to_owned)),
        ..EndpointChange::default()
    };
    let by = admin();
    let tenant = demo();
    let changed = place.store().change_endpoint(&tenant, id, change, &by);
    changed.await.unwrap();
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
    let found = place.store().delivery(&demo(), &deliveries[0].id()).await;
    let (event, _) = found.unwrap().unwrap();
    assert_eq!(event.kind.as_str(), "task.completed");
    assert_eq!(event.body(), evogate_models::view::render(&task));
    assert_eq!(event.callback_url.as_deref(), Some(URL));
}

#[tokio::test]
async fn an_event_is_of_the_trace_that_the_request_was_of_and_no_other_task_has_one() {
    let place = Place::with_credits(100).await;
    let trace = TraceParent::new(7, 8, true);
    let mut traced = intent(1, "a");
    traced.trace = trace;
    traced.callback_url = Some(URL.to_owned());
    let task = place.submit(traced).await.task;
    place.turn(&task.id, bind(&task, "up-1", "completed")).await;
    let task = place
        .store()
        .task(&demo(), &task.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(task.trace, trace);
    let claimed = claimed(&place).await;
    assert_eq!(claimed[0].event.trace, trace);
    let record = serde_json::to_string(&ended(&place, 2).await).unwrap();
    assert!(!record.contains("trace"), "{record}");
}

#[tokio::test]
async fn nobody_is_told_who_did_not_ask_to_be() {
    let place = Place::with_credits(100).await;
    let failures = [EventKind::TaskFailed];
    registered(&place, 1, &failures).await;
    let task = ended_for(&place, 1, None).await;
    assert!(stored(&place, &task).await.is_empty());
    assert!(place.store().dump().await.unwrap().events.is_empty());
}

#[tokio::test]
async fn every_endpoint_that_subscribes_is_told_beside_the_callback() {
    let place = Place::with_credits(100).await;
    let all = registered(&place, 1, &[]).await;
    let some = registered(&place, 2, &[EventKind::TaskCompleted]).await;
    registered(&place, 3, &[EventKind::TaskFailed]).await;
    let task = ended(&place, 1).await;
    let told: Vec<_> = stored(&place, &task)
        .await
        .into_iter()
        .map(|d| d.target)
        .collect();
    let mut expected = vec![
        Target::callback(URL),
        Target::Endpoint(all.clone()),
        Target::Endpoint(some),
    ];
    expected.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    assert_eq!(told, expected);
    let claimed = claimed(&place).await;
    assert_eq!(claimed.len(), 3);
    let to_all = claimed
        .iter()
        .find(|claimed| claimed.delivery.target.endpoint() == Some(&all));
    let endpoint = to_all.unwrap().endpoint.as_ref().unwrap();
    assert_eq!(endpoint.url, "https://endpoint1.example/");
}

#[tokio::test]
async fn a_delivery_whose_sender_fell_silent_comes_again_and_the_sender_is_too_late() {
    let place = Place::with_credits(100).await;
    let task = ended(&place, 1).await;
    let first = claimed(&place).await.remove(0).delivery.claim();
    assert!(claimed(&place).await.is_empty(), "somebody sends it");
    place.clock.advance(LEASE);
    let second = claimed(&place).await.remove(0).delivery.claim();
    assert_eq!(second.id, first.id);
    let before = place.store().dump().await.unwrap();
    assert_eq!(attempted(&place, &first, GONE).await, None);
    let postponed = place.store().postpone(&first, task.created).await;
    assert!(!postponed.unwrap());
    assert_eq!(place.store().dump().await.unwrap(), before);
    assert!(attempted(&place, &second, TAKEN).await.is_some());
    let again = attempted(&place, &second, GONE).await;
    assert_eq!(again, None, "once is all");
    assert_eq!(
        stored(&place, &task).await[0].state,
        DeliveryState::Delivered
    );
}

#[tokio::test]
async fn what_was_being_sent_when_the_process_died_comes_again_at_once() {
    let mut place = Place::with_credits(100).await;
    ended(&place, 1).await;
    let first = claimed(&place).await.remove(0).delivery.claim();
    place.reopen().await;
    assert_eq!(claimed(&place).await.len(), 1);
    assert_eq!(attempted(&place, &first, TAKEN).await, None);
}

#[tokio::test]
async fn the_longest_due_is_sent_first() {
    let place = Place::with_credits(100).await;
    let mut tasks = Vec::new();
    for n in 1..=3 {
        let url = format!("https://receiver{n}.example/");
        tasks.push(ended_for(&place, n, Some(&url)).await.id);
        place.clock.advance(10);
    }
    let first = claim(&place, Room::of(2)).await;
    let order: Vec<_> = first
        .into_iter()
        .map(|claimed| claimed.delivery.task.unwrap())
        .collect();
    assert_eq!(order, tasks[..2]);
}

#[tokio::test]
async fn an_unproven_target_gets_one_at_a_time_and_a_good_one_more_and_more() {
    let place = Place::with_credits(1_000).await;
    for n in 0..40 {
        ended(&place, n).await;
    }
    let mut sizes = Vec::new();
    for _ in 0..6 {
        let batch = claimed(&place).await;
        sizes.push(batch.len());
        for claimed in batch {
            attempted(&place, &claimed.delivery.claim(), TAKEN).await;
        }
    }
    assert_eq!(sizes, [1, 2, 8, 16, 13, 0]);
}

#[tokio::test]
async fn targets_that_hang_never_take_the_room_of_those_that_work() {
    let place = Place::with_credits(10_000).await;
    ended(&place, 0).await;
    let first = claimed(&place).await.remove(0);
    assert_eq!(first.lane, Lane::Suspect);
    attempted(&place, &first.delivery.claim(), TAKEN).await;
    for n in 1..=200 {
        let url = format!("https://hangs{n}.example/");
        ended_for(&place, n, Some(&url)).await;
    }
    place.clock.advance(10);
    ended(&place, 201).await;
    let room = Room {
        good: 5,
        suspect: 0,
    };
    let good = claim(&place, room).await;
    assert_eq!(good.len(), 1);
    assert_eq!(good[0].lane, Lane::Good);
    let room = Room {
        good: 5,
        suspect: 50,
    };
    let claims = place.store().claim_deliveries(room, LEASE).await.unwrap();
    assert_eq!(claims.deliveries.len(), 50);
    assert_eq!(
        claims.next.suspect,
        Some(START),
        "there was no room for the rest"
    );
}

#[tokio::test]
async fn a_target_that_fails_again_and_again_is_left_alone_for_a_while() {
    let place = Place::with_credits(1_000).await;
    for n in 0..9 {
        ended(&place, n).await;
    }
    for _ in 0..3 {
        let one = claimed(&place).await;
        assert_eq!(one.len(), 1);
        attempted(&place, &one[0].delivery.claim(), End::Silent).await;
    }
    let claims = place.store().claim_deliveries(Room::of(9), LEASE).await;
    let claims = claims.unwrap();
    assert!(claims.deliveries.is_empty());
    assert_eq!(claims.next.suspect, Some(START.plus(5_000)));
    place.clock.advance(5_000);
    assert_eq!(claimed(&place).await.len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_disabled_and_the_others_are_told() {
    let place = Place::with_credits(100).await;
    let gone = registered(&place, 1, &[]).await;
    let other = registered(&place, 2, &[EventKind::EndpointDisabled]).await;
    let first = ended_for(&place, 1, None).await;
    let second = ended_for(&place, 2, None).await;
    let one = claimed(&place).await.remove(0).delivery.claim();
    let dead = attempted(&place, &one, GONE).await.unwrap();
    assert_eq!(dead.state, DeliveryState::Dead);
    let endpoint = place
        .store()
        .endpoint(&demo(), &gone)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(endpoint.disabled.unwrap().why, "it answered 410 Gone");

    let told = claimed(&place).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event.kind, EventKind::EndpointDisabled);
    assert_eq!(told[0].delivery.target, Target::Endpoint(other));
    attempted(&place, &told[0].delivery.claim(), TAKEN).await;
    // It is told of nothing new, and what waits for it goes on waiting, until it is enabled.
    let third = ended_for(&place, 3, None).await;
    assert!(stored(&place, &third).await.is_empty());
    let again = place.store().redeliver(&demo(), &one.id).await;
    assert_eq!(again, Err(TenantError::Disabled));
    switched(&place, &gone, None).await;
    let waited = claimed(&place).await;
    assert_eq!(waited.len(), 1);
    assert_eq!(waited[0].delivery.task, Some(second.id));
    let dead = place.store().redeliver(&demo(), &one.id).await.unwrap();
    assert_eq!(
        (dead.task, dead.state),
        (Some(first.id), DeliveryState::Pending)
    );
}

#[tokio::test]
async fn what_waits_for_an_endpoint_that_was_deleted_is_claimed_without_it_and_given_up() {
    let place = Place::with_credits(100).await;
    let id = registered(&place, 1, &[]).await;
    let task = ended_for(&place, 1, None).await;
    switched(&place, &id, Some("enough")).await;
    assert!(claimed(&place).await.is_empty());
    place
        .store()
        .delete_endpoint(&demo(), &id, &admin())
        .await
        .unwrap();
    let one = claimed(&place).await.remove(0);
    assert_eq!(one.endpoint, None);
    attempted(&place, &one.delivery.claim(), End::Gone).await;
    let delivery = stored(&place, &task).await.remove(0);
    assert_eq!(delivery.state, DeliveryState::Dead);
    let again = place.store().redeliver(&demo(), &delivery.id()).await;
    assert_eq!(again, Err(TenantError::NoEndpoint));
    let dump = place.store().dump().await.unwrap();
    assert!(dump.queues.is_empty() && dump.outbox.is_empty());
}

#[tokio::test]
async fn an_endpoint_at_a_new_address_is_met_without_prejudice() {
    let place = Place::with_credits(100).await;
    let id = registered(&place, 1, &[]).await;
    ended_for(&place, 1, None).await;
    let one = claimed(&place).await.remove(0).delivery.claim();
    attempted(&place, &one, End::Silent).await;
    let queue = (demo(), Target::Endpoint(id.clone()));
    let known = place.store().dump().await.unwrap().queues;
    assert_ne!(known[&queue].health, Health::default());
    let change = EndpointChange {
        url: Some("https://elsewhere.example/".to_owned()),
        ..EndpointChange::default()
    };
    let by = admin();
    let tenant = demo();
    let changed = place.store().change_endpoint(&tenant, &id, change, &by);
    changed.await.unwrap();
    assert!(place.store().dump().await.unwrap().queues.is_empty());
}

#[tokio::test]
async fn a_test_goes_to_one_endpoint_whatever_it_subscribes_to() {
    let place = Place::with_credits(0).await;
    let id = registered(&place, 1, &[EventKind::CreditsLow]).await;
    registered(&place, 2, &[]).await;
    let event = Event::test(EventId::mint_test(1), &demo(), &id, START);
    let sent = place.store().test_endpoint(&id, event).await.unwrap();
    let claimed = claimed(&place).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].delivery.id(), sent.id());
}

#[tokio::test]
async fn a_tenant_has_no_more_endpoints_than_a_step_can_tell() {
    let place = Place::with_credits(0).await;
    for n in 0..u8::try_from(MOST_ENDPOINTS).unwrap() {
        registered(&place, n, &[]).await;
    }
    let by = admin();
    let one_more = place.store().create_endpoint(endpoint(200, &[]), &by);
    assert_eq!(one_more.await, Err(TenantError::TooMany));
}

#[tokio::test]
async fn a_low_balance_is_told_in_the_step_that_makes_it_low_and_again_after_it_was_not() {
    let place = Place::with_credits(35).await;
    registered(&place, 1, &[EventKind::CreditsLow]).await;
    let quota = evogate_models::quota::Quota {
        low_credit_threshold: Some(evogate_models::credits::Decimal(Credits::whole(20))),
        ..evogate_models::quota::Quota::default()
    };
    let change = evogate_store::TenantChange {
        quota: Some(quota),
        ..evogate_store::TenantChange::default()
    };
    place
        .store()
        .change_tenant(&demo(), change, &admin())
        .await
        .unwrap();
    let mut told = Vec::new();
    for n in 1..=3 {
        place.submit(intent(n, &n.to_string())).await;
        let more = claimed(&place).await;
        for one in &more {
            attempted(&place, &one.delivery.claim(), TAKEN).await;
        }
        told.extend(
            more.into_iter()
                .map(|one| (n, one.event.body().into_owned())),
        );
    }
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, 2, "25, then 15, then 5");
    assert!(told[0].1.contains(r#""available":15,"#), "{}", told[0].1);
    let by = admin();
    for amount in [
        Credits::whole(30),
        Credits::from_micro(-20_000_000).unwrap(),
    ] {
        place
            .store()
            .grant(grant("demo", amount), &by)
            .await
            .unwrap();
    }
    assert_eq!(claimed(&place).await.len(), 1);
}

#[tokio::test]
async fn results_that_run_out_are_told_of_to_endpoints_and_not_to_callbacks() {
    let place = Place::with_credits(100).await;
    registered(&place, 1, &[EventKind::TaskExpiring]).await;
    let task = ended(&place, 1).await;
    place.clock.advance(20 * 3_600_000);
    let due = place.store().claim_due(10, LEASE).await.unwrap();
    assert_eq!(due.len(), 1);
    let expiring = TaskCommand::Expiring { delivered: false };
    place.turn(&task.id, expiring.clone()).await;
    place.turn(&task.id, expiring).await;
    let deliveries = stored(&place, &task).await;
    let expiring: Vec<_> = deliveries
        .iter()
        .filter(|delivery| delivery.kind == EventKind::TaskExpiring)
        .collect();
    assert_eq!(expiring.len(), 1);
    assert!(expiring[0].target.endpoint().is_some());
    assert!(place.store().claim_due(10, LEASE).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_list_of_deliveries_shows_what_is_asked_for() {
    let place = Place::with_credits(100).await;
    let id = registered(&place, 1, &[]).await;
    let first = ended(&place, 1).await;
    place.clock.advance(1_000);
    let second = ended(&place, 2).await;
    let one = claimed(&place).await.remove(0).delivery;
    attempted(&place, &one.claim(), GONE).await;
    let list = async |filter: DeliveryFilter| {
        let store = place.store();
        let listed = store.list_deliveries(Some(&demo()), filter, None, 10).await;
        listed.unwrap()
    };
    let all = DeliveryFilter::default;
    assert_eq!(list(all()).await.len(), 4);
    assert_eq!(list(all()).await[0].task, Some(second.id.clone()));
    let dead = DeliveryFilter {
        state: Some(DeliveryState::Dead),
        ..all()
    };
    let dead = list(dead).await;
    assert_eq!(
        dead.iter().map(Delivery::id).collect::<Vec<_>>(),
        [one.id()]
    );
    let target = DeliveryFilter {
        target: Some(Target::Endpoint(id)),
        ..all()
    };
    assert_eq!(list(target).await.len(), 2);
    let before = DeliveryFilter {
        to: Some(START.plus(1_000)),
        ..all()
    };
    let before = list(before).await;
    assert!(before.iter().all(|d| d.task.as_ref() == Some(&first.id)));
    assert_eq!(before.len(), 2);
    let after = DeliveryFilter {
        from: Some(START.plus(1_000)),
        task: Some(first.id),
        ..all()
    };
    assert!(list(after).await.is_empty());
}
