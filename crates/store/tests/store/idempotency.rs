//! Who gets the task of an earlier request, and who a new one (design, section 4).

use evogate_models::idempotency::{KEPT_AFTER_END, REPEAT_WITHIN};
use evogate_models::life::submit::Intent;
use evogate_models::task::State;
use evogate_store::{Submit, SubmitError, TaskCommand, TenantChange};

use crate::kit::{LEASE, Place, START, UNKNOWN, admin, bind, demo, intent, news, refusal, tenant};

fn with_key(n: u32, body: &str, key: &str) -> Intent {
    Intent {
        idempotency_key: Some(key.to_owned()),
        ..intent(n, body)
    }
}

async fn refused(place: &Place, intent: Intent, may_create: bool) -> SubmitError {
    let policy = None;
    let submit = Submit {
        intent,
        policy,
        may_create,
    };
    place.store().submit(submit).await.unwrap_err()
}

fn refuse(temporary: bool, told: bool) -> TaskCommand {
    TaskCommand::Refuse {
        refusal: refusal(),
        temporary,
        told,
    }
}

fn swept() -> TaskCommand {
    TaskCommand::LeaseRanOut {
        unknown_deadline: UNKNOWN,
    }
}

#[tokio::test]
async fn a_key_leads_to_its_task_from_the_hold_until_a_day_after_the_end() {
    let place = Place::with_credits(100).await;
    let task = place.submit(with_key(1, "a", "k")).await.task;
    let again = place.submit(with_key(2, "a", "k")).await;
    assert_eq!((again.replay, &again.task.id), (true, &task.id));
    assert!(again.task.told);
    let bound = place.turn(&task.id, bind(&task, "up-1", "pending")).await;
    place.turn(&task.id, news(&bound, "completed")).await;
    place.clock.advance(KEPT_AFTER_END);
    let late = place.submit(with_key(3, "a", "k")).await;
    assert_eq!((late.replay, &late.task.id), (true, &task.id));
    assert_eq!(late.task.state, State::Completed);
    place.clock.advance(1);
    let new = place.submit(with_key(4, "a", "k")).await;
    assert!(!new.replay);
    // What became of the first task does not touch the key any more.
    place.turn(&task.id, news(&bound, "completed")).await;
    let again = place.submit(with_key(5, "a", "k")).await;
    assert_eq!((again.replay, again.task.id), (true, new.task.id));
}

#[tokio::test]
async fn a_key_with_another_body_is_a_mismatch_and_takes_nothing() {
    let place = Place::with_credits(100).await;
    place.submit(with_key(1, "a", "k")).await;
    let before = place.store().dump().await.unwrap();
    let error = refused(&place, with_key(2, "b", "k"), true).await;
    assert_eq!(error, SubmitError::KeyMismatch);
    assert_eq!(place.store().dump().await.unwrap(), before);
}

#[tokio::test]
async fn one_tenants_key_means_nothing_to_another() {
    let place = Place::with_credits(100).await;
    let other = tenant("other");
    let id = other.id.clone();
    let made = place.store().create_tenant(other, &admin()).await;
    made.unwrap();
    place.submit(with_key(1, "a", "k")).await;
    let mut foreign = with_key(2, "b", "k");
    foreign.tenant = id;
    foreign.estimate = evogate_models::Credits::ZERO;
    assert!(!place.submit(foreign).await.replay);
}

#[tokio::test]
async fn a_temporary_refusal_frees_the_key_and_any_other_keeps_it() {
    let place = Place::with_credits(100).await;
    let first = place.submit(with_key(1, "a", "k")).await.task;
    place.turn(&first.id, refuse(true, false)).await;
    let second = place.submit(with_key(2, "a", "k")).await;
    assert!(!second.replay);
    place.turn(&second.task.id, refuse(false, false)).await;
    let third = place.submit(with_key(3, "a", "k")).await;
    assert!(third.replay);
    assert!(matches!(third.task.state, State::Rejected { .. }));
}

#[tokio::test]
async fn known_requests_are_answered_when_nothing_new_is_taken() {
    let place = Place::with_credits(100).await;
    let task = place.submit(with_key(1, "a", "k")).await.task;
    let change = TenantChange {
        suspended: Some(true),
        ..TenantChange::default()
    };
    let (store, by) = (place.store(), admin());
    store.change_tenant(&demo(), change, &by).await.unwrap();
    let again = Submit {
        intent: with_key(2, "a", "k"),
        policy: Some(0),
        may_create: false,
    };
    assert_eq!(store.submit(again).await.unwrap().task.id, task.id);
    let new = refused(&place, with_key(3, "b", "l"), true).await;
    assert_eq!(new, SubmitError::Suspended);
    let change = TenantChange {
        suspended: Some(false),
        ..TenantChange::default()
    };
    store.change_tenant(&demo(), change, &by).await.unwrap();
    let new = refused(&place, with_key(3, "b", "l"), false).await;
    assert_eq!(new, SubmitError::NotNow);
}

#[tokio::test]
async fn identical_submits_stay_separate_while_their_clients_are_there() {
    let place = Place::with_credits(100).await;
    let first = place.submit(intent(1, "a")).await.task;
    assert!(!place.submit(intent(2, "a")).await.replay);
    place
        .turn(&first.id, bind(&first, "up-1", "completed"))
        .await;
    assert!(!place.submit(intent(3, "a")).await.replay);
}

