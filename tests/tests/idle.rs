//! Replicas that have nothing to do leave their store alone.

use std::time::Duration;

use evogate_tests::{Receiver, Rig, Tenant, redis::Server};
use serde_json::json;

/// Over which calls are counted: several of the workers' ticks.
const WINDOW: Duration = Duration::from_secs(12);

/// The calls that Redis has got. What the workers' script runs inside is no call.
fn calls(redis: &Server) -> u64 {
    let stats: String = redis.command(&["INFO", "commandstats"]);
    let of = |line: &str| {
        let (name, numbers) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let calls: u64 = numbers.split(',').next()?.parse().ok()?;
        (name != "zrange").then_some(calls)
    };
    stats.lines().filter_map(of).sum()
}

#[tokio::test]
async fn an_idle_replica_calls_its_store_less_than_five_times_a_second() {
    let mut rig = Rig::builder().replicas(2).start().await;
    let receiver = Receiver::start().await;
    let mut video = Tenant::video("the last one for a while");
    video["callback_url"] = json!(receiver.url("/hook"));
    rig.team.submit(&video).await.ok();
    receiver.delivery(1).await;
    let redis = rig.redis();
    let _: String = redis.command(&["CONFIG", "RESETSTAT"]);
    tokio::time::sleep(WINDOW).await;
    let (calls, most) = (calls(redis), 2 * 5 * WINDOW.as_secs());
    assert!(calls > 0, "the workers have stopped");
    assert!(calls < most, "{calls} calls in {WINDOW:?}");
}
