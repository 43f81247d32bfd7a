//! What a submit, a read and an idle gateway cost in a full store, beside an empty one. Takes long: the store is
//! filled by submits, each of which EvoLink calls back for.

use std::time::Duration;

use evogate_tests::redis::Fsync;
use evogate_tests::{Micro, Tenant, until_within};
use futures::StreamExt as _;

use crate::Options;
use crate::drive::{Closed, Target, closed};
use crate::report::{Aim, Line};
use crate::stage::{self, Stage};
use crate::usage;

/// Tasks in the store that is as good as empty.
const FEW: usize = 1_000;
/// Tasks of each tenant.
const OF_A_TENANT: usize = 100;
/// Tenants that are filled at the same time.
const TENANTS_AT_ONCE: usize = 8;
/// How long an idle gateway is watched.
const IDLE: Duration = Duration::from_secs(20);
/// How long all that was submitted may take to end.
const ENDING: Duration = Duration::from_mins(10);
/// Not more than this times as much.
const MOST: Aim = Aim::AtMost(1.15);

/// What things cost: CPU time of the gateway and of Redis together, in microseconds.
struct Costs {
    submit: f64,
    read: f64,
    idle: f64,
}

pub(super) async fn measure(options: &Options) -> Vec<Line> {
    let tasks = options.growth_tasks;
    let empty = costs(options, FEW).await;
    let full = costs(options, tasks).await;
    let line = |what: &str, full: f64, empty: f64| {
        let tenants = tasks / OF_A_TENANT;
        let what = format!("{what}: {tasks} tasks of {tenants} tenants to {FEW} tasks");
        Line::new(what, "×", vec![full / empty], MOST)
    };
    vec![
        line("a submit", full.submit, empty.submit),
        line("a read", full.read, empty.read),
        line("an idle gateway", full.idle, empty.idle),
    ]
}

/// Submits so many tasks of the tenant's, and waits for the end of all.
async fn fill(stage: &Stage, tenant: &Tenant, tasks: usize) {
    let mut left = tasks;
    while left > 0 {
        let together = left.min(50);
        let submits = (0..together).map(|_| tenant.start("A paper boat on a calm lake at dawn"));
        futures::future::join_all(submits).await;
        left -= together;
    }
    until_within(ENDING, "everything has ended", async || {
        let held = stage.rig.admin.credits(&tenant.id, "held").await;
        (held == Micro::ZERO).then_some(())
    })
    .await;
}

/// What things cost with so many finished tasks in the store.
async fn costs(options: &Options, tasks: usize) -> Costs {
    // Filled as fast as it goes.
    let builder = stage::on_redis(Fsync::EverySecond)
        .set("evolink.max_in_flight", 1_000_000)
        .set("evolink.reads_per_second", 10_000)
        .set("evolink.max_reads_in_flight", 500);
    let stage = Stage::set(builder).await;
    let filled = &stage;
    futures::stream::iter(0..tasks / OF_A_TENANT)
        .for_each_concurrent(TENANTS_AT_ONCE, async |number| {
            let name = format!("tenant-{number}");
            let tenant = filled.rig.admin.tenant(&name, "1000000").await;
            fill(filled, &tenant, OF_A_TENANT).await;
        })
        .await;
    let (finished, _) = stage.task("A paper boat on a calm lake at dawn").await;
    stage.tenant.ended_as(&finished, "completed").await;
    let redis = stage.rig.redis.as_ref().expect("a rig on Redis");
    let processes = [stage.rig.gateway.id(), redis.process_id()];
    let both = |one: &Closed| one.cpu_us(0) + one.cpu_us(1);
    let middle = |target: &Target| {
        let rounds = (0..options.rounds).map(|_| {
            both(&closed(
                target,
                options.connections,
                options.length(),
                &processes,
            ))
        });
        Line::new("", "", rounds.collect(), Aim::None).median()
    };
    let read = middle(&Stage::read(stage.gateway(), &finished, &stage.tenant.key));
    let used = || processes.iter().copied().map(usage::cpu).sum::<Duration>();
    let before = used();
    tokio::time::sleep(IDLE).await;
    let idle = used().saturating_sub(before).as_secs_f64() * 1e6;
    // Last, for its tasks stay open.
    let submit = middle(&stage.submit(stage.gateway()));
    Costs { submit, read, idle }
}
