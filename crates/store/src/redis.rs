//! The Redis engine: any number of gateways on one Redis (standalone, Sentinel or Cluster).
//!
//! A rule is asked here, in `evogate_models::life`, on the task as it was read; a script then stores the
//! turn if the task still has the version that it was made from, in one atomic step with account, journal,
//! timeline, keys and counters. So the rules exist once. What many submits of one tenant contend for, the
//! admission to a hold, is reckoned by the script itself (`lua/submit.lua`), from the numbers of the quota;
//! the script also does the sums of the account, so that tasks don't wait for each other.
//!
//! Every mutation can be sent twice and is applied once: by the task's version, by the number of the
//! operation, or since it compares what it replaces. None is applied later than [`VALID_FOR`] after it was
//! made, so that what was given up is never done after all.

mod admin;
mod audit;
mod back;
mod census;
mod claims;
mod deliveries;
mod due;
mod dump;
pub(crate) mod durability;
mod endpoints;
mod import;
mod journal;
mod key;
mod keys;
mod leave;
mod ledger;
pub(crate) mod link;
mod outbox;
mod pack;
mod plan;
mod query;
mod reply;
mod script;
mod stored;
mod submit;
mod turn;
pub(crate) mod url;
mod usage;
mod verify;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use evogate_models::delivery::Claim;
use evogate_models::time::millis;
use evogate_models::{Millis, TaskId, TenantId, Timestamp};
use moka::sync::Cache;
use tokio::sync::{Notify, watch};

use crate::clock::{Clock, Random};
use crate::durability::Durability;
use crate::error::StoreError;
use crate::examine::RedisSeen;
use crate::record::{KeyRecord, Tenant};
use key::Layout;
use link::{Link, Script};
use pack::corrupt;
use plan::Arguments;
use reply::Reply;
use stored::Stored;

/// The format of what is in the store; what is in another one is left alone.
const FORMAT: &str = "2";
/// How many records are read in one round trip.
const CHUNK: usize = 500;
/// How long after it was made a mutation may still be applied.
const VALID_FOR: Millis = 1_500;

/// How long a key is taken for what it was, so that a request does not wait for it to be looked up.
const TRUSTED: Duration = Duration::from_secs(1);
/// A call that was lost within this time is worth sending again.
const SOON: Duration = Duration::from_millis(200);

/// See the module.
pub(crate) struct Redis {
    link: Link,
    /// A change is answered when it is on the server's disk.
    wait_aof: bool,
    layout: Layout,
    time: Time,
    random: Arc<dyn Random>,
    /// Tenants as they were seen last: the script that takes a hold says when they are old.
    policies: Cache<TenantId, Tenant>,
    /// Tasks that this replica wrote last, so that a submit is not read again before it is bound.
    recent: Cache<TaskId, Arc<Stored>>,
    /// Tenants' endpoints as they were seen last: the scripts say when they are old.
    subscriptions: Cache<TenantId, Arc<endpoints::Endpoints>>,
    /// Keys by the digests of their secrets, for [`TRUSTED`].
    credentials: Cache<[u8; 32], KeyRecord>,
    /// What was seen of the store's past.
    past: back::Past,
    /// Deliveries that this replica has claimed, until it records what came of them.
    in_hand: Cache<Claim, outbox::Found>,
    /// Where something became due for a worker.
    told: claims::Told,
    /// Told when a queue of deliveries may have become due earlier than before.
    outbox: Arc<Notify>,
}

/// Where the time comes from.
enum Time {
    /// The server's clock, by how far it is ahead of this process's monotonic one, in milliseconds.
    Server(Instant, AtomicI64),
    /// A clock of the tests; no call is too old then.
    Given(Arc<dyn Clock>),
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis")
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

impl Redis {
    /// On `link`, on which everything lives in so many shards: the number is set by who comes first.
    /// `clock` is for tests; otherwise the server's clock counts.
    pub(crate) async fn open(
        link: Link,
        wait_aof: bool,
        shards: u16,
        clock: Option<Arc<dyn Clock>>,
        random: Arc<dyn Random>,
        outbox: Arc<Notify>,
    ) -> Result<Self, StoreError> {
        let time = match clock {
            Some(clock) => Time::Given(clock),
            None => Time::Server(Instant::now(), AtomicI64::new(0)),
        };
        let redis = Self {
            link,
            wait_aof,
            layout: Layout { shards },
            past: back::Past::new(Layout { shards }),
            time,
            random,
            policies: Cache::builder()
                .max_capacity(10_000)
                .time_to_idle(Duration::from_mins(10))
                .build(),
            recent: Cache::builder()
                .max_capacity(2_000)
                .time_to_idle(Duration::from_mins(1))
                .build(),
            credentials: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(TRUSTED)
                .build(),
            subscriptions: Cache::builder()
                .max_capacity(10_000)
                .time_to_idle(Duration::from_mins(10))
                .build(),
            in_hand: Cache::builder()
                .max_capacity(2_000)
                .time_to_live(Duration::from_mins(5))
                .build(),
            told: claims::Told::default(),
            outbox,
        };
        redis.check_layout().await?;
        redis.sync_time().await?;
        Ok(redis)
    }

