//! What only Redis can do to us: lose what it had answered, answer too late, run out of memory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use evogate_models::endpoint::{Endpoint, StoredSecret};
use evogate_models::event::Event;
use evogate_models::task::State;
use evogate_models::{Credits, EndpointId, EventId, TenantId};
use evogate_redis_kit::{Fsync, Options, Server};
use evogate_store::{
    Clock, Durability, LinkOptions, ManualClock, Room, Store, StoreError, Submit, SubmitError,
    SystemRandom, TaskCommand,
};

use futures::future::join_all;

use crate::kit::{LEASE, START, admin, demo, grant, intent, tenant};

fn server() -> Server {
    Server::with(Options::default().fsync(Fsync::NoAof))
}

/// A store on the server's clock, with the tenant `demo`.
async fn store(server: &Server, timeout: Duration) -> Store {
    let options = LinkOptions::new(timeout);
    let url = server.url().parse().unwrap();
    let store = Store::redis(&url, &options, 1, None, Arc::new(SystemRandom));
    let store = store.await.unwrap();
    if store.tenant(&demo()).await.unwrap().is_none() {
        store.create_tenant(tenant("demo"), &admin()).await.unwrap();
        let grant = grant("demo", Credits::whole(1_000));
        store.grant(grant, &admin()).await.unwrap();
    }
    store
}

fn submit(n: u32) -> Submit {
    Submit {
        intent: intent(n, &format!("body {n}")),
        policy: None,
        may_create: true,
    }
}

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(5);

#[tokio::test]
async fn what_was_given_up_is_never_done_after_all() {
    let server = server();
    let store = store(&server, SHORT).await;
    server.pause();
    let lost = store.submit(submit(1)).await;
    assert!(
        matches!(lost, Err(SubmitError::Store(StoreError::Unanswered(_)))),
        "{lost:?}"
    );
    // Longer than a call is good for; what the server was sent meanwhile waits in its socket.
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.resume();
    let watcher = self::store(&server, LONG).await;
    let view = watcher.tenant(&demo()).await.unwrap().unwrap();
    assert_eq!(
        (view.account.held, view.tasks_in_flight),
        (Credits::ZERO, 0)
    );
    // And the store takes others as before.
    watcher.submit(submit(2)).await.unwrap();
    assert!(watcher.verify().await.unwrap().violations.is_empty());
}

#[tokio::test]
async fn a_store_that_went_back_in_time_is_noticed_by_the_next_change() {
    let server = server();
    let store = store(&server, LONG).await;
    let back = store.went_back().unwrap();
    store.submit(submit(1)).await.unwrap();
    store.submit(submit(2)).await.unwrap();
    assert!(!back.has_changed().unwrap());
    let _: String = server.command(&["SET", "{eg:0}:seq", "2"]);
    store.submit(submit(3)).await.unwrap();
    assert!(back.has_changed().unwrap());
}

#[tokio::test]
async fn a_store_that_went_back_in_time_is_noticed_by_looking_and_its_lost_tasks_are_known() {
    let server = server();
    let store = store(&server, LONG).await;
    let mut back = store.went_back().unwrap();
    let task = store.submit(submit(1)).await.unwrap().task;
    let nothing_lost = Durability::guaranteed();
    store.look_back(&nothing_lost).await.unwrap();
    store.look_back(&nothing_lost).await.unwrap();
    assert!(!back.has_changed().unwrap(), "nothing was lost");
    let _: String = server.command(&["SET", "{eg:0}:seq", "1"]);
    let _: i64 = server.command(&["DEL", &format!("{{eg:0}}:t:demo:{}", task.id.short())]);
    store.look_back(&nothing_lost).await.unwrap();
    assert!(back.has_changed().unwrap());
    back.mark_unchanged();
    let lost = store.lost_tasks().await.unwrap();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].id, task.id);
    store.look_back(&nothing_lost).await.unwrap();
    assert!(!back.has_changed().unwrap(), "it is told once");
}

