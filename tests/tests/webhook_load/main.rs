//! A benchmark, not a test: how soon after its settlement a task's webhook is with endpoints that answer,
//! while hundreds of others hang; and that nothing is lost when a replica is killed under the same load.
//!
//! Two replicas on one Redis, 200 tasks a second, which EvoLink finishes and calls back about, and twenty
//! endpoints that answer, each of a tenant of its own. In every other round there are 500 besides that take a
//! delivery and never answer it, each at a host of its own:
//!
//! - each of another tenant, and every other task is one of those tenants';
//! - or of the same tenants in equal parts, and all tasks are theirs: for each delivery to one that answers there
//!   are 25 to others that hang, 5000 a second.
//!
//! What is measured is the time from the settlement, as the task's timeline has it, to the first byte of
//! the webhook at the receiver. `tests/README.md` has the command.
//!
//! `EVOGATE_LOAD_ROUNDS` is how many rounds there are of each kind (3), `EVOGATE_LOAD_SECONDS` how long tasks are
//! submitted in each (10), `EVOGATE_LOAD_PER_SECOND` how many (200), `EVOGATE_LOAD_HUNG` how many endpoints hang
//! (500).

mod figures;
mod round;
mod scene;

use std::time::Duration;

use figures::{HEAD, summary};
use round::Round;
use scene::{Hung, Scene};

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
        length: Duration::from_secs(set("EVOGATE_LOAD_SECONDS", 10)),
        per_second: u32::try_from(set("EVOGATE_LOAD_PER_SECOND", 200)).unwrap(),
        kill: false,
    }
}

/// Rounds without and with those that hang, in turns.
async fn compare(hung: Hung) {
    println!("\n{HEAD}");
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..set("EVOGATE_LOAD_ROUNDS", 3) {
        for (hung, rounds) in [(hung.none(), &mut without), (hung, &mut with)] {
            let mut scene = Scene::start(hung).await;
            let figures = round().run(&mut scene).await;
            println!("{}", figures.row(hung.count()));
            assert_eq!(figures.lost, 0);
            rounds.push(figures);
        }
    }
    println!("\n{}", summary(&without, &with));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark: see the module"]
async fn beside_hundreds_that_hang() {
    compare(Hung::OfOthers(hung())).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark: see the module"]
async fn beside_hundreds_that_hang_and_are_told_of_everything() {
    compare(Hung::OfTheSame(hung())).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark: see the module"]
async fn a_replica_killed_under_load_loses_nothing() {
    println!("\n{HEAD}");
    let mut scene = Scene::start(Hung::OfOthers(hung())).await;
    let round = Round {
        kill: true,
        ..round()
    };
    let figures = round.run(&mut scene).await;
    println!("{}", figures.row(hung()));
    assert_eq!(figures.lost, 0);
}
