//! Many callers at once: the limits are exact, and each race has one outcome.

use std::collections::BTreeSet;
use std::sync::Arc;

use evogate_models::life::LifeError;
use evogate_models::task::State;
use evogate_models::{Credits, TenantId};
use evogate_store::{Submit, SubmitError, Submitted, TaskCommand, TurnError};
use tokio::task::JoinSet;

use crate::kit::{Place, admin, bind, demo, intent, news, tenant};

/// Submits all at once.
async fn all_at_once(
    place: &Place,
    submits: impl Iterator<Item = Submit>,
) -> Vec<Result<Submitted, SubmitError>> {
    let mut callers = JoinSet::new();
    for submit in submits {
        let store = place.store().clone();
        callers.spawn(async move { store.submit(submit).await });
    }
    callers.join_all().await
}

fn submit(n: u32, key: Option<&str>) -> Submit {
    let mut intent = intent(n, "a");
    intent.idempotency_key = key.map(str::to_owned);
    Submit {
        intent,
        policy: None,
        may_create: true,
    }
}

async fn assert_healthy(place: &Place) {
    let verified = place.store().verify().await.unwrap();
    assert!(verified.violations.is_empty(), "{:?}", verified.violations);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_submits_at_once_credits_for_50_let_exactly_50_pass() {
    // Each is 10 credits.
    let place = Place::with_credits(500).await;
    let answers = all_at_once(&place, (0..200).map(|n| submit(n, None))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 50);
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    assert!(
        refused
            .into_iter()
            .all(|error| matches!(error, SubmitError::Denied { .. }))
    );
    let account = place
        .store()
        .tenant(&demo())
        .await
        .unwrap()
        .unwrap()
        .account;
    assert_eq!(account.held, Credits::whole(500));
    assert_eq!(account.available, Credits::ZERO);
    assert_healthy(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_1000_submits_at_once_with_one_key_exactly_one_makes_a_task() {
    let place = Place::with_credits(10_000).await;
    let answers = all_at_once(&place, (0..1_000).map(|n| submit(n, Some("k")))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| !answer.replay).count(), 1);
    let tasks: BTreeSet<_> = answers.iter().map(|answer| &answer.task.id).collect();
    assert_eq!(tasks.len(), 1);
    let account = place
        .store()
        .tenant(&demo())
        .await
        .unwrap()
        .unwrap()
        .account;
    assert_eq!(account.held, Credits::whole(10));
    assert_healthy(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_workers_at_once_each_task_has_one() {
    let place = Place::with_credits(1_000).await;
    for n in 0..40 {
        place.submit(intent(n, "a")).await;
    }
    place.clock.advance(60_000);
    let mut workers = JoinSet::new();
    for _ in 0..20 {
        let store = place.store().clone();
        workers.spawn(async move { store.claim_due(3, 60_000).await.unwrap() });
    }
    let claimed: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    let tasks: BTreeSet<_> = claimed.iter().map(|task| &task.id).collect();
    assert_eq!((claimed.len(), tasks.len()), (40, 40));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_evolinks_goes_to_one_task_over_all_tenants() {
    let place = Place::with_credits(1_000).await;
    let (other, by) = (tenant("other"), admin());
    let tenants: [TenantId; 2] = [demo(), other.id.clone()];
    place.store().create_tenant(other, &by).await.unwrap();
    let grant = crate::kit::grant("other", Credits::whole(1_000));
    place.store().grant(grant, &by).await.unwrap();
    let mut tasks = Vec::new();
    for n in 0..40 {
        let mut intent = intent(n, "a");
        intent.tenant = tenants[n as usize % 2].clone();
        tasks.push(place.submit(intent).await.task);
    }
    let mut callers = JoinSet::new();
    for task in tasks {
        let store = place.store().clone();
        callers.spawn(async move {
            let command = bind(&task, "up-1", "pending");
            store.turn(&task.tenant, &task.id, command).await
        });
    }
    let outcomes = callers.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let refused = outcomes.into_iter().filter_map(Result::err);
    assert!(refused.into_iter().all(|error| error == TurnError::Claimed));
    assert_healthy(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_and_a_completion_at_once_have_one_outcome() {
    let place = Place::with_credits(10_000).await;
    let mut races = JoinSet::new();
    let place = Arc::new(place);
    for n in 0..200 {
        let place = Arc::clone(&place);
        races.spawn(async move {
            let task = place.submit(intent(n, "a")).await.task;
            let upstream = format!("up-{n}");
            let bound = place
                .turn(&task.id, bind(&task, &upstream, "pending"))
                .await;
            let turn = |command| place.store().turn(&bound.tenant, &bound.id, command);
            let (wish, completed, cancelled) = tokio::join!(
                turn(TaskCommand::WantCancel),
                turn(news(&bound, "completed")),
                turn(news(&bound, "cancelled")),
            );
            let late = matches!(wish, Err(TurnError::Life(LifeError::Invalid(_))));
            assert!(wish.is_ok() || late);
            let ends = [completed.unwrap(), cancelled.unwrap()];
            assert_eq!(ends.iter().filter(|outcome| outcome.ended).count(), 1);
            place
                .store()
                .task(&bound.tenant, &bound.id)
                .await
                .unwrap()
                .unwrap()
        });
    }
    let tasks = races.join_all().await;
    let charged = tasks
        .iter()
        .filter(|task| task.state == State::Completed)
        .count();
    let charged = Credits::whole(10).checked_mul(i64::try_from(charged).unwrap());
    let account = place
        .store()
        .tenant(&demo())
        .await
        .unwrap()
        .unwrap()
        .account;
    assert_eq!(
        (Some(account.spent), account.held),
        (charged, Credits::ZERO)
    );
    assert_healthy(&place).await;
}
