//! Who may work on a task, and when somebody must.

use evogate_models::life::LifeError;
use evogate_models::note::Step;
use evogate_models::task::{State, Task};
use evogate_models::{Millis, TaskId};
use evogate_store::{Claims, Room, TaskCommand, TurnError};
use redb::{Database, TableDefinition};

use crate::kit::{LEASE, Place, UNKNOWN, bind, demo, intent, news};

/// How long a worker may be silent.
const CLAIM: Millis = 60_000;

async fn claimed(place: &Place) -> Vec<Task> {
    place.store().claim_due(10, CLAIM).await.unwrap()
}

async fn refused(place: &Place, task: &TaskId, command: TaskCommand) -> LifeError {
    let before = place.store().dump().await.unwrap();
    let error = place
        .store()
        .turn(&demo(), task, command)
        .await
        .unwrap_err();
    assert_eq!(place.store().dump().await.unwrap(), before);
    match error {
        TurnError::Life(error) => error,
        other => panic!("{other}"),
    }
}

fn renew(fence: u64) -> TaskCommand {
    TaskCommand::Renew {
        fence,
        send_within: 5_000,
        lease: LEASE,
    }
}

fn swept() -> TaskCommand {
    TaskCommand::LeaseRanOut {
        unknown_deadline: UNKNOWN,
    }
}

fn in_vain(fence: u64) -> TaskCommand {
    TaskCommand::InVain {
        fence,
        why: Some("500".into()),
    }
}

/// A task that EvoLink has.
async fn running(place: &Place, n: u32) -> Task {
    let task = place.submit(intent(n, "a")).await.task;
    let upstream = format!("up-{n}");
    place
        .turn(&task.id, bind(&task, &upstream, "pending"))
        .await
}

#[tokio::test]
async fn a_submitter_that_renews_is_never_taken_over() {
    let place = Place::with_credits(100).await;
    let task = place.submit(intent(1, "a")).await.task;
    for _ in 0..5 {
        place.clock.advance(LEASE - 1);
        assert!(claimed(&place).await.is_empty());
        assert_eq!(refused(&place, &task.id, swept()).await, LifeError::Stale);
        place.turn(&task.id, renew(task.fence)).await;
    }
    place.clock.advance(LEASE);
    assert_eq!(claimed(&place).await.len(), 1);
}

#[tokio::test]
async fn a_submitter_that_was_taken_over_sends_nothing_and_its_answer_still_counts() {
    let place = Place::with_credits(100).await;
    let task = place.submit(intent(1, "a")).await.task;
    place.clock.advance(LEASE);
    assert_eq!(claimed(&place).await.len(), 1);
    let late = refused(&place, &task.id, renew(task.fence)).await;
    assert_eq!(late, LifeError::Stale);
    place.turn(&task.id, swept()).await;
    let late = refused(&place, &task.id, renew(task.fence)).await;
    assert_eq!(late, LifeError::Stale);
    let bound = place.turn(&task.id, bind(&task, "up-1", "pending")).await;
    assert_eq!(bound.state, State::Pending);
}

#[tokio::test]
async fn a_worker_that_slept_past_its_lease_changes_nothing() {
    let place = Place::with_credits(100).await;
    running(&place, 1).await;
    place.clock.advance(30_000);
    let slow = claimed(&place).await.remove(0);
    place.clock.advance(CLAIM);
    let quick = claimed(&place).await.remove(0);
    assert!(quick.fence > slow.fence);
    let late = refused(&place, &slow.id, in_vain(slow.fence)).await;
    assert_eq!(late, LifeError::Stale);
    place.turn(&quick.id, in_vain(quick.fence)).await;
    let twice = refused(&place, &quick.id, in_vain(quick.fence)).await;
    assert_eq!(twice, LifeError::Stale);
}

#[tokio::test]
async fn what_is_due_while_somebody_works_on_it_is_passed_over_once() {
    let place = Place::with_credits(100).await;
    running(&place, 1).await;
    place.clock.advance(30_000);
    let task = claimed(&place).await.remove(0);
    // The wish makes it due before the worker's lease ends.
    place.turn(&task.id, TaskCommand::WantCancel).await;
    place.clock.advance(5_000);
    assert!(claimed(&place).await.is_empty());
    let lease = task.lease.unwrap().until;
    assert_eq!(place.store().next_due().await.unwrap(), Some(lease));
}

