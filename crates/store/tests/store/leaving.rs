//! What was kept long enough leaves, and the books still add up.

use evogate_models::journal::Posting;
use evogate_models::task::Task;
use evogate_models::{Credits, Timestamp};
use evogate_store::{SubmitError, Swept, TaskCommand, TurnError};

use crate::kit::{KEEP, Place, admin, bind, demo, grant, intent, report};

/// More than one step looks at.
const MANY: u32 = 230;

/// Of these, every tenth is still open.
fn is_open(n: u32) -> bool {
    n.is_multiple_of(10)
}

/// A place with many tasks of which EvoLink took 12 credits each, 2 of them beyond the hold.
async fn with_tasks() -> (Place, Vec<Task>) {
    let place = Place::quick_with_credits(10_000).await;
    let mut tasks = Vec::new();
    for n in 0..MANY {
        let task = place.submit(intent(n, &format!("body {n}"))).await.task;
        let upstream = format!("up-{n}");
        let status = if is_open(n) {
            "processing"
        } else {
            "completed"
        };
        let bound = TaskCommand::Bind {
            report: report(
                &upstream,
                status,
                r#""credits_reserved":10,"credits_used":12"#,
                task.created,
            ),
            found: evogate_models::life::bind::Found::Answer,
            window: crate::kit::WINDOW,
        };
        tasks.push(place.turn(&task.id, bound).await);
    }
    (place, tasks)
}

async fn sweep(place: &Place) -> Swept {
    place.store().sweep(KEEP).await.unwrap()
}

fn whole(credits: u32) -> Credits {
    Credits::whole(credits)
}

#[tokio::test]
async fn finished_tasks_leave_with_all_that_is_theirs_and_open_ones_stay() {
    let (place, tasks) = with_tasks().await;
    place.clock.advance(KEEP.tasks - 1);
    assert_eq!(sweep(&place).await, Swept::default(), "too early");
    place.clock.advance(1);
    let ended = tasks.iter().filter(|task| task.state.is_ended()).count();
    assert_eq!(sweep(&place).await.tasks, ended);
    assert_eq!(sweep(&place).await, Swept::default(), "once");
    let dump = place.store().dump().await.unwrap();
    let open = MANY as usize - ended;
    assert_eq!(dump.tasks.len(), open);
    assert_eq!(dump.notes.len(), open);
    assert_eq!(dump.upstreams.len(), open);
    assert_eq!(dump.repeats.len(), open);
    assert!(dump.tasks.values().all(|task| !task.state.is_ended()));
}

#[tokio::test]
async fn what_departed_tasks_cost_stays_in_the_books_of_tenant_and_platform() {
    let (place, tasks) = with_tasks().await;
    let before = place.store().tenant(&demo()).await.unwrap().unwrap();
    place.clock.advance(KEEP.tasks);
    sweep(&place).await;
    let after = place.store().tenant(&demo()).await.unwrap().unwrap();
    assert_eq!(before.account, after.account);
    let verified = place.store().verify().await.unwrap();
    assert_eq!(verified.violations, []);
    let ended = tasks.iter().filter(|task| task.state.is_ended()).count();
    let lost = whole(2 * u32::try_from(ended).unwrap());
    assert_eq!(verified.platform_loss, lost);
}

#[tokio::test]
async fn the_journal_leaves_into_an_opening_and_numbering_goes_on() {
    let (mut place, _) = with_tasks().await;
    place.clock.advance(KEEP.journal);
    let swept = sweep(&place).await;
    let dump = place.store().dump().await.unwrap();
    let (account, seq) = dump.accounts[&demo()];
    assert_eq!(swept.entries, usize::try_from(seq).unwrap(), "all were old");
    assert!(dump.journal.is_empty());
    let opening = place.store().opening(&demo()).await.unwrap().unwrap();
    assert_eq!((opening.seq, opening.account), (seq, account));
    let open: Vec<_> = dump
        .tasks
        .values()
        .map(|task| (task.id.clone(), task.hold))
        .collect();
    assert!(opening.holds.into_iter().eq(open));
    // What comes now goes on from there, also after a restart.
    place.reopen().await;
    place
        .store()
        .grant(grant("demo", whole(1)), &admin())
        .await
        .unwrap();
    let journal = place.store().journal(&demo(), 0, 10).await.unwrap();
    assert_eq!(journal.len(), 1);
    assert_eq!(journal[0].seq, seq + 1);
    assert_eq!(journal[0].posting, Posting::Granted { amount: whole(1) });
    let still_open = dump.tasks.values().next().unwrap();
    place
        .turn(&still_open.id, crate::kit::news(still_open, "failed"))
        .await;
    assert_eq!(place.store().verify().await.unwrap().violations, []);
}

#[tokio::test]
async fn entries_wait_for_the_finished_task_that_they_speak_of() {
    let place = Place::quick_with_credits(100).await;
    let mut waited_for = intent(1, "a");
    waited_for.callback_url = Some("https://receiver.example/".to_owned());
    let task = place.submit(waited_for).await.task;
    place.turn(&task.id, bind(&task, "up-1", "completed")).await;
    // The receiver was not told yet: the task stays, and its entries with it.
    place.clock.advance(2 * KEEP.journal);
    let swept = sweep(&place).await;
    assert_eq!((swept.tasks, swept.entries), (0, 1), "the grant before it");
    assert!(
        place
            .store()
            .task(&demo(), &task.id)
            .await
            .unwrap()
            .is_some()
    );
    let journal = place.store().journal(&demo(), 0, 10).await.unwrap();
    assert!(
        journal
            .iter()
            .all(|entry| entry.task.as_ref() == Some(&task.id))
    );
    assert_eq!(place.store().verify().await.unwrap().violations, []);
}

#[tokio::test]
async fn the_id_of_a_task_that_has_left_is_used_up() {
    let (place, tasks) = with_tasks().await;
    place.clock.advance(KEEP.tasks);
    sweep(&place).await;
    let gone = tasks.iter().find(|task| task.state.is_ended()).unwrap();
    let until = place.store().now().plus(60_000);
    let restored = place.store().restore(gone.clone(), until).await;
    assert_eq!(restored, Err(TurnError::NoTask));
    let mut again = intent(0, "another body");
    again.id = gone.id.clone();
    let submitted = place
        .store()
        .submit(evogate_store::Submit {
            intent: again,
            policy: None,
            may_create: true,
        })
        .await;
    assert_eq!(submitted, Err(SubmitError::Exists(gone.id.clone())));
}

#[tokio::test]
async fn a_task_leaves_by_its_end_and_not_by_its_beginning() {
    let place = Place::quick_with_credits(100).await;
    let task = place.submit(intent(1, "a")).await.task;
    let task = place
        .turn(&task.id, bind(&task, "up-1", "processing"))
        .await;
    place.clock.advance(KEEP.tasks);
    let ended = place
        .turn(&task.id, crate::kit::news(&task, "failed"))
        .await;
    assert_eq!(sweep(&place).await, Swept::default());
    let end: Timestamp = ended.ended.unwrap();
    place
        .clock
        .advance(KEEP.tasks - place.store().now().since(end));
    assert_eq!(sweep(&place).await.tasks, 1);
}