    /// The store is laid out once; another number of shards would not find what is there.
    async fn check_layout(&self) -> Result<(), StoreError> {
        let own = format!("{FORMAT} {}", self.layout.shards);
        let mut set = redis::cmd("SET");
        set.arg(key::layout()).arg(&own).arg("NX").arg("GET");
        let there = reply::maybe(self.link.command(set).await?)?;
        match there {
            Some(there) if there != own.as_bytes() => {
                let there = String::from_utf8_lossy(&there).into_owned();
                let (format, shards) = there.split_once(' ').unwrap_or((there.as_str(), "other"));
                if format != FORMAT {
                    return Err(corrupt(format_args!(
                        "its records are in format {format}, this version of Evogate knows format {FORMAT}: \
                         export it with the version that wrote it, and import it into an empty one"
                    )));
                }
                Err(corrupt(format_args!(
                    "it has {shards} shards, store.shards says {}: the number changes only by export and import",
                    self.layout.shards
                )))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        match &self.time {
            Time::Given(clock) => clock.now(),
            Time::Server(start, ahead) => {
                let passed = millis(start.elapsed());
                Timestamp::from_millis(ahead.load(Ordering::Relaxed).saturating_add(passed))
            }
        }
    }

    /// The server said what time it is.
    fn heard_time(&self, now: Millis) {
        if let Time::Server(start, ahead) = &self.time {
            ahead.store(
                now.saturating_sub(millis(start.elapsed())),
                Ordering::Relaxed,
            );
        }
    }

    /// Asks the server for its time.
    pub(crate) async fn sync_time(&self) -> Result<(), StoreError> {
        let Time::Server(start, _) = &self.time else {
            return Ok(());
        };
        let asked = start.elapsed();
        let now = server_time(&self.link).await?;
        // It was asked in the middle between the call and its answer.
        let on_the_way = start.elapsed().saturating_sub(asked) / 2;
        self.heard_time(now.saturating_add(millis(on_the_way)));
        Ok(())
    }

    fn valid_for(&self) -> Millis {
        match self.time {
            Time::Given(_) => 0,
            Time::Server(..) => VALID_FOR,
        }
    }

    /// A number by which a mutation is known again. Positive, and exact in Lua.
    fn operation(&self) -> i64 {
        let bits = i64::try_from(self.random.bits() & ((1 << 52) - 1)).unwrap_or(0);
        bits.saturating_add(1)
    }

    /// Runs a script that knows its own operation again: one whose answer was lost with its connection is
    /// sent once more. One that was not answered in time is not: its caller has waited long enough.
    async fn run(&self, script: &'static Script, call: &Arguments) -> Result<Reply, StoreError> {
        self.run_twice(script, call).await.map(|(reply, _)| reply)
    }

    /// The same, and says whether it was sent more than once.
    async fn run_twice(
        &self,
        script: &'static Script,
        call: &Arguments,
    ) -> Result<(Reply, bool), StoreError> {
        let begun = Instant::now();
        match self.link.script(script, &call.keys, &call.args).await {
            Err(StoreError::Unanswered(_)) if begun.elapsed() < SOON => {
                let again = self.link.script(script, &call.keys, &call.args).await;
                match again {
                    Ok(value) => Ok((Reply::read(value)?, true)),
                    // What became of the first one is not known.
                    Err(error) => Err(StoreError::Unanswered(error.to_string())),
                }
            }
            Err(error) => Err(error),
            Ok(value) => Ok((Reply::read(value)?, false)),
        }
    }

    /// Runs independent commands in one round trip; the first that fails fails them all.
    async fn all(&self, commands: Vec<redis::Cmd>) -> Result<Vec<redis::Value>, StoreError> {
        let calls = commands.into_iter().map(link::Call::Command).collect();
        self.link.pipeline(calls).await.into_iter().collect()
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.sync_time().await?;
        self.link.command(redis::cmd("PING")).await.map(drop)
    }

    /// What the servers can lose, asked now.
    pub(crate) async fn durability(&self) -> Durability {
        durability::check(&self.link, self.wait_aof).await
    }

    /// Counts the connections that were made.
    pub(crate) fn connections(&self) -> watch::Receiver<u64> {
        self.link.connections()
    }

    pub(crate) async fn close(&self) {
        self.link.close().await;
    }
}

/// The time on the server's clock, in milliseconds.
async fn server_time(link: &Link) -> Result<Millis, StoreError> {
    let time = link.command(redis::cmd("TIME")).await?;
    let time = reply::texts(time)?;
    let part = |n: usize| -> Result<i64, StoreError> {
        let part = time.get(n).ok_or_else(|| corrupt("no time"))?;
        String::from_utf8_lossy(part).parse().map_err(corrupt)
    };
    let seconds = part(0)?.saturating_mul(1000);
    Ok(seconds.saturating_add(part(1)? / 1000))
}

/// The number of shards in a layout (`1 16`).
fn shards_of(layout: &[u8]) -> Option<u16> {
    let layout = std::str::from_utf8(layout).ok()?;
    layout.split(' ').nth(1)?.parse().ok()
}

/// What the servers behind `link` show, without anything being written to them.
pub(crate) async fn examine(link: &Link, wait_aof: bool) -> Result<RedisSeen, StoreError> {
    let now = server_time(link).await?;
    let mut get = redis::cmd("GET");
    get.arg(key::layout());
    let layout = reply::maybe(link.command(get).await?)?;
    Ok(RedisSeen {
        durability: durability::check(link, wait_aof).await,
        shards: layout.as_deref().and_then(shards_of),
        now: Timestamp::from_millis(now),
    })
}
