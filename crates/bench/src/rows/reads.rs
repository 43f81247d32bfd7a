//! `GET /v1/tasks/{id}`: of a finished task, of one that was refreshed just now, by key and by token.

use evogate_tests::redis::Fsync;

use super::{Contender, cpu, ratios, rounds};
use crate::Options;
use crate::report::{Aim, Line};
use crate::stage::{self, Stage};

pub(super) async fn measure(options: &Options) -> Vec<Line> {
    let stage = Stage::set(stage::on_redis(Fsync::EverySecond)).await;
    let (finished, upstream) = stage.task("A paper boat on a calm lake at dawn").await;
    stage.tenant.ended_as(&finished, "completed").await;
    let (open, _) = stage.task(&stage::open_prompt()).await;
    let token = stage::token(&stage.tenant);
    let ours = |id: &str, credential: &str| Contender {
        target: Stage::read(stage.gateway(), id, credential),
        processes: vec![stage.rig.gateway.id()],
    };
    let key = &stage.tenant.key;
    let contenders = [
        Contender {
            target: Stage::read(stage.nginx.address, &upstream, evogate_tests::EVOLINK_KEY),
            processes: vec![stage.nginx.id()],
        },
        ours(&finished, key),
        ours(&open, key),
        ours(&finished, &token),
    ];
    let measured = rounds(options, &contenders);
    let [nginx, finished, open, token] = [0, 1, 2, 3].map(|at| cpu(&measured[at]));
    let most = Aim::AtMost(0.75);
    vec![
        Line::new("nginx forwards a read, CPU", "µs", nginx.clone(), Aim::None),
        Line::new(
            "read of a finished task, CPU",
            "µs",
            finished.clone(),
            Aim::None,
        ),
        Line::new(
            "read of a finished task to nginx",
            "×",
            ratios(&finished, &nginx),
            most,
        ),
        Line::new(
            "read within `refresh_after` to nginx",
            "×",
            ratios(&open, &nginx),
            most,
        ),
        Line::new(
            "by JWT to by key",
            "×",
            ratios(&token, &finished),
            Aim::AtMost(1.05),
        ),
    ]
}
