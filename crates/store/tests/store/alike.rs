//! Two engines that are given the same commands answer the same and keep the same: the embedded one, which
//! says what is meant, and Redis. Every answer is compared, and after each step all tenants with their
//! accounts and counters; after every tenth, everything that is kept.
//!
//! `EVOGATE_STORE_ALIKE` asks for more cases than the usual; a case that fails is kept as a seed beside
//! this file, and runs first from then on.

use std::sync::Arc;
use std::time::Duration;

use evogate_models::Timestamp;
use evogate_models::delivery::{Delivery, DeliveryState};
use evogate_models::life::results;
use evogate_models::task::{State, Task};
use evogate_redis_kit::{Fsync, Options, Server};
use evogate_store::dump::Dump;
use evogate_store::usage::{KEPT, day};
use evogate_store::{Census, Clock, LinkOptions, OpenTasks, Room, Store, SystemRandom, TenantSums};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestCaseError, TestRunner};
use tokio::runtime::Builder;

use crate::kit::Place;
use crate::kit::cast::Cast;
use crate::kit::command::{Command, command, prologue};
use crate::kit::step::{Answer, Step};

const CASES: u32 = 300;
const LENGTH: usize = 100;
/// Everything is compared after so many steps.
const WHOLE: usize = 10;

type Checked = Result<(), TestCaseError>;

struct Pair {
    embedded: Place,
    redis: Store,
    cast: Cast,
    steps: usize,
    shards: u16,
}

impl Pair {
    async fn new(server: &Server, shards: u16) -> Self {
        let embedded = Place::quick();
        let _: String = server.command(&["FLUSHALL"]);
        let options = LinkOptions::new(Duration::from_secs(5));
        let clock: Arc<dyn Clock> = embedded.clock.clone();
        let redis = Store::redis(
            &server.url().parse().unwrap(),
            &options,
            shards,
            Some(clock),
            Arc::new(SystemRandom),
        )
        .await
        .unwrap();
        Self {
            embedded,
            redis,
            cast: Cast::default(),
            steps: 0,
            shards,
        }
    }

    async fn command(&mut self, command: Command) -> Checked {
        match self.cast.step(command, self.embedded.store().now()) {
            Some(step) => self.step(&step).await,
            None => Ok(()),
        }
    }

    async fn step(&mut self, step: &Step) -> Checked {
        if let Step::Wait(span) = step {
            self.embedded.clock.advance(*span);
            return Ok(());
        }
        // Which ones are due longest is known in one shard, and room is divided among several before it is
        // known what is due in each; so all are taken.
        let step = &match step {
            Step::ClaimDue { lease, .. } if self.shards > 1 => Step::ClaimDue {
                limit: 10_000,
                lease: *lease,
            },
            Step::ClaimDeliveries { room, lease } if self.shards > 1 => Step::ClaimDeliveries {
                room: Room {
                    good: enough(room.good),
                    suspect: enough(room.suspect),
                },
                lease: *lease,
            },
            other => other.clone(),
        };
        let meant = step.run(self.embedded.store()).await;
        let given = step.run(&self.redis).await;
        let sorted = |answer: Answer| match answer {
            // Expired records leave Redis by themselves.
            Answer::Swept(_) => Answer::Nothing,
            // Shard after shard.
            Answer::Claimed(mut tasks) => {
                tasks.sort_by(|a, b| (a.due, &a.tenant, &a.id).cmp(&(b.due, &b.tenant, &b.id)));
                Answer::Claimed(tasks)
            }
            Answer::Deliveries(mut claims) if self.shards > 1 => {
                claims.deliveries.sort_by_key(|claimed| {
                    let Delivery { event, target, .. } = &claimed.delivery;
                    format!("{event} {target:?}")
                });
                Answer::Deliveries(claims)
            }
            other => other,
        };
        self.cast.heard(&meant);
        prop_assert_eq!(&sorted(meant), &sorted(given), "{:?}", step);
        let meant = self.embedded.store().tenants().await.unwrap();
        prop_assert_eq!(meant, self.redis.tenants().await.unwrap(), "{:?}", step);
        self.steps += 1;
        if self.steps.is_multiple_of(WHOLE) {
            self.compare().await?;
        }
        Ok(())
    }

