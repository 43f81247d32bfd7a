//! Submits on the embedded store, each on the disk before it is answered.

use crate::Options;
use crate::drive::closed;
use crate::report::{Aim, Line};
use crate::stage::{self, Stage};

pub(super) async fn measure(options: &Options) -> Vec<Line> {
    let stage = Stage::set(stage::on_embedded()).await;
    let process = stage.rig.gateway.id();
    let target = stage.submit(stage.gateway());
    let measured: Vec<_> = (0..options.rounds)
        .map(|_| closed(&target, options.connections, options.length(), &[process]))
        .collect();
    let rates = measured.iter().map(crate::drive::Closed::rate).collect();
    let cpu = super::cpu(&measured);
    vec![
        Line::new(
            "submits a second, embedded and durable",
            "/s",
            rates,
            Aim::AtLeast(1000.0),
        ),
        Line::new("submit on the embedded store, CPU", "µs", cpu, Aim::None),
    ]
}
