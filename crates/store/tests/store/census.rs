//! A census counts what there is, and what it counts comes back from holds.

use evogate_models::Credits;
use evogate_models::task::Task;
use evogate_store::{ManualClock, OpenTasks, Store, Submit, TaskCommand};

use crate::kit::{KEEP, Place, START, admin, bind, demo, grant, intent, news, tenant};
use crate::ledger::{exported, import, redis, server};

const HOUR: i64 = 3_600_000;

#[tokio::test]
async fn states_ages_and_what_was_given_back_follow_the_tasks() {
    let place = Place::quick_with_credits(1_000).await;
    let census = || async { place.store().census().await.unwrap() };
    assert_eq!(census().await.oldest_unfinished, None);

    let first = place.submit(intent(1, "one")).await.task;
    place.clock.advance(1_000);
    let second = place.submit(intent(2, "two")).await.task;
    assert_eq!(census().await.open(), OpenTasks([0, 2, 0, 0, 0]));
    assert_eq!(census().await.oldest_unfinished, Some(START));
    assert_eq!(census().await.oldest_unknown, None);

    let deadline = TaskCommand::LeaseRanOut {
        unknown_deadline: 60_000,
    };
    place.clock.advance(20_000);
    place.turn(&second.id, deadline).await;
    let bound = place.turn(&first.id, bind(&first, "up-1", "pending")).await;
    let now = census().await;
    assert_eq!(now.open(), OpenTasks([0, 0, 1, 1, 0]));
    assert_eq!(now.oldest_unknown, Some(second.created));

    let ended = place.turn(&first.id, news(&bound, "failed")).await;
    assert!(ended.state.is_ended());
    let now = census().await;
    assert_eq!(now.open(), OpenTasks([0, 0, 1, 0, 0]));
    assert_eq!(now.oldest_unfinished, Some(second.created));
    let demo = now.tenants.iter().find(|sums| sums.tenant == demo());
    assert_eq!(demo.unwrap().refunded, first.hold);
    assert_ne!(first.hold, Credits::ZERO);

    place.clock.advance(KEEP.journal);
    place.store().sweep(KEEP).await.unwrap();
    let later = census().await;
    assert_eq!(later.tenants, now.tenants, "what leaves stays counted");
}

/// Moves a task of `demo`'s on.
async fn turn(store: &Store, task: &Task, command: TaskCommand) -> Task {
    let outcome = store.turn(&demo(), &task.id, command).await;
    outcome.unwrap().task
}

async fn expiring(store: &Store) -> u64 {
    store.census().await.unwrap().expiring
}

/// The worker looks at all that is due; a receiver took the end of none of it but of `delivered`.
async fn look(store: &Store, delivered: Option<&Task>) {
    for task in store.claim_due(100, HOUR).await.unwrap() {
        let delivered = delivered.is_some_and(|other| other.id == task.id);
        turn(store, &task, TaskCommand::Expiring { delivered }).await;
    }
}

/// Tasks of `demo`'s that completed at this moment, six of them.
async fn completed(store: &Store) -> Vec<Task> {
    store.create_tenant(tenant("demo"), &admin()).await.unwrap();
    let credits = Credits::whole(1_000);
    store.grant(grant("demo", credits), &admin()).await.unwrap();
    let mut tasks = Vec::new();
    for n in 1..=6 {
        let submit = Submit {
            intent: intent(n, &format!("body {n}")),
            policy: None,
            may_create: true,
        };
        let made = store.submit(submit).await.unwrap().task;
        let bound = turn(store, &made, bind(&made, &format!("up-{n}"), "pending")).await;
        tasks.push(turn(store, &bound, news(&bound, "completed")).await);
    }
    tasks
}

/// Six tasks complete, and a day goes by. Answers the export of when most ran out.
async fn a_day(store: &Store, clock: &ManualClock) -> Vec<Vec<u8>> {
    let tasks = completed(store).await;
    turn(store, &tasks[0], TaskCommand::Fetched).await;
    clock.advance(20 * HOUR - 1);
    look(store, None).await;
    assert_eq!(expiring(store).await, 0, "it is not time yet");
    clock.advance(1);
    assert_eq!(expiring(store).await, 0, "nobody has looked");
    look(store, Some(&tasks[1])).await;
    assert_eq!(expiring(store).await, 4);
    let lines = exported(store).await;

    turn(store, &tasks[2], TaskCommand::Fetched).await;
    assert_eq!(expiring(store).await, 3);
    turn(store, &tasks[2], TaskCommand::Fetched).await;
    assert_eq!(expiring(store).await, 3, "once");
    clock.advance(4 * HOUR - 1);
    assert_eq!(expiring(store).await, 3);
    clock.advance(1);
    assert_eq!(expiring(store).await, 0, "the results are gone");
    store.sweep(KEEP).await.unwrap();
    assert!(store.dump().await.unwrap().tasks.is_empty());
    clock.advance(-24 * HOUR);
    assert_eq!(expiring(store).await, 0, "what has left leaves nothing");
    lines
}

#[tokio::test]
async fn results_that_nobody_has_or_knows_of_are_counted_from_the_look_on_until_they_are_gone() {
    let server = server();
    let embedded = Place::quick();
    let lines = a_day(embedded.store(), &embedded.clock).await;
    let clock = &embedded.clock;
    let store = redis(&server, 3, clock).await;
    let of_redis = a_day(&store, clock).await;

    clock.advance(20 * HOUR);
    let imported = Place::quick();
    imported.clock.advance(20 * HOUR);
    import(imported.store(), &of_redis).await.unwrap();
    assert_eq!(expiring(imported.store()).await, 4);
    let imported = redis(&server, 2, clock).await;
    import(&imported, &lines).await.unwrap();
    assert_eq!(expiring(&imported).await, 4);
}
