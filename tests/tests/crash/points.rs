//! A gateway that dies at each named point of a task's life (the gateway's `failpoint.rs` says what they are),
//! beside another one on the same Redis that does not.
//!
//! `EVOGATE_TEST_ROUNDS` sets how often it dies at each; the books are closed after each round.

use evogate_tests::Rig;

use crate::number;
use crate::scene::Scene;

/// All of them. First those that leave a worker's lease of a minute behind, so that it is over when the last of
/// the others has healed.
const POINTS: [&str; 15] = [
    "worker.claimed",
    "read.before",
    "read.before_settle",
    "webhook.claimed",
    "webhook.sent",
    "callback.before_mark",
    "cancel.wanted",
    "cancel.sent",
    "submit.before_hold",
    "submit.held",
    "submit.before_connect",
    "submit.half_sent",
    "submit.sent",
    "submit.answered",
    "submit.bound",
];

#[tokio::test]
async fn a_gateway_that_dies_at_any_point_of_a_tasks_life_loses_nothing() {
    let rounds = number("EVOGATE_TEST_ROUNDS", || 1);
    let mut scene = Scene::set(Rig::builder().replicas(2)).await;
    for round in 0..rounds {
        scene
            .under_load(async |rig| {
                for point in POINTS {
                    rig.gateway
                        .die_at(&format!("{point}:{}", 1 + round % 5))
                        .await;
                }
                rig.gateway.restart().await;
            })
            .await;
        scene.heal().await;
    }
}