    async fn compare(&self) -> Checked {
        let now = self.embedded.store().now();
        let meant = comparable(self.embedded.store().dump().await.unwrap(), now);
        let kept = comparable(self.redis.dump().await.unwrap(), now);
        // Part by part, or nobody could read what differs.
        macro_rules! same {
            ($($part:ident),*) => { $(prop_assert_eq!(&meant.$part, &kept.$part, "{}", stringify!($part));)* };
        }
        same!(
            tenants,
            accounts,
            counters,
            usage,
            daily,
            users,
            grants,
            admins,
            admin_digests,
            audit,
            refused,
            journal,
            keys,
            digests,
            tasks,
            notes,
            upstreams,
            idempotency,
            repeats,
            due,
            unbound,
            low,
            endpoints,
            events,
            deliveries,
            history,
            queues,
            outbox,
            departed,
            openings,
            platform_loss
        );
        prop_assert_eq!(&meant, &kept);
        let census = self.redis.census().await.unwrap();
        prop_assert_eq!(&self.embedded.store().census().await.unwrap(), &census);
        prop_assert_eq!(census.tenants.len(), meant.accounts.len());
        prop_assert_eq!(&counted(&meant, &census, now), &census);
        let verified = self.redis.verify().await.unwrap();
        prop_assert_eq!(self.embedded.store().verify().await.unwrap(), verified);
        for tenant in meant.tenants.keys() {
            let wrong = self.redis.verify_tenant(tenant).await.unwrap();
            prop_assert_eq!(
                self.embedded.store().verify_tenant(tenant).await.unwrap(),
                wrong
            );
        }
        Ok(())
    }
}

/// Room for whatever there is, in a lane that has any.
fn enough(places: usize) -> usize {
    if places > 0 { 10_000 } else { 0 }
}

/// A census, made by counting all that is kept. What was given back is taken from `known`: the entries that
/// say it leave in time.
fn counted(dump: &Dump, known: &Census, now: Timestamp) -> Census {
    let tenants = known.tenants.iter().map(|sums| {
        let own = |task: &&Task| task.tenant == sums.tenant;
        let in_state = |state: &str| {
            let tasks = dump.tasks.values().filter(own);
            let count = tasks.filter(|task| task.state.name() == state).count();
            u32::try_from(count).unwrap()
        };
        TenantSums {
            account: dump.accounts[&sums.tenant].0,
            open: OpenTasks(OpenTasks::STATES.map(in_state)),
            ..sums.clone()
        }
    });
    let oldest = |wanted: fn(&State) -> bool| {
        let tasks = dump.tasks.values().filter(|task| wanted(&task.state));
        tasks.map(|task| task.created).min()
    };
    let deliveries = |state: DeliveryState| {
        let all = dump.deliveries.values();
        all.filter(move |delivery| delivery.state == state)
    };
    let expiring = dump.tasks.values().filter(|task| {
        let is_left = |ended: Timestamp| now < results::gone_at(ended);
        results::run_out(task) && task.ended.is_some_and(is_left)
    });
    Census {
        tenants: tenants.collect(),
        oldest_unfinished: oldest(|state| !state.is_ended()),
        oldest_unknown: oldest(|state| matches!(state, State::Unknown { .. })),
        deliveries: deliveries(DeliveryState::Pending).count() as u64,
        oldest_delivery: deliveries(DeliveryState::Pending)
            .map(|delivery| delivery.at)
            .min(),
        dead: deliveries(DeliveryState::Dead).count() as u64,
        expiring: expiring.count() as u64,
        platform_loss: dump.platform_loss,
    }
}

/// Less what the engines are free to do in their own way: how they number the audit trail, and when they
/// forget what means nothing any more.
fn comparable(mut dump: Dump, now: Timestamp) -> Dump {
    let over = |until: Option<Timestamp>| until.is_some_and(|until| until < now);
    dump.idempotency.retain(|_, record| !over(record.until));
    dump.repeats.retain(|_, record| !over(record.until));
    let oldest = day(now).saturating_sub(KEPT);
    dump.daily.retain(|(_, day, _), _| *day >= oldest);
    for entry in &mut dump.audit {
        entry.seq = 0;
    }
    dump.audit
        .sort_by_key(|entry| (entry.at, format!("{entry:?}")));
    dump
}

fn config() -> ProptestConfig {
    let cases = std::env::var("EVOGATE_STORE_ALIKE").ok();
    ProptestConfig {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(CASES),
        source_file: Some(file!()),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("seeds"))),
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    }
}

#[test]
fn both_engines_answer_the_same_and_keep_the_same() {
    let server = Server::with(Options::default().fsync(Fsync::NoAof));
    let commands = (
        prop::collection::vec(command(), 1..LENGTH),
        prop_oneof![Just(1_u16), Just(3_u16)],
    );
    let outcome = TestRunner::new(config()).run(&commands, |(commands, shards)| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new(&server, shards).await;
            for command in prologue().into_iter().chain(commands) {
                pair.command(command).await?;
            }
            pair.compare().await?;
            pair.embedded.close().await;
            pair.redis.close().await;
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
