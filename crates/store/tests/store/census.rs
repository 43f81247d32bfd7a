//! A census counts what there is, and what it counts comes back from holds.

use evogate_models::Credits;
use evogate_store::{OpenTasks, TaskCommand};

use crate::kit::{KEEP, Place, START, bind, demo, intent, news};

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
