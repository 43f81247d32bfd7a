//! Whatever a store has been through, its export makes the same books in an empty store: of the other
//! engine, and of another number of shards.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use evogate_models::Timestamp;
use evogate_redis_kit::{Fsync, Options, Server};
use evogate_store::dump::Dump;
use evogate_store::ledger::Line;
use evogate_store::ledger::export::export;
use evogate_store::ledger::import::{Imported, Importer};
use evogate_store::ledger::read::Reader;
use evogate_store::usage::{KEPT, day};
use evogate_store::{
    Census, Clock, ImportError, LinkOptions, ManualClock, Store, Submit, SystemRandom,
};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

use crate::kit::cast::Cast;
use crate::kit::command::{Command, command, prologue};
use crate::kit::step::Step;
use crate::kit::{Place, admin, bind, demo, intent, news, tenant};

const CASES: u32 = 30;
const LENGTH: usize = 120;

pub(crate) fn server() -> Server {
    Server::with(Options::default().fsync(Fsync::NoAof))
}

/// An empty store on the server, in so many shards.
pub(crate) async fn redis(server: &Server, shards: u16, clock: &Arc<ManualClock>) -> Store {
    let _: String = server.command(&["FLUSHALL"]);
    let options = LinkOptions::new(Duration::from_secs(5));
    let (url, clock) = (server.url().parse().unwrap(), Arc::clone(clock));
    let clock: Arc<dyn Clock> = clock;
    Store::redis(&url, &options, shards, Some(clock), Arc::new(SystemRandom))
        .await
        .unwrap()
}

/// What the store exports, as text.
pub(crate) async fn exported(store: &Store) -> Vec<Vec<u8>> {
    let (out, mut pages) = mpsc::channel(4);
    let read = async {
        let mut lines: Vec<Line> = Vec::new();
        while let Some(page) = pages.recv().await {
            lines.extend(page);
        }
        lines
    };
    let write = async {
        let done = export(store, &out).await;
        drop(out);
        done
    };
    let (done, lines) = tokio::join!(write, read);
    done.unwrap();
    lines
        .iter()
        .map(|line| serde_json::to_vec(line).unwrap())
        .collect()
}

pub(crate) async fn import(store: &Store, lines: &[Vec<u8>]) -> Result<Imported, ImportError> {
    let mut importer = Importer::new(store.clone(), admin()).await?;
    for line in lines {
        importer.line(line).await?;
    }
    Ok(importer.end()?)
}

/// Less what an export leaves out: the audit trail, refused submits, webhooks on their way, requests that
/// are found again without a key; and what means nothing any more.
fn kept(mut dump: Dump, now: Timestamp) -> Dump {
    dump.audit.clear();
    dump.refused.clear();
    dump.events.clear();
    dump.deliveries.clear();
    dump.history.clear();
    dump.outbox.clear();
    dump.queues.clear();
    dump.repeats.clear();
    let over = |until: Option<Timestamp>| until.is_some_and(|until| until < now);
    dump.idempotency.retain(|_, record| !over(record.until));
    let oldest = day(now).saturating_sub(KEPT);
    dump.daily.retain(|(_, day, _), _| *day >= oldest);
    dump
}

async fn same(one: &Store, other: &Store) -> Result<(), TestCaseError> {
    // Deliveries stay where they are.
    let census = |census: Census| Census {
        deliveries: 0,
        oldest_delivery: None,
        dead: 0,
        ..census
    };
    let counted = census(one.census().await.unwrap());
    prop_assert_eq!(&counted, &census(other.census().await.unwrap()));
    let now = one.now();
    let one = kept(one.dump().await.unwrap(), now);
    let kept = kept(other.dump().await.unwrap(), now);
    macro_rules! same {
        ($($part:ident),*) => { $(prop_assert_eq!(&one.$part, &kept.$part, "{}", stringify!($part));)* };
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
        journal,
        keys,
        digests,
        tasks,
        notes,
        upstreams,
        idempotency,
        due,
        unbound,
        low,
        endpoints,
        departed,
        openings,
        platform_loss
    );
    prop_assert_eq!(&one, &kept);
    prop_assert_eq!(other.verify().await.unwrap().violations, []);
    Ok(())
}

async fn live(store: &Store, clock: &ManualClock, commands: Vec<Command>) {
    let mut cast = Cast::default();
    for command in prologue().into_iter().chain(commands) {
        let Some(step) = cast.step(command, store.now()) else {
            continue;
        };
        if let Step::Wait(span) = step {
            clock.advance(span);
        } else {
            cast.heard(&step.run(store).await);
        }
    }
}

