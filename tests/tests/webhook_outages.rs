//! Deliveries that are under way on two replicas when Redis, or one of the two, breaks away: all arrive by
//! themselves, and what comes again has the id that it had.

use std::collections::BTreeMap;
use std::time::Duration;

use evogate_tests::{
    Caller as _, Gateway, Manner, Receiver, Rig, Tenant, assert_books_within, until, until_within,
};
use serde_json::{Value, json};

const TASKS: usize = 24;
const ENDPOINTS: usize = 4;
/// What a dead replica had in its hands comes when its leases have ended.
const PATIENCE: Duration = Duration::from_mins(2);

/// Two replicas that are telling four endpoints, none of which is quick, of many tasks.
struct Scene {
    rig: Rig,
    receiver: Receiver,
    tasks: Vec<String>,
}

impl Scene {
    /// Some of the deliveries have been made, some are under way, most are still to come.
    async fn start() -> Self {
        let rig = Rig::builder()
            .replicas(2)
            .set("webhooks.timeout", "2s")
            .start()
            .await;
        let receiver = Receiver::start().await;
        let slow = Manner::Slow(Duration::from_millis(500));
        receiver.next(std::iter::repeat_n(slow, 1_000));
        for n in 0..ENDPOINTS {
            let body = json!({ "url": receiver.url(&format!("/{n}")) });
            let made = rig.team.post("/v1/webhooks/endpoints", &body).await;
            made.expect(201);
        }
        let second = rig.team.at(&rig.others[0].url());
        let mut tasks = Vec::new();
        for n in 0..TASKS {
            let caller = if n % 2 == 0 { &rig.team } else { &second };
            let video = Tenant::video(&format!("task {n} #sim:seconds=1"));
            let task = caller.submit(&video).await.ok();
            tasks.push(task["id"].as_str().unwrap().to_owned());
        }
        receiver.delivery(2 * ENDPOINTS).await;
        Self {
            rig,
            receiver,
            tasks,
        }
    }

    fn replica(&mut self, second: bool) -> &mut Gateway {
        if second {
            &mut self.rig.others[0]
        } else {
            &mut self.rig.gateway
        }
    }

    /// What came, by the path and the task that it tells of: under which ids.
    fn came(&self) -> BTreeMap<(String, String), Vec<String>> {
        let mut came: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for delivery in self.receiver.deliveries() {
            let task = delivery.json()["id"].as_str().unwrap().to_owned();
            let id = delivery.header("webhook-id").to_owned();
            came.entry((delivery.path, task)).or_default().push(id);
        }
        came
    }

    /// Waits until every endpoint was told of every task.
    async fn all_come(&self) {
        until_within(
            PATIENCE,
            "every endpoint was told of every task",
            async || (self.came().len() == TASKS * ENDPOINTS).then_some(()),
        )
        .await;
    }

    /// The same, and until the store knows it.
    async fn all_arrive(&self) {
        self.all_come().await;
        let all = TASKS * ENDPOINTS;
        let path = format!("/v1/webhooks/deliveries?limit={all}");
        until_within(PATIENCE, "all are known to be delivered", async || {
            let answer = self.rig.team.get(&path).await;
            if answer.status == 503 {
                return None;
            }
            let list = answer.ok();
            let delivered = |one: &&Value| one["state"] == "delivered";
            let count = list["data"].as_array()?.iter().filter(delivered).count();
            (count == all).then_some(())
        })
        .await;
        for ((_, task), mut ids) in self.came() {
            assert!(self.tasks.contains(&task), "{task} is nobody's");
            ids.dedup();
            assert_eq!(ids.len(), 1, "{task} came under several ids: {ids:?}");
        }
        assert_books_within(PATIENCE, &self.rig.admin, &self.rig.sim).await;
    }
}

#[tokio::test]
async fn after_redis_was_killed_deliveries_go_on_by_themselves() {
    let mut scene = Scene::start().await;
    scene.rig.redis().kill();
    scene.rig.redis().start_again();
    scene.all_arrive().await;
}

#[tokio::test]
async fn after_redis_was_restarted_in_order_deliveries_go_on_by_themselves() {
    let mut scene = Scene::start().await;
    scene.rig.redis().stop();
    scene.rig.redis().start_again();
    scene.all_arrive().await;
}

#[tokio::test]
async fn what_a_killed_replica_had_in_its_hands_is_delivered_by_the_other() {
    let mut scene = Scene::start().await;
    let replicas = [&scene.rig.gateway, &scene.rig.others[0]];
    let is_second = until("one has some in its hands", async || {
        for (number, replica) in replicas.iter().enumerate() {
            if replica.metric("evogate_webhooks_in_flight", &[]).await > 0.0 {
                return Some(number == 1);
            }
        }
        None
    })
    .await;
    scene.replica(is_second).kill();
    scene.all_come().await;
    scene.replica(is_second).restart().await;
    scene.all_arrive().await;
}
