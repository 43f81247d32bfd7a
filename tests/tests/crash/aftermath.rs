//! What must hold when the dust has settled.

use std::collections::{BTreeMap, BTreeSet};

use evogate_tests::{Caller as _, Receiver, Rig, Tenant, until, until_within};
use serde_json::{Value, json};

use crate::HEALING;

/// All of these tenants' tasks.
async fn tasks(teams: &[Tenant]) -> Vec<Value> {
    let mut all = Vec::new();
    for team in teams {
        for page in 1.. {
            let list = team
                .get(&format!("/v1/tasks?page={page}&page_size=100"))
                .await
                .ok();
            let data = list["data"].as_array().unwrap();
            if data.is_empty() {
                break;
            }
            all.extend(data.iter().cloned());
        }
    }
    all
}

pub(crate) async fn nothing_is_open(rig: &Rig, teams: &[Tenant]) {
    until_within(HEALING, "every task has ended", async || {
        let open = tasks(teams).await;
        let open = open
            .iter()
            .filter(|task| matches!(task["status"].as_str(), Some("pending" | "processing")));
        (open.count() == 0).then_some(())
    })
    .await;
    until("EvoLink has nothing open either", async || {
        let tasks = rig.sim.account().await["tasks"].clone();
        (tasks["pending"] == 0 && tasks["processing"] == 0).then_some(())
    })
    .await;
}

/// EvoLink is asked for what nobody has learned: it calls back once more about everything it billed.
pub(crate) async fn learn_the_rest(rig: &Rig) {
    for job in rig.sim.jobs().await {
        if job["status"] == "completed" {
            let again = json!({ "status": "completed" });
            rig.sim.force(job["id"].as_str().unwrap(), again).await;
        }
    }
}

pub(crate) async fn assert_every_job_is_ours_and_no_keyed_wish_was_made_twice(
    rig: &Rig,
    teams: &[Tenant],
) {
    let tasks = tasks(teams).await;
    let ours: BTreeSet<&str> = tasks
        .iter()
        .filter_map(|task| task["id"].as_str())
        .collect();
    let mut by_wish: BTreeMap<String, usize> = BTreeMap::new();
    for job in rig.sim.jobs().await {
        let key = job["idempotency_key"].as_str().unwrap();
        assert!(
            ours.contains(key),
            "EvoLink has a task that we don't know: {job}"
        );
        let prompt = job["prompt"].as_str().unwrap();
        if prompt.starts_with("keyed") {
            *by_wish.entry(prompt.to_owned()).or_default() += 1;
        }
    }
    let twice: Vec<_> = by_wish.iter().filter(|(_, jobs)| **jobs > 1).collect();
    assert!(
        twice.is_empty(),
        "an idempotency key made two tasks: {twice:?}"
    );
}

/// At least once, and under one id: for every task with a `callback_url` that EvoLink took.
pub(crate) async fn assert_every_end_was_told(rig: &Rig, teams: &[Tenant], receiver: &Receiver) {
    let mut expected = BTreeSet::new();
    let jobs = rig.sim.jobs_by_key().await;
    let of_a_worker = |id: &str| {
        jobs.get(id).is_some_and(|jobs| {
            let prompt = jobs[0]["prompt"].as_str();
            prompt.is_some_and(|prompt| prompt.contains("worker"))
        })
    };
    for team in teams {
        for task in tasks(std::slice::from_ref(team)).await {
            let id = task["id"].as_str().unwrap();
            if of_a_worker(id) && team.state(id).await != "rejected" {
                expected.insert(id.to_owned());
            }
        }
    }
    until_within(HEALING, "every end was told", async || {
        let told: BTreeSet<String> = receiver
            .deliveries()
            .iter()
            .map(|delivery| delivery.json()["id"].as_str().unwrap().to_owned())
            .collect();
        expected.is_subset(&told).then_some(())
    })
    .await;
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for delivery in receiver.deliveries() {
        let task = delivery.json()["id"].as_str().unwrap().to_owned();
        ids.entry(task)
            .or_default()
            .insert(delivery.header("webhook-id").to_owned());
    }
    let many: Vec<_> = ids.iter().filter(|(_, ids)| ids.len() > 1).collect();
    assert!(many.is_empty(), "one end, several events: {many:?}");
}
