//! What many do at the same moment, on two gateways over one Redis, comes out as if they had done it one by
//! one. `EVOGATE_TEST_RACES` sets how many cancels race completions (a long run: 1000).

use std::collections::BTreeSet;
use std::env;
use std::time::Duration;

use evogate_tests::{Caller as _, Micro, Receiver, Rig, Tenant, assert_books};
use futures::future::join_all;
use futures::{StreamExt as _, stream};
use serde_json::json;

/// The price of the smallest video, in micro-credits.
const PRICE: &str = "17.784";

async fn two_replicas() -> Rig {
    Rig::builder()
        .replicas(2)
        // A small machine is slow under so many at once, which is no fault of EvoLink's or Redis's.
        .set("submit.breaker_unanswered", 2000)
        .set("store.timeout", "10s")
        .start()
        .await
}

/// The tenant on either replica, with nothing in between: `count` callers, half of them on each.
fn callers(rig: &Rig, team: &Tenant, count: usize) -> Vec<Tenant> {
    let both = [
        team.at(&rig.gateway.direct_url()),
        team.at(&rig.others[0].direct_url()),
    ];
    both.into_iter().cycle().take(count).collect()
}

#[tokio::test]
async fn a_thousand_submits_with_one_idempotency_key_make_one_task() {
    let rig = two_replicas().await;
    let callers = callers(&rig, &rig.team, 1000);
    let body = Tenant::video("a thousand times");
    let submits = callers
        .iter()
        .map(|team| team.submit_with_key("the-same", &body));
    let answers = join_all(submits).await;
    let ids: BTreeSet<String> = answers
        .iter()
        .map(|answer| answer.ok()["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let replayed = answers
        .iter()
        .filter(|answer| answer.header("idempotency-replayed") == Some("true"));
    assert_eq!(replayed.count(), 999);
    assert_eq!(rig.sim.requests("create").await.len(), 1);
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(
        rig.admin.credits("team", "spent").await,
        Micro::parse(PRICE)
    );
}

#[tokio::test]
async fn of_two_hundred_submits_with_credits_for_fifty_fifty_are_taken() {
    let rig = two_replicas().await;
    // 50 × 17.784, and not quite one more.
    let poor = rig.admin.tenant("poor", "906.983999").await;
    let callers = callers(&rig, &poor, 200);
    let body = Tenant::video("for fifty #sim:seconds=20");
    let answers = join_all(callers.iter().map(|team| team.submit(&body))).await;
    let taken = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(taken.count(), 50);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.error(402, "insufficient_quota");
    }
    assert_eq!(rig.sim.creates("for fifty").await.len(), 50);
    rig.sim.advance(60).await;
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(
        rig.admin.credits("poor", "available").await,
        Micro::parse("17.783999")
    );
}

#[tokio::test]
async fn a_cancel_and_a_completion_on_two_replicas_have_one_outcome() {
    let races = env::var("EVOGATE_TEST_RACES").map_or(100, |text| text.parse().expect("a number"));
    let rig = two_replicas().await;
    let team = rig.admin.tenant("racers", "100000").await;
    let receiver = Receiver::start().await;
    let [one, other] = [&rig.gateway, &rig.others[0]].map(|gateway| team.at(&gateway.url()));
    let race = async |number: usize| {
        let (on, off) = if number.is_multiple_of(2) {
            (&one, &other)
        } else {
            (&other, &one)
        };
        let prompt = format!("race {number}. #sim:seconds=0.5");
        let mut body = Tenant::video(&prompt);
        body["callback_url"] = json!(receiver.url("/hook"));
        let task = on.submit(&body).await.ok();
        let id = task["id"].as_str().unwrap().to_owned();
        // Around the moment at which EvoLink completes it; nothing is waited for.
        let moment = Duration::from_millis(rand::random_range(350..600));
        tokio::time::sleep(moment).await;
        let cancel = off.post_empty(&format!("/v1/tasks/{id}/cancel")).await;
        assert!(
            matches!(cancel.status, 200 | 400),
            "{}: {}",
            cancel.status,
            cancel.text()
        );
        let ended = on.ended(&id).await;
        assert_eq!(off.task(&id).await, ended);
        assert_eq!(on.task(&id).await, ended);
        (id, ended["status"] == "completed")
    };
    let outcomes: Vec<(String, bool)> = stream::iter(0..races)
        .map(race)
        .buffer_unordered(8)
        .collect()
        .await;
    let completed = outcomes.iter().filter(|(_, completed)| *completed).count();
    eprintln!("{completed} of {races} were completed, the others cancelled");
    assert_books(&rig.admin, &rig.sim).await;
    for (id, completed) in &outcomes {
        let steps = team.steps(id).await;
        let ends = steps.iter().filter(|step| *step == "ended");
        assert_eq!(ends.count(), 1, "{steps:?}");
        assert_eq!(team.task(id).await["status"] == "completed", *completed);
    }
    receiver.delivery(races).await;
    let events: BTreeSet<_> = receiver
        .deliveries()
        .iter()
        .map(|delivery| delivery.header("webhook-id").to_owned())
        .collect();
    assert_eq!(events.len(), races, "one event for each end");
}
