//! `POST /v1/videos/generations` on Redis: authentication, validation, hold, forward, bind, journal.

use evogate_tests::redis::Fsync;

use super::{Contender, cpu, ratios, rounds};
use crate::Options;
use crate::report::{Aim, Line};
use crate::stage::{self, Stage};

pub(super) async fn measure(options: &Options) -> Vec<Line> {
    let stage = Stage::set(stage::on_redis(Fsync::EverySecond)).await;
    let redis = stage.rig.redis.as_ref().expect("a rig on Redis");
    let contenders = [
        Contender {
            target: stage.submit(stage.nginx.address),
            processes: vec![stage.nginx.id()],
        },
        Contender {
            target: stage.submit(stage.gateway()),
            processes: vec![stage.rig.gateway.id(), redis.process_id()],
        },
    ];
    let measured = rounds(options, &contenders);
    let (nginx, ours) = (cpu(&measured[0]), cpu(&measured[1]));
    let redis: Vec<_> = measured[1].iter().map(|round| round.cpu_us(1)).collect();
    let both = ours.iter().zip(&redis).map(|(ours, redis)| ours + redis);
    let (both, ratios) = (both.collect(), ratios(&ours, &nginx));
    vec![
        Line::new("nginx forwards a submit, CPU", "µs", nginx, Aim::None),
        Line::new("submit on Redis, the gateway's CPU", "µs", ours, Aim::None),
        Line::new("submit on Redis to nginx", "×", ratios, Aim::AtMost(2.0)),
        Line::new("submit, Redis's CPU", "µs", redis, Aim::AtMost(90.0)),
        Line::new("submit, gateway and Redis", "µs", both, Aim::AtMost(160.0)),
    ]
}
