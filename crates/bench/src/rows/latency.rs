//! What the gateway adds to the time of a submit, at 500 of them a second.

use evogate_tests::redis::Fsync;

use crate::Options;
use crate::drive::{Latencies, open};
use crate::report::{Aim, Line};
use crate::stage::{self, Stage};

const RATE: u32 = 500;

pub(super) async fn measure(options: &Options) -> Vec<Line> {
    let stage = Stage::set(stage::on_redis(Fsync::EverySecond)).await;
    let (direct, through) = (stage.submit(stage.sim()), stage.submit(stage.gateway()));
    let mut pairs = Vec::new();
    for _ in 0..options.rounds {
        let direct = open(&direct, RATE, options.length());
        pairs.push((direct, open(&through, RATE, options.length())));
    }
    let added = |part: f64| {
        let added = |(direct, through): &(Latencies, Latencies)| {
            through.quantile(part) - direct.quantile(part)
        };
        pairs.iter().map(added).collect::<Vec<_>>()
    };
    let direct = pairs
        .iter()
        .map(|(direct, _)| direct.quantile(0.5))
        .collect();
    vec![
        Line::new(
            "a submit at 500/s without the gateway, p50",
            "ms",
            direct,
            Aim::None,
        ),
        Line::new(
            "added to a submit at 500/s, p50",
            "ms",
            added(0.5),
            Aim::AtMost(0.6),
        ),
        Line::new(
            "added to a submit at 500/s, p99",
            "ms",
            added(0.99),
            Aim::AtMost(3.0),
        ),
    ]
}