#[test]
fn an_export_makes_the_same_books_in_the_other_engine_and_in_other_shards() {
    let server = server();
    let config = ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 500,
        ..ProptestConfig::default()
    };
    let histories = (prop::collection::vec(command(), 1..LENGTH), any::<bool>());
    let outcome = TestRunner::new(config).run(&histories, |(commands, on_redis)| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut place = Place::quick();
            let clock = Arc::clone(&place.clock);
            if on_redis {
                let life = redis(&server, 2, &clock).await;
                live(&life, &clock, commands).await;
                import(place.store(), &exported(&life).await).await.unwrap();
                same(&life, place.store()).await?;
                life.close().await;
            } else {
                live(place.store(), &clock, commands).await;
                let moved = redis(&server, 3, &clock).await;
                let lines = exported(place.store()).await;
                import(&moved, &lines).await.unwrap();
                same(place.store(), &moved).await?;
                moved.close().await;
            }
            // Once more, from what was imported: also from Redis to Redis.
            let other = redis(&server, 5, &clock).await;
            import(&other, &exported(place.store()).await)
                .await
                .unwrap();
            same(place.store(), &other).await?;
            let lines = exported(&other).await;
            other.close().await;
            let last = redis(&server, 1, &clock).await;
            import(&last, &lines).await.unwrap();
            same(place.store(), &last).await?;
            last.close().await;
            place.close().await;
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[tokio::test]
async fn an_open_task_ends_where_it_was_imported() {
    let server = server();
    let place = Place::quick_with_credits(100).await;
    let task = place.submit(intent(1, "a")).await.task;
    let task = place
        .turn(&task.id, bind(&task, "up-1", "processing"))
        .await;
    let moved = redis(&server, 4, &place.clock).await;
    import(&moved, &exported(place.store()).await)
        .await
        .unwrap();
    let owner = moved.owner(task.upstream.as_ref().unwrap()).await.unwrap();
    assert_eq!(owner, Some((demo(), task.id.clone())));
    for _ in 0..2 {
        let done = moved
            .turn(&demo(), &task.id, news(&task, "completed"))
            .await;
        let account = done.unwrap().account;
        assert_eq!((account.held.micro(), account.spent), (0, task.hold));
    }
    assert_eq!(moved.verify().await.unwrap().violations, []);
}

#[tokio::test]
async fn an_export_of_a_tenant_that_goes_on_working_adds_up() {
    let server = server();
    let place = Place::quick_with_credits(100_000).await;
    let embedded = place.store().clone();
    let redis = redis(&server, 1, &place.clock).await;
    import(&redis, &exported(&embedded).await).await.unwrap();
    for store in [embedded, redis] {
        let works = AtomicBool::new(true);
        let work = async {
            for n in 0..150 {
                let submit = Submit {
                    intent: intent(n, &n.to_string()),
                    policy: None,
                    may_create: true,
                };
                let task = store.submit(submit).await.unwrap().task;
                let bound = bind(&task, &format!("up-{n}"), "processing");
                let task = store.turn(&demo(), &task.id, bound).await.unwrap().task;
                if n % 3 != 0 {
                    let end = news(&task, "completed");
                    store.turn(&demo(), &task.id, end).await.unwrap();
                }
            }
            works.store(false, Relaxed);
        };
        let look = async {
            let mut looks = 0;
            while works.load(Relaxed) || looks == 0 {
                let mut reader = Reader::default();
                for line in exported(&store).await {
                    reader.line(&line).unwrap();
                }
                reader.end().unwrap();
                looks += 1;
            }
        };
        tokio::join!(work, look);
    }
}

#[tokio::test]
async fn an_import_is_never_written_over_anything() {
    let server = server();
    let place = Place::quick_with_credits(100).await;
    let lines = exported(place.store()).await;
    let again = import(place.store(), &lines).await;
    assert_eq!(again, Err(ImportError::NotEmpty));
    let moved = redis(&server, 1, &place.clock).await;
    moved
        .create_tenant(tenant("other"), &admin())
        .await
        .unwrap();
    assert_eq!(import(&moved, &lines).await, Err(ImportError::NotEmpty));
}

#[tokio::test]
async fn what_was_cut_or_changed_is_refused_with_its_line_and_a_broken_off_import_is_known() {
    let server = server();
    let place = Place::quick_with_credits(100).await;
    let lines = exported(place.store()).await;
    let cut = &lines[..lines.len() - 1];
    let mut changed = lines.clone();
    let at = changed
        .iter()
        .position(|line| line.starts_with(b"{\"record\":\"entry\""))
        .unwrap();
    changed.remove(at);
    let empty = Place::quick();
    let moved = redis(&server, 1, &place.clock).await;
    for store in [empty.store(), &moved] {
        let Err(ImportError::Fault(fault)) = import(store, &changed).await else {
            panic!("books that don't add up were taken");
        };
        assert_eq!(fault.line, at as u64 + 1, "{fault}");
        assert_eq!(store.tenants().await.unwrap(), []);
        let Err(ImportError::Fault(fault)) = import(store, cut).await else {
            panic!("a cut file was taken");
        };
        assert_eq!(fault.line, lines.len() as u64);
        assert_eq!(import(store, &lines).await, Err(ImportError::BrokenOff));
    }
}
