//! Where things die: gateways on Redis in front of an EvoLink that fails, tenants with work for them, and the
//! books that are closed in the end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use evogate_tests::{Manner, Receiver, Rig, RigBuilder, Tenant, assert_books_within, until};
use futures::future::join_all;

use crate::aftermath::{
    assert_every_end_was_told, assert_every_job_is_ours_and_no_keyed_wish_was_made_twice,
    learn_the_rest, nothing_is_open,
};
use crate::load::{Worker, faults};
use crate::{HEALING, WORKERS, any_seed, number};

/// Tenants with work.
const TENANTS: usize = 3;

/// See the module.
pub(crate) struct Scene {
    pub(crate) rig: Rig,
    teams: Vec<Tenant>,
    receiver: Receiver,
    /// How often there was load: prompts and keys are others each time.
    loads: usize,
}

impl Scene {
    pub(crate) async fn set(builder: RigBuilder) -> Self {
        let seed = number("EVOGATE_TEST_SEED", any_seed);
        eprintln!("EVOGATE_TEST_SEED={seed}");
        let rig = builder
            .sim_speed(60.0)
            .sim_argument(&format!("--seed={seed}"))
            .set("evolink.timeout", "2s")
            .set("submit.answer_within", "1s")
            .set("submit.unknown_deadline", "15s")
            .set("submit.breaker_unknowns", 40)
            .set("submit.breaker_cooldown", "200ms")
            .set("webhooks.timeout", "2s")
            .start()
            .await;
        let mut teams = Vec::new();
        for number in 0..TENANTS {
            teams.push(rig.admin.tenant(&format!("crash-{number}"), "100000").await);
        }
        let receiver = Receiver::start().await;
        receiver.next([200, 500, 200, 503, 200, 200, 500].map(Manner::Status));
        Self {
            rig,
            teams,
            receiver,
            loads: 0,
        }
    }

    /// Does something to the rig while the tenants submit, poll and cancel on all of its gateways.
    pub(crate) async fn under_load(&mut self, during: impl AsyncFnOnce(&mut Rig)) {
        self.rig.sim.rules(faults()).await;
        let fronts: Vec<String> = std::iter::once(&self.rig.gateway)
            .chain(&self.rig.others)
            .map(evogate_tests::Gateway::url)
            .collect();
        let (over, done) = (AtomicBool::new(false), AtomicUsize::new(0));
        let callers: Vec<Tenant> = (0..WORKERS)
            .map(|worker| self.teams[worker % TENANTS].at(&fronts[worker / 2 % fronts.len()]))
            .collect();
        let workers: Vec<Worker> = callers
            .iter()
            .enumerate()
            .map(|(worker, team)| Worker {
                number: self.loads * WORKERS + worker,
                team,
                hook: self.receiver.url("/hook"),
                over: &over,
                done: &done,
            })
            .collect();
        self.loads += 1;
        let rig = &mut self.rig;
        tokio::join!(join_all(workers.iter().map(Worker::run)), async {
            during(rig).await;
            over.store(true, Ordering::Relaxed);
        });
        eprintln!("{} wishes", done.into_inner());
        self.rig.sim.behave().await;
    }

    /// The same where Redis may have lost what it had answered. Then an idempotency key may have made a second
    /// task, and an end may have been told twice; but every credit that EvoLink billed is accounted for, and no
    /// submit was sent again whose outcome was open.
    pub(crate) async fn heal_after_a_loss(&self) {
        let (rig, teams) = (&self.rig, &self.teams);
        nothing_is_open(rig, teams).await;
        learn_the_rest(rig).await;
        assert_books_within(HEALING, &rig.admin, &rig.sim).await;
        for gateway in std::iter::once(&rig.gateway).chain(&rig.others) {
            // Whether something was lost or not: that could not be known.
            let recoveries = until("it looked at all that was open", async || {
                let recoveries = gateway.metric("evogate_store_recoveries_total", &[]).await;
                (recoveries > 0.0).then_some(recoveries)
            })
            .await;
            let unowned = gateway.metric("evogate_upstream_tasks_unowned", &[]).await;
            eprintln!("{recoveries} recoveries, {unowned} tasks of EvoLink's were nobody's");
        }
    }

    /// Waits until all has healed, and closes the books.
    pub(crate) async fn heal(&self) {
        let (rig, teams) = (&self.rig, &self.teams);
        nothing_is_open(rig, teams).await;
        learn_the_rest(rig).await;
        assert_books_within(HEALING, &rig.admin, &rig.sim).await;
        assert_every_job_is_ours_and_no_keyed_wish_was_made_twice(rig, teams).await;
        assert_every_end_was_told(rig, teams, &self.receiver).await;
    }
}
