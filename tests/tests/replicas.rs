//! Several gateways on one Redis are one gateway: what one of them took, any other reads, cancels, is called
//! back about and delivers; and what becomes of one of them, or of Redis, costs nobody anything.

use std::time::{Duration, Instant};

use evogate_tests::{
    Answer, Caller as _, Gateway, Receiver, Rig, Tenant, assert_books, assert_books_within, until,
    until_within,
};
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

/// A change of a key, a tenant or a quota reaches every replica within this.
const HEARD: Duration = Duration::from_secs(2);

/// The tenant as it calls another replica.
fn on(gateway: &Gateway, team: &Tenant) -> Tenant {
    team.at(&gateway.url())
}

/// Waits until a gateway ended itself, or stands still: it answers no more.
async fn answers_no_more(gateway: &Gateway) {
    until("it answers no more", async || {
        let ops = gateway.ops();
        let ask = ops.try_send(ops.request(Method::GET, "/healthz"));
        tokio::time::timeout(Duration::from_millis(300), ask)
            .await
            .is_err()
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_task_of_one_replica_is_read_listed_and_cancelled_on_others() {
    let rig = Rig::builder().replicas(3).start().await;
    let (second, third) = (on(&rig.others[0], &rig.team), on(&rig.others[1], &rig.team));
    let id = rig.team.start("everybody's #sim:seconds=600").await;
    let read = second.task(&id).await;
    assert!(
        ["pending", "processing"].contains(&read["status"].as_str().unwrap()),
        "{read}"
    );
    let list = third.get("/v1/tasks").await.ok();
    assert_eq!(list["data"][0]["id"], id.as_str(), "{list}");
    third
        .post_empty(&format!("/v1/tasks/{id}/cancel"))
        .await
        .ok();
    let ended = second.ended_as(&id, "cancelled").await;
    assert_eq!(rig.team.task(&id).await, ended);
    assert_eq!(third.task(&id).await, ended);
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn the_callback_and_the_webhook_of_a_dead_replica_go_by_another() {
    let mut rig = Rig::builder().replicas(2).start().await;
    let receiver = Receiver::start().await;
    let mut body = Tenant::video("orphaned #sim:seconds=2");
    body["callback_url"] = json!(receiver.url("/hook"));
    let task = rig.team.submit(&body).await.ok();
    let id = task["id"].as_str().unwrap();
    rig.gateway.kill();
    let second = on(&rig.others[0], &rig.team);
    let ended = second.ended_as(id, "completed").await;
    let delivery = receiver.delivery(1).await;
    assert_eq!(delivery.json()["id"], ended["id"]);
    // The webhook may come before EvoLink has noted that its callback was answered.
    until("a callback is answered", async || {
        let callbacks = rig.sim.callbacks().await;
        let answered = |callback: &Value| callback["status"] == 200;
        callbacks.iter().any(answered).then_some(())
    })
    .await;
    rig.gateway.restart().await;
    assert_eq!(rig.team.task(id).await, ended);
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(receiver.deliveries().len(), 1);
}

#[tokio::test]
async fn all_replicas_together_read_a_task_once_in_refresh_after() {
    let refresh_after = Duration::from_secs(2);
    let rig = Rig::builder()
        .replicas(2)
        .set("reads.refresh_after", "2s")
        .start()
        .await;
    let id = rig.team.start("popular #sim:seconds=600").await;
    let upstream = rig.sim.job("popular").await["id"].clone();
    let second = on(&rig.others[0], &rig.team);
    let begun = Instant::now();
    while begun.elapsed() < 3 * refresh_after {
        let polls = (0..8).map(|number| if number % 2 == 0 { &rig.team } else { &second });
        join_all(polls.map(|team| team.task(&id))).await;
    }
    let reads = rig.sim.requests("read").await;
    let at: Vec<u64> = reads
        .iter()
        .filter(|read| read["task_id"] == upstream)
        .map(|read| read["at_ms"].as_u64().unwrap())
        .collect();
    assert!(at.len() >= 2, "it was read at all: {at:?}");
    // The mark is set before the request leaves, so a slow one may shorten the gap that EvoLink sees.
    let least = u64::try_from(refresh_after.as_millis()).unwrap() - 500;
    let gaps: Vec<u64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= least), "{gaps:?}");
}

#[tokio::test]
async fn revoked_keys_suspensions_and_quotas_reach_every_replica_within_two_seconds() {
    let rig = Rig::builder().replicas(2).start().await;
    let everywhere = async |what: &str, is_so: &dyn Fn(&Answer) -> bool, team: &Tenant| {
        let others = [on(&rig.gateway, team), on(&rig.others[0], team)];
        until_within(HEARD, what, async || {
            for team in &others {
                let answer = team.get("/v1/credits").await;
                if !is_so(&answer) {
                    return None;
                }
            }
            Some(())
        })
        .await;
    };
    let keys = "/admin/v1/tenants/team/keys";
    let minted = rig
        .admin
        .post(keys, &json!({ "name": "short-lived", "scopes": ["read"] }))
        .await
        .expect(201);
    let holder = Tenant::known("team", minted["key"].as_str().unwrap(), &rig.gateway.url());
    let good = |answer: &Answer| answer.status == 200;
    everywhere("a new key is good", &good, &holder).await;
    let path = format!("{keys}/{}", minted["id"].as_str().unwrap());
    rig.admin.delete(&path).await.ok();
    let unknown = |answer: &Answer| answer.status == 401;
    everywhere("a revoked key is refused", &unknown, &holder).await;

    let second = on(&rig.others[0], &rig.team);
    second
        .submit(&Tenant::video("before any limit #sim:seconds=600"))
        .await
        .ok();
    let quota = json!({ "credits_per_day": 20 });
    let path = "/admin/v1/tenants/team/quota";
    let put = rig.admin.request(Method::PUT, path).json(&quota);
    rig.admin.send(put).await.ok();
    // Not within two seconds: the next submit is checked against what the store has, wherever it comes in.
    second
        .submit(&Tenant::video("above the limit"))
        .await
        .error(402, "quota_exceeded");

    rig.admin
        .post_empty("/admin/v1/tenants/team/suspend")
        .await
        .ok();
    second
        .submit(&Tenant::video("suspended"))
        .await
        .error(403, "tenant_suspended");
    assert!(rig.sim.creates("above the limit").await.is_empty());
    assert!(rig.sim.creates("suspended").await.is_empty());
}

#[tokio::test]
async fn a_replica_that_slept_past_its_lease_sends_nothing_and_changes_nothing() {
    let mut rig = Rig::builder()
        .replicas(2)
        .set("submit.unknown_deadline", "2s")
        .start()
        .await;
    rig.gateway.fail_point = Some("submit.before_connect:1:stop".to_owned());
    rig.gateway.restart().await;
    let second = on(&rig.others[0], &rig.team);
    let sleeper = rig.team.clone();
    let body = Tenant::video("asleep");
    let asleep = sleeper.submit(&body);
    let ended = async {
        answers_no_more(&rig.gateway).await;
        let list = second.get("/v1/tasks").await.ok();
        let id = list["data"][0]["id"].as_str().unwrap().to_owned();
        // The lease of its submit runs out, and then the time in which an unknown one is looked for.
        let ended = second.ended_as(&id, "failed").await;
        assert_eq!(ended["error"]["code"], "submission_lost", "{ended}");
        assert_eq!(second.state(&id).await, "lost");
        let steps = second.steps(&id).await;
        rig.gateway.resume();
        (id, ended, steps)
    };
    let (answer, (id, ended, steps)) = tokio::join!(asleep, ended);
    assert_eq!(answer.ok()["id"], id.as_str());
    assert_eq!(second.task(&id).await, ended);
    assert_eq!(second.steps(&id).await, steps);
    assert!(rig.sim.creates("asleep").await.is_empty());
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn the_late_news_of_a_replica_that_slept_change_nothing() {
    let mut rig = Rig::builder().replicas(2).start().await;
    let receiver = Receiver::start().await;
    rig.gateway.fail_point = Some("read.before_settle:1:stop".to_owned());
    rig.gateway.restart().await;
    let second = on(&rig.others[0], &rig.team);
    let mut body = Tenant::video("told late #sim:seconds=1 #sim:no-callback");
    body["callback_url"] = json!(receiver.url("/hook"));
    let task = second.submit(&body).await.ok();
    let id = task["id"].as_str().unwrap();
    // It reads that the task has ended, and falls asleep over it.
    let sleeper = rig.team.clone();
    let asleep = sleeper.ended(id);
    let elsewhere = async {
        answers_no_more(&rig.gateway).await;
        let ended = second.ended_as(id, "completed").await;
        receiver.delivery(1).await;
        // The receiver has it a moment before the timeline says so.
        let steps = until("the delivery is noted", async || {
            let steps = second.steps(id).await;
            steps.iter().any(|step| step == "delivery").then_some(steps)
        })
        .await;
        rig.gateway.resume();
        (ended, steps)
    };
    let (late, (ended, steps)) = tokio::join!(asleep, elsewhere);
    assert_eq!(late, ended);
    assert_eq!(second.task(id).await, ended);
    assert_eq!(second.steps(id).await, steps);
    assert_books(&rig.admin, &rig.sim).await;
    assert_eq!(receiver.deliveries().len(), 1, "one event for one end");
}

#[tokio::test]
async fn while_redis_is_away_nothing_is_sent_and_afterwards_all_goes_on_by_itself() {
    let mut rig = Rig::builder().replicas(2).start().await;
    let receiver = Receiver::start().await;
    let second = on(&rig.others[0], &rig.team);
    let mut ids = Vec::new();
    for (number, team) in [&rig.team, &second].into_iter().cycle().take(6).enumerate() {
        let mut body = Tenant::video(&format!("before {number} #sim:seconds=1.{number}"));
        body["callback_url"] = json!(receiver.url("/hook"));
        let task = team.submit(&body).await.ok();
        ids.push(task["id"].as_str().unwrap().to_owned());
    }
    rig.redis().kill();
    for team in [&rig.team, &second] {
        for _ in 0..3 {
            let asked = Instant::now();
            let answer = team.submit(&Tenant::video("meanwhile")).await;
            let took = asked.elapsed();
            answer.error(503, "store_unavailable");
            assert!(took < Duration::from_secs(1), "{took:?}");
        }
    }
    assert!(rig.sim.creates("meanwhile").await.is_empty());
    // EvoLink is done with all of them while nobody can note it.
    until("all have ended there", async || {
        let tasks = rig.sim.account().await["tasks"].clone();
        (tasks["pending"] == 0 && tasks["processing"] == 0).then_some(())
    })
    .await;
    rig.redis().start_again();
    for id in &ids {
        until(&format!("{id} is read again"), async || {
            let path = format!("/v1/tasks/{id}");
            let answer = second.try_send(second.request(Method::GET, &path)).await;
            answer
                .is_ok_and(|answer| answer.status == 200)
                .then_some(())
        })
        .await;
        second.ended_as(id, "completed").await;
    }
    receiver.delivery(ids.len()).await;
    until("submits are taken again", async || {
        let answer = rig.team.submit(&Tenant::video("afterwards")).await;
        if answer.status == 200 {
            return Some(());
        }
        answer.error(503, "store_unavailable");
        None
    })
    .await;
    assert_books_within(Duration::from_mins(2), &rig.admin, &rig.sim).await;
}