#[tokio::test]
async fn without_memory_nothing_new_is_taken_and_what_there_is_goes_on() {
    let server = server();
    let store = store(&server, LONG).await;
    let task = store.submit(submit(1)).await.unwrap().task;
    let _: String = server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = store.submit(submit(2)).await;
    assert!(
        matches!(refused, Err(SubmitError::Store(StoreError::Unavailable(_)))),
        "{refused:?}"
    );
    let refusal = TaskCommand::Refuse {
        refusal: crate::kit::refusal(),
        temporary: true,
        told: false,
    };
    let outcome = store.turn(&demo(), &task.id, refusal).await.unwrap();
    assert!(matches!(outcome.task.state, State::Rejected { .. }));
    assert_eq!(outcome.account.held, Credits::ZERO);
    let _: String = server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    store.submit(submit(2)).await.unwrap();
    assert!(store.verify().await.unwrap().violations.is_empty());
}

#[tokio::test]
async fn ten_thousand_due_tasks_go_to_one_worker_each_and_the_longest_due_first() {
    const TASKS: u32 = 10_000;
    let server = server();
    let options = LinkOptions::new(LONG);
    let clock = Arc::new(ManualClock::new(START));
    let open = async || {
        let url = server.url().parse().unwrap();
        let clock = Some(Arc::clone(&clock) as Arc<dyn Clock>);
        Store::redis(&url, &options, 4, clock, Arc::new(SystemRandom))
            .await
            .unwrap()
    };
    let (one, other) = (open().await, open().await);
    let mut rich = tenant("demo");
    rich.quota.unlimited = true;
    one.create_tenant(rich, &admin()).await.unwrap();
    for n in (0..TASKS).step_by(100) {
        let submits = (n..n + 100).map(|n| one.submit(submit(n)));
        for submitted in join_all(submits).await {
            submitted.unwrap();
        }
        clock.advance(1);
    }
    // One more, which comes due last.
    clock.advance(1_000);
    let last = one.submit(submit(TASKS)).await.unwrap().task;
    clock.advance(LEASE);
    let mut claimed = BTreeSet::new();
    let mut before = BTreeSet::new();
    loop {
        let lease = 3_600_000;
        let (a, b) = tokio::join!(one.claim_due(50, lease), other.claim_due(50, lease));
        let both: Vec<_> = a.unwrap().into_iter().chain(b.unwrap()).collect();
        if both.is_empty() {
            break;
        }
        for task in both {
            if task.id == last.id {
                before.clone_from(&claimed);
            }
            assert!(claimed.insert(task.id), "claimed twice");
        }
    }
    assert_eq!(claimed.len(), TASKS as usize + 1);
    // It waits for those that were due before it, and for nobody after.
    assert!(before.len() >= TASKS as usize - 200, "{}", before.len());
}

#[tokio::test]
async fn a_shard_in_which_much_happens_keeps_no_deliveries_of_another_waiting() {
    let server = server();
    let options = LinkOptions::new(LONG);
    let clock = Arc::new(ManualClock::new(START));
    let open = async || {
        let url = server.url().parse().unwrap();
        let clock = Some(Arc::clone(&clock) as Arc<dyn Clock>);
        Store::redis(&url, &options, 4, clock, Arc::new(SystemRandom))
            .await
            .unwrap()
    };
    let (one, other) = (open().await, open().await);
    // They are of different shards.
    let (quiet, busy) = (demo(), "busy".parse::<TenantId>().unwrap());
    let endpoint = EndpointId::mint(1);
    for owner in [&quiet, &busy] {
        one.create_tenant(tenant(owner.as_str()), &admin())
            .await
            .unwrap();
        let endpoint = Endpoint {
            id: endpoint.clone(),
            tenant: owner.clone(),
            url: "https://endpoint.example/".to_owned(),
            events: Vec::new(),
            description: None,
            created: START,
            secrets: vec![StoredSecret::plain(vec![1; 32])],
            disabled: None,
        };
        one.create_endpoint(endpoint, &admin()).await.unwrap();
    }
    let mut number = 0;
    let mut tell = async |store: &Store, owner: &TenantId| {
        number += 1;
        let event = Event::test(EventId::mint_test(number), owner, &endpoint, START);
        store.test_endpoint(&endpoint, event).await.unwrap();
    };
    // The one replica hears of the quiet tenant's event by looking alone.
    tell(&other, &quiet).await;
    let mut claimed = Vec::new();
    for _ in 0..3 {
        tell(&one, &busy).await;
        let claims = one.claim_deliveries(Room::of(10), LEASE).await.unwrap();
        claimed.extend(claims.deliveries);
    }
    let owners: Vec<_> = claimed.iter().map(|one| &one.delivery.tenant).collect();
    assert!(owners.contains(&&quiet), "{owners:?}");
    assert!(owners.contains(&&busy), "{owners:?}");
}
