//! The gateway is killed twenty times at random moments, under load, in front of an EvoLink that fails
//! in every way it can. Afterwards the books agree to the micro-credit. [`points`] kills one of two gateways
//! on Redis at each named point of a task's life, [`store`] kills Redis and breaks the connections to it.
//!
//! The moments come from a seed, which is printed; `EVOGATE_TEST_SEED` repeats them (what the machine
//! makes of them still differs). `EVOGATE_TEST_KILLS` sets how many there are.

mod aftermath;
mod failover;
mod load;
mod points;
mod scene;
mod store;

use std::env;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use evogate_tests::{
    Manner, Receiver, Rig, assert_books_within, clients_folder, python, run_client,
};
use futures::future::{join, join_all};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::aftermath::{
    assert_every_end_was_told, assert_every_job_is_ours_and_no_keyed_wish_was_made_twice,
    learn_the_rest, nothing_is_open,
};
use crate::load::{Worker, faults};

/// A claim that was under way at a kill comes back after its lease of a minute.
const HEALING: Duration = Duration::from_mins(3);

/// Tenants' programs that submit and poll at the same time.
const WORKERS: usize = 10;

fn number(name: &str, default: impl Fn() -> u64) -> u64 {
    env::var(name).map_or_else(|_| default(), |text| text.parse().expect("a number"))
}

fn any_seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "every run shall be another one")]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| u64::from(since.subsec_nanos()))
}

#[tokio::test]
async fn twenty_kills_under_load_lose_no_credit_no_task_and_no_webhook() {
    let seed = number("EVOGATE_TEST_SEED", any_seed);
    let kills = number("EVOGATE_TEST_KILLS", || 20);
    eprintln!("EVOGATE_TEST_SEED={seed} EVOGATE_TEST_KILLS={kills}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut rig = Rig::builder()
        .sim_speed(30.0)
        .sim_argument(&format!("--seed={seed}"))
        .set("evolink.timeout", "2s")
        .set("submit.answer_within", "1s")
        .set("submit.unknown_deadline", "20s")
        .set("submit.breaker_unknowns", 40)
        .set("submit.breaker_cooldown", "200ms")
        .set("webhooks.timeout", "2s")
        .start()
        .await;
    rig.team = rig.admin.tenant("crash", "100000").await;
    let receiver = Receiver::start().await;
    receiver.next([200, 500, 200, 503, 200, 200, 500].map(Manner::Status));
    rig.sim.rules(faults()).await;

    let (over, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let team = rig.team.clone();
    let teams = [team.clone()];
    let workers: Vec<Worker> = (0..WORKERS)
        .map(|number| Worker {
            number,
            team: &team,
            hook: receiver.url("/hook"),
            over: &over,
            done: &done,
        })
        .collect();
    let mut batch = python();
    batch
        .arg("-B")
        .arg(clients_folder().join("batch.py"))
        .arg(rig.folder())
        .env("EVOLINK_BASE_URL", format!("{}/v1", rig.gateway.url()))
        .env("EVOLINK_API_KEY", &team.key)
        .env("POLL_SECONDS", "0.5");
    let batch = run_client(batch);
    let killing = async {
        for _ in 0..kills {
            // A random moment is the point; nothing is waited for.
            tokio::time::sleep(Duration::from_millis(random.random_range(50..1500))).await;
            rig.gateway.kill();
            rig.gateway.restart().await;
        }
    };
    let load = join(join_all(workers.iter().map(Worker::run)), batch);
    let ((_, made), ()) = tokio::join!(load, async {
        killing.await;
        over.store(true, Ordering::Relaxed);
    });
    let created = rig.sim.requests("create").await.len();
    eprintln!(
        "{} wishes, {} of 20 by the batch, {created} creates",
        done.into_inner(),
        made.len()
    );
    assert!(created > 20, "there was load: {created} creates");

    rig.sim.behave().await;
    nothing_is_open(&rig, &teams).await;
    learn_the_rest(&rig).await;
    assert_books_within(HEALING, &rig.admin, &rig.sim).await;
    assert_every_job_is_ours_and_no_keyed_wish_was_made_twice(&rig, &teams).await;
    assert_every_end_was_told(&rig, &teams, &receiver).await;
}
