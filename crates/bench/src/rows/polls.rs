//! How often EvoLink is asked while 1 000 clients poll 100 unfinished tasks on two replicas, ten times a second
//! each.

use std::time::Duration;

use evogate_tests::Caller as _;
use evogate_tests::redis::Fsync;

use crate::Options;
use crate::drive::polls;
use crate::report::{Aim, Line};
use crate::stage::{self, Stage};

const CLIENTS: u32 = 1_000;
const TASKS: u32 = 100;
const EVERY: Duration = Duration::from_millis(100);
const LENGTH: Duration = Duration::from_secs(30);
/// The gateway's default.
const REFRESH_AFTER: Duration = Duration::from_secs(5);

pub(super) async fn measure(_: &Options) -> Vec<Line> {
    let stage = Stage::set(stage::on_redis(Fsync::EverySecond).replicas(2)).await;
    let other = stage.rig.others.first().expect("a second replica");
    let addresses = [stage.gateway(), stage::address(&other.direct_url())];
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        tasks.push(stage.task(&stage::open_prompt()).await.0);
    }
    let clients = (0..CLIENTS).map(|client| {
        // Each task is asked for on both.
        let address = addresses[(client / TASKS) as usize % addresses.len()];
        let task = &tasks[(client % TASKS) as usize];
        Stage::read(address, task, &stage.tenant.key)
    });
    let before = upstream_reads(&stage).await;
    let polled = polls(clients.collect(), EVERY, LENGTH);
    let reads = upstream_reads(&stage).await - before;
    // From the first moment on: both ends of the time may have one.
    let allowed = (LENGTH.as_secs_f64() / REFRESH_AFTER.as_secs_f64() + 1.0) * f64::from(TASKS);
    vec![
        Line::new(
            "upstream reads per task and `refresh_after`, polled by 1 000",
            "",
            vec![reads / allowed],
            Aim::AtMost(1.0),
        ),
        Line::new(
            "answers to them a second",
            "/s",
            vec![f64::from(polled.answers) / LENGTH.as_secs_f64()],
            Aim::None,
        ),
        Line::new(
            "their p99",
            "ms",
            vec![polled.latencies.quantile(0.99)],
            Aim::None,
        ),
    ]
}

async fn upstream_reads(stage: &Stage) -> f64 {
    let journal = stage.rig.sim.get("/_sim/journal").await.ok();
    journal["counts"]["read"].as_f64().unwrap_or(0.0)
}