#[tokio::test]
async fn a_client_that_hung_up_gets_its_task_for_two_minutes() {
    let place = Place::with_credits(100).await;
    let task = place.submit(intent(1, "a")).await.task;
    place.turn(&task.id, TaskCommand::HungUp).await;
    place.turn(&task.id, bind(&task, "up-1", "pending")).await;
    assert!(!place.submit(intent(2, "b")).await.replay, "another body");
    place.clock.advance(REPEAT_WITHIN);
    let again = place.submit(intent(3, "a")).await;
    assert_eq!((again.replay, again.task.id), (true, task.id));
    place.clock.advance(1);
    assert!(!place.submit(intent(4, "a")).await.replay);
}

#[tokio::test]
async fn a_client_that_hung_up_gets_its_task_also_when_that_has_ended_meanwhile() {
    let place = Place::with_credits(100).await;
    let task = place.submit(intent(1, "a")).await.task;
    place.turn(&task.id, bind(&task, "up-1", "completed")).await;
    // The end came before the hang-up was noted.
    place.turn(&task.id, TaskCommand::HungUp).await;
    let again = place.submit(intent(2, "a")).await;
    assert_eq!((again.replay, again.task.id), (true, task.id));
}

#[tokio::test]
async fn a_client_that_hung_up_gets_its_task_also_when_others_sent_the_same_since() {
    let place = Place::with_credits(100).await;
    let task = place.submit(intent(1, "a")).await.task;
    let others = place.submit(intent(2, "a")).await.task;
    place.turn(&task.id, TaskCommand::HungUp).await;
    let again = place.submit(intent(3, "a")).await;
    assert_eq!((again.replay, &again.task.id), (true, &task.id));
    // The other one's end does not take that away.
    place
        .turn(&others.id, bind(&others, "up-2", "completed"))
        .await;
    let again = place.submit(intent(4, "a")).await;
    assert_eq!((again.replay, &again.task.id), (true, &task.id));
}

#[tokio::test]
async fn a_refusal_that_nobody_read_is_no_reason_not_to_try_again() {
    let place = Place::with_credits(100).await;
    let first = place.submit(intent(1, "a")).await.task;
    place.turn(&first.id, TaskCommand::HungUp).await;
    place.turn(&first.id, refuse(true, false)).await;
    let second = place.submit(intent(2, "a")).await;
    assert!(!second.replay);
    // The hang-up is noted late, and must not hide the new task.
    place.turn(&first.id, TaskCommand::HungUp).await;
    place.clock.advance(LEASE);
    let third = place.submit(intent(3, "a")).await;
    assert_eq!((third.replay, third.task.id), (true, second.task.id));
}

#[tokio::test]
async fn the_client_of_a_submitter_that_fell_silent_gets_its_task() {
    let place = Place::with_credits(100).await;
    let task = place.submit(intent(1, "a")).await.task;
    place.clock.advance(LEASE);
    let unswept = place.submit(intent(2, "a")).await;
    assert_eq!((unswept.replay, &unswept.task.id), (true, &task.id));
    let swept = place.turn(&task.id, swept()).await;
    assert!(matches!(swept.state, State::Unknown { .. }));
    let again = place.submit(intent(3, "a")).await;
    assert_eq!((again.replay, &again.task.id), (true, &task.id));
}

#[tokio::test]
async fn a_task_that_was_never_sent_and_never_will_be_is_given_to_nobody() {
    let place = Place::with_credits(100).await;
    let task = place.submit(intent(1, "a")).await.task;
    let queue = TaskCommand::Queue {
        fence: task.fence,
        until: START.plus(1_000),
        why: "429".into(),
        lease: LEASE,
    };
    place.turn(&task.id, queue).await;
    place.turn(&task.id, TaskCommand::HungUp).await;
    assert!(place.submit(intent(2, "a")).await.replay, "it will be sent");
    place.clock.advance(1_000 + LEASE);
    let new = place.submit(intent(3, "a")).await;
    assert!(!new.replay);
    let swept = place.turn(&task.id, swept()).await;
    assert!(matches!(swept.state, State::Rejected { .. }));
}

#[tokio::test]
async fn a_request_with_a_key_is_found_by_its_key_alone() {
    let place = Place::with_credits(100).await;
    let task = place.submit(with_key(1, "a", "k")).await.task;
    place.turn(&task.id, TaskCommand::HungUp).await;
    assert!(!place.submit(intent(2, "a")).await.replay, "no key");
    assert!(!place.submit(with_key(3, "a", "l")).await.replay, "another");
    assert!(place.submit(with_key(4, "a", "k")).await.replay);
}

#[tokio::test]
async fn who_was_given_the_task_hears_of_a_later_refusal_and_nobody_else_does() {
    for (asked_again, told, events) in [(false, false, 0), (true, false, 1), (false, true, 1)] {
        let place = Place::with_credits(100).await;
        let mut first = with_key(1, "a", "k");
        first.callback_url = Some("https://receiver.example/".to_owned());
        let task = place.submit(first).await.task;
        if asked_again {
            place.submit(with_key(2, "a", "k")).await;
        }
        place.turn(&task.id, refuse(true, told)).await;
        let deliveries = place.store().deliveries(&demo(), &task.id).await;
        assert_eq!(deliveries.unwrap().len(), events);
    }
}

#[tokio::test]
async fn a_record_that_is_made_again_brings_its_key_with_it() {
    let place = Place::with_credits(100).await;
    let elsewhere = Place::with_credits(100).await;
    let lost = elsewhere.submit(with_key(1, "a", "k")).await.task;
    let until = START.plus(UNKNOWN);
    let restored = place.store().restore(lost.clone(), until).await.unwrap();
    assert!(matches!(restored.state, State::Unknown { .. }));
    let again = place.submit(with_key(2, "a", "k")).await;
    assert_eq!((again.replay, again.task.id), (true, lost.id));
}
