//! A benchmark, not a test: how soon after its settlement a task's webhook is with endpoints that answer,
//! while hundreds of others hang; and that nothing is lost when a replica is killed under the same load.
//!
//! Two replicas on one Redis, 200 tasks a second, which EvoLink finishes and calls back about; twenty tenants,
//! each with one endpoint that answers and, in every other round, an equal part of 500 that take a delivery
//! and never answer it. Each has an address of its own, and each is told of every task of its tenant: 200
//! deliveries a second to those that answer, and 5000 more to those that hang.
//!
//! What is measured is the time from the settlement, as the task's timeline has it, to the first byte of
//! the webhook at the receiver. `tests/README.md` has the command.
//!
//! `EVOGATE_LOAD_ROUNDS` is how many rounds there are of each kind (3), `EVOGATE_LOAD_SECONDS` how long tasks are
//! submitted in each (15), `EVOGATE_LOAD_PER_SECOND` how many (200), `EVOGATE_LOAD_HUNG` how many endpoints hang
//! (500).

mod figures;
mod round;
mod scene;

use std::time::Duration;

use figures::{HEAD, summary};
use round::Round;
use scene::Scene;

/// A number from the environment.
fn set(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// How many endpoints hang, where any do.
fn hung() -> usize {
    usize::try_from(set("EVOGATE_LOAD_HUNG", 500)).unwrap()
}

/// One round, as the environment wants it.
fn round() -> Round {
    Round {
        length: Duration::from_secs(set("EVOGATE_LOAD_SECONDS", 15)),
        per_second: u32::try_from(set("EVOGATE_LOAD_PER_SECOND", 200)).unwrap(),
        kill: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark: see the module"]
async fn endpoints_that_answer_beside_hundreds_that_hang() {
    println!("\n{HEAD}");
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..set("EVOGATE_LOAD_ROUNDS", 3) {
        for (hung, rounds) in [(0, &mut without), (hung(), &mut with)] {
            let mut scene = Scene::start(hung).await;
            let figures = round().run(&mut scene).await;
            println!("{}", figures.row(hung));
            assert_eq!(figures.lost, 0);
            rounds.push(figures);
        }
    }
    println!("\n{}", summary(&without, &with));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark: see the module"]
async fn a_replica_killed_under_load_loses_nothing() {
    println!("\n{HEAD}");
    let mut scene = Scene::start(hung()).await;
    let round = Round {
        kill: true,
        ..round()
    };
    let figures = round.run(&mut scene).await;
    println!("{}", figures.row(hung()));
    assert_eq!(figures.lost, 0);
}