#[tokio::test]
async fn the_longest_due_is_looked_at_first() {
    let place = Place::with_credits(100).await;
    let mut order = Vec::new();
    for n in 1..=3 {
        order.push(running(&place, n).await.id);
        place.clock.advance(10);
    }
    place.clock.advance(60_000);
    let two = place.store().claim_due(2, CLAIM).await.unwrap();
    let two: Vec<_> = two.into_iter().map(|task| task.id).collect();
    assert_eq!(two, order[..2]);
    assert_eq!(claimed(&place).await[0].id, order[2]);
}

#[tokio::test]
async fn leases_end_with_their_process() {
    let mut place = Place::with_credits(100).await;
    let task = place.submit(intent(1, "a")).await.task;
    running(&place, 2).await;
    assert!(claimed(&place).await.is_empty());
    place.reopen().await;
    let orphan = claimed(&place).await;
    assert_eq!(orphan.len(), 1, "the other one is not due yet");
    assert_eq!(orphan[0].id, task.id);
    place.turn(&task.id, swept()).await;
}

#[tokio::test]
async fn rows_that_lead_nowhere_stop_no_worker() {
    const DUE: TableDefinition<(i64, &str, &str), ()> = TableDefinition::new("due");
    const OUTBOX: TableDefinition<(u8, i64, &str, &str), ()> = TableDefinition::new("queues_due");
    let mut place = Place::with_credits(100).await;
    let task = running(&place, 1).await;
    place.close().await;
    {
        let file = Database::open(place.file()).unwrap();
        let change = file.begin_write().unwrap();
        let stale = (1, "demo", task.id.as_str());
        {
            let mut due = change.open_table(DUE).unwrap();
            due.insert((0, "demo", "gone"), ()).unwrap();
            due.insert(stale, ()).unwrap();
            let mut outbox = change.open_table(OUTBOX).unwrap();
            outbox.insert((0, 0, "demo", "gone"), ()).unwrap();
            outbox.insert((0, 1, "demo", "ep_a"), ()).unwrap();
        }
        change.commit().unwrap();
    }
    place.start();
    assert!(claimed(&place).await.is_empty());
    let sent = place.store().claim_deliveries(Room::of(10), CLAIM).await;
    assert_eq!(sent.unwrap(), Claims::default());
    assert_eq!(place.store().next_due().await.unwrap(), task.due);
}

#[tokio::test]
async fn of_many_readers_one_asks_evolink_within_refresh_after() {
    let place = Place::with_credits(100).await;
    let task = running(&place, 1).await;
    let may = || async {
        let (demo, store) = (demo(), place.store());
        store.may_refresh(&demo, &task.id, 5_000).await.unwrap()
    };
    // The answer to the submit was as good as a read.
    assert!(!may().await);
    place.clock.advance(5_000);
    assert!(may().await);
    assert!(!may().await);
    place.clock.advance(25_000);
    let claimed = claimed(&place).await.remove(0);
    place.turn(&task.id, in_vain(claimed.fence)).await;
    assert!(!may().await, "a worker asked just now, if in vain");
    place.clock.advance(5_000);
    assert!(may().await);
    let nobodys = "other".parse().unwrap();
    let foreign = place.store().may_refresh(&nobodys, &task.id, 5_000);
    assert!(!foreign.await.unwrap());
}

#[tokio::test]
async fn a_timeline_keeps_its_end_however_often_evolink_was_asked() {
    let place = Place::quick_with_credits(100).await;
    let task = running(&place, 1).await;
    for _ in 0..300 {
        place.clock.advance(600_000);
        let fence = claimed(&place).await.remove(0).fence;
        let answer = "accepted".into();
        place
            .turn(&task.id, TaskCommand::CancelSent { answer })
            .await;
        place.turn(&task.id, in_vain(fence)).await;
    }
    place.turn(&task.id, news(&task, "completed")).await;
    let timeline = place.store().timeline(&demo(), &task.id).await.unwrap();
    assert!(timeline.len() < 520, "{}", timeline.len());
    let ended = |step: &Step| matches!(step, Step::Ended { .. });
    assert!(timeline.iter().any(|note| ended(&note.step)));
}
