//! One round: tasks are submitted at an even pace, and what came of them is looked at afterwards.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use evogate_tests::{Anonymous, Caller as _, Tenant, until_within};
use futures::StreamExt as _;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::figures::Figures;
use crate::scene::{Arrival, Scene};

/// How long what was accepted may take to arrive: what a killed replica had in its hands comes when its
/// leases have ended.
const PATIENCE: Duration = Duration::from_mins(3);
/// Timelines that are read at a time.
const READ_AT_ONCE: usize = 16;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) length: Duration,
    pub(crate) per_second: u32,
    /// `kill -9` of the second replica in the middle.
    pub(crate) kill: bool,
}

/// A task that a tenant was told is taken, and of which an endpoint that answers is to be told.
struct Accepted {
    id: String,
    key: String,
}

/// Submits a video that takes EvoLink a second.
async fn submit(tenant: Tenant, number: usize) -> Option<String> {
    let body = Tenant::video(&format!("number {number} #sim:seconds=1"));
    let request = tenant.request(http::Method::POST, "/v1/videos/generations");
    let answer = tenant.try_send(request.json(&body)).await.ok()?;
    // What is refused counts for nothing, as with a client that goes away: the table says how many were told.
    if answer.status != 200 {
        return None;
    }
    answer.json()["id"].as_str().map(str::to_owned)
}

impl Round {
    pub(crate) async fn run(&self, scene: &mut Scene) -> Figures {
        let accepted = self.submit_all(scene).await;
        let missing = async || {
            let arrivals = scene.arrivals.lock();
            let missing = accepted
                .iter()
                .filter(|task| !arrivals.contains_key(&task.id));
            missing.count()
        };
        let all_here = async || (missing().await == 0).then_some(());
        let all_here = until_within(PATIENCE * 2, "they are all here", all_here);
        let _ = tokio::time::timeout(PATIENCE, all_here).await;
        let lost = missing().await;
        self.look_at(scene, accepted, lost).await
    }

    /// Submits at an even pace, to both replicas in turn, and kills one when it is time.
    async fn submit_all(&self, scene: &mut Scene) -> Vec<Accepted> {
        let (first, second) = (&scene.rig.gateway, &scene.rig.others[0]);
        let gateways = [first, second].map(|gateway| Anonymous::at(gateway.direct_url()));
        let keys = |tenants: &[Tenant]| -> Vec<String> {
            tenants.iter().map(|tenant| tenant.key.clone()).collect()
        };
        let (good, others) = (keys(&scene.good), keys(&scene.others));
        let mut tick = tokio::time::interval(Duration::from_secs(1) / self.per_second);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (began, mut killed) = (Instant::now(), false);
        let (mut submits, mut accepted) = (JoinSet::new(), Vec::new());
        for number in 0_usize.. {
            tick.tick().await;
            let passed = began.elapsed();
            if passed >= self.length {
                break;
            }
            if self.kill && !killed && passed >= self.length / 2 {
                killed = true;
                scene.rig.others[0].kill();
            }
            let turn = number / 2;
            let (key, counts) = match others.get(turn / 2 % others.len().max(1)) {
                Some(key) if turn % 2 == 1 => (key.clone(), false),
                Some(_) => (good[turn / 2 % good.len()].clone(), true),
                None => (good[turn % good.len()].clone(), true),
            };
            let gateway = if killed { 0 } else { number % 2 };
            let tenant = gateways[gateway].with_token(&key);
            submits.spawn(async move {
                let id = submit(tenant, number).await?;
                counts.then_some(Accepted { id, key })
            });
            while let Some(done) = submits.try_join_next() {
                accepted.extend(done.expect("a submit"));
            }
        }
        while let Some(done) = submits.join_next().await {
            accepted.extend(done.expect("a submit"));
        }
        accepted
    }

    /// How long each took from its settlement to its arrival.
    async fn look_at(&self, scene: &Scene, accepted: Vec<Accepted>, lost: usize) -> Figures {
        let gateway = Anonymous::at(scene.rig.gateway.direct_url());
        let arrivals = scene.arrivals.lock().clone();
        let came = accepted.iter().filter_map(|task| {
            let came = arrivals.get(&task.id)?;
            Some((gateway.with_token(&task.key), &*task.id, came))
        });
        let took = futures::stream::iter(came)
            .map(async |(reader, id, came): (Tenant, &str, &Vec<Arrival>)| {
                let settled = settled(&reader.timeline(id).await);
                let first = came.iter().map(|arrival| arrival.at).min();
                let took = first.expect("an arrival").duration_since(settled);
                // The store says it in whole milliseconds.
                took.unwrap_or_default().as_secs_f64() * 1000.0
            })
            .buffer_unordered(READ_AT_ONCE)
            .collect()
            .await;
        let mut again = 0;
        for came in arrivals.values() {
            let same = came.iter().all(|arrival| arrival.event == came[0].event);
            assert!(same, "one event under several ids: {came:?}");
            again += came.len() - 1;
        }
        Figures::new(took, lost, again)
    }
}

/// When a task was settled, by its timeline.
fn settled(timeline: &Value) -> SystemTime {
    let steps = timeline["data"].as_array().expect("steps");
    let settled = steps.iter().find(|step| step["step"] == "settled");
    let at = settled.unwrap_or_else(|| panic!("it was delivered and never settled: {timeline}"));
    let at: jiff::Timestamp = at["at"].as_str().expect("a time").parse().expect("a time");
    let since = u64::try_from(at.as_millisecond()).expect("after 1970");
    UNIX_EPOCH + Duration::from_millis(since)
}
