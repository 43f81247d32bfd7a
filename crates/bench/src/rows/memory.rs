//! The gateway's memory: idle, with a thousand busy connections, and over time under load.

use std::time::{Duration, Instant};

use evogate_tests::redis::Fsync;

use crate::Options;
use crate::drive::{Target, closed};
use crate::report::{Aim, Line};
use crate::stage::{self, Stage};
use crate::usage;

const BUSY: usize = 1_000;
/// How the soak is cut: submits and reads take turns.
const TURN: Duration = Duration::from_secs(5);

pub(super) async fn measure(options: &Options) -> Vec<Line> {
    // One tenant has all the connections here. By default it would get no more than a part of the places, and
    // what is turned away takes less memory.
    let rig = stage::on_redis(Fsync::EverySecond)
        .set("evolink.max_in_flight", 2 * BUSY)
        .set("server.max_submits", 4 * BUSY);
    let stage = Stage::set(rig).await;
    let process = stage.rig.gateway.id();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = mib(process);
    let (finished, _) = stage.task("A paper boat on a calm lake at dawn").await;
    stage.tenant.ended_as(&finished, "completed").await;
    let read = Stage::read(stage.gateway(), &finished, &stage.tenant.key);
    let submit = stage.submit(stage.gateway());
    let watched = |target: &Target, connections, length| {
        let watch = std::thread::spawn(move || {
            let began = Instant::now();
            let mut most = 0.0_f64;
            while began.elapsed() < length {
                most = most.max(mib(process));
                std::thread::sleep(Duration::from_millis(20));
            }
            most
        });
        closed(target, connections, length, &[]);
        watch.join().expect("the memory can be read")
    };
    let busy = watched(&read, BUSY, options.length()).max(watched(&submit, BUSY, options.length()));
    // What is remembered fills up first; from then on it should stay.
    watched(&submit, options.connections, TURN);
    let first = watched(&read, options.connections, TURN);
    let length = Duration::from_secs_f64(options.soak_minutes * 60.0);
    let (began, mut last) = (Instant::now(), first);
    while began.elapsed() < length {
        watched(&submit, options.connections, TURN);
        last = watched(&read, options.connections, TURN);
    }
    let soak = format!(
        "memory after {} min of load to its beginning",
        options.soak_minutes
    );
    vec![
        Line::new("memory, idle", "MiB", vec![idle], Aim::AtMost(25.0)),
        Line::new(
            "memory, 1 000 busy connections",
            "MiB",
            vec![busy],
            Aim::AtMost(60.0),
        ),
        Line::new(soak, "×", vec![last / first], Aim::AtMost(1.1)),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "it is rounded when it is shown")]
fn mib(process: u32) -> f64 {
    usage::memory(process) as f64 / f64::from(1 << 20)
}
