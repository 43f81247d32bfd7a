//! A Redis Cluster: which server has which slot, and the calls sent there.
//!
//! The library's own cluster connection sends a call again by itself when the connection was lost
//! under it, and goes on asking a server that hangs. Here a call is sent again only when the server
//! said that it was not taken, and every failure is a reason to look at the cluster anew.

mod map;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{Pipeline, Value};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use self::map::Map;
use super::super::url::Address;
use super::dial::{Dial, said};
use super::node::{Node, Way};
use super::reply;
use super::script::Call;
use super::work::Work;
use crate::error::StoreError;

/// How often the cluster is looked at when nothing is wrong.
const CALM: Duration = Duration::from_secs(15);
/// How often when something is: this first, then twice as long each time, up to the second.
const ALARMED: Duration = Duration::from_millis(250);
const LONGEST_ALARMED: Duration = Duration::from_secs(1);
/// A slot on the move is asked for again after this long.
const ON_THE_MOVE: Duration = Duration::from_millis(20);
/// A call that was sent elsewhere this often is given up.
const REDIRECTS: usize = 8;

/// A Cluster.
pub(super) struct Cluster {
    seeds: Vec<Address>,
    dial: Dial,
    /// Whether changes wait for the disk.
    fenced: bool,
    work: Work,
    /// How long a server may take to say what the cluster looks like.
    within: Duration,
    map: watch::Sender<Arc<Map>>,
    nodes: Mutex<HashMap<Address, Node>>,
    wrong: Notify,
    /// Why nothing is known of the cluster, if that is so.
    fault: Mutex<Option<String>>,
}

impl Cluster {
    pub(super) fn open(
        seeds: Vec<Address>,
        dial: Dial,
        within: Duration,
        fenced: bool,
        work: &Work,
    ) -> Arc<Self> {
        let cluster = Arc::new(Self {
            seeds,
            dial,
            fenced,
            work: work.clone(),
            within,
            map: watch::Sender::new(Arc::default()),
            nodes: Mutex::default(),
            wrong: Notify::new(),
            fault: Mutex::default(),
        });
        work.spawn(Arc::clone(&cluster).watch());
        cluster
    }

    /// Every primary.
    pub(super) async fn primaries(
        &self,
        until: Instant,
    ) -> Result<Vec<(Address, Node)>, StoreError> {
        let map = self.known(until).await?;
        Ok(map
            .primaries
            .iter()
            .map(|address| (address.clone(), self.node(address)))
            .collect())
    }

    /// Sends a call to the server that has its slot.
    pub(super) async fn call(&self, call: &Call<'_>, until: Instant) -> Result<Value, StoreError> {
        let map = self.known(until).await?;
        let address = match call.slot() {
            Some(slot) => map.slots.get(&slot),
            None => map.primaries.first(),
        };
        let Some(mut address) = address.cloned() else {
            self.wrong.notify_one();
            return Err(StoreError::Unavailable(
                "no server of the Redis Cluster has the slot".into(),
            ));
        };
        let (mut asking, mut load) = (false, false);
        let mut last = None;
        for _ in 0..REDIRECTS {
            let node = self.node(&address);
            let mut commands = Pipeline::new();
            if asking {
                commands.cmd("ASKING");
            }
            commands.add_command(call.command(load));
            let connection = node.connection(until).await;
            let connection = connection.inspect_err(|_| self.wrong.notify_one())?;
            let answers = connection.call(&commands, until).await;
            let answer = answers.inspect_err(|_| self.wrong.notify_one())?.pop();
            let answer = answer.unwrap_or_default();
            asking = false;
            let target = reply::target(&answer)
                .and_then(|target| Address::named_by_server(target, &address.host));
            match (reply::code(&answer), target) {
                (Some("NOSCRIPT"), _) if !load => load = true,
                (Some("MOVED"), Some(target)) => {
                    self.moved(call, &target);
                    address = target;
                }
                (Some("ASK"), Some(target)) => {
                    address = target;
                    asking = true;
                }
                (Some("TRYAGAIN"), _) => sleep(ON_THE_MOVE).await,
                (Some("READONLY" | "CLUSTERDOWN" | "MASTERDOWN" | "LOADING"), _) => {
                    self.wrong.notify_one();
                    return reply::read(answer);
                }
                _ => {
                    let answer = reply::read(answer)?;
                    if call.writes() {
                        node.written(&connection, call).await?;
                    }
                    return Ok(answer);
                }
            }
            last = Some(answer);
        }
        reply::read(last.unwrap_or_default())
    }

    /// Notes where a slot is now, until the whole is looked at, which is soon.
    fn moved(&self, call: &Call<'_>, to: &Address) {
        if let Some(slot) = call.slot() {
            self.map.send_modify(|map| {
                Arc::make_mut(map).slots.insert(slot, to.clone());
            });
        }
        self.wrong.notify_one();
    }

    fn node(&self, address: &Address) -> Node {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let way = Way::Address(address.clone(), self.dial.clone());
            Node::open(way, self.fenced, &self.work)
        };
        nodes.entry(address.clone()).or_insert_with(make).clone()
    }

    async fn known(&self, until: Instant) -> Result<Arc<Map>, StoreError> {
        let mut map = self.map.subscribe();
        loop {
            let now = Arc::clone(&map.borrow_and_update());
            if !now.primaries.is_empty() {
                return Ok(now);
            }
            if let Some(why) = self.fault().clone() {
                return Err(StoreError::Unavailable(why));
            }
            let waited = timeout_at(until, map.changed()).await;
            if !matches!(waited, Ok(Ok(()))) {
                let why = "nothing is known of the Redis Cluster yet";
                return Err(StoreError::Unavailable(why.into()));
            }
        }
    }

    fn fault(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the cluster now and then, and soon when something is wrong.
    async fn watch(self: Arc<Self>) {
        let mut turn = 0;
        let mut pause = ALARMED;
        loop {
            let seen = self.look(turn).await;
            turn = turn.wrapping_add(1);
            let calm = match seen {
                Ok(()) => {
                    *self.fault() = None;
                    let map = self.map.borrow().clone();
                    map.primaries
                        .iter()
                        .all(|address| self.node(address).is_up())
                }
                Err(why) => {
                    *self.fault() = Some(why);
                    // Whoever waits for the first map learns that there is none.
                    self.map.send_modify(|_| {});
                    false
                }
            };
            if calm {
                pause = ALARMED;
                let _ = timeout(CALM, self.wrong.notified()).await;
            }
            // Many calls fail at the same time, and one look is enough for all.
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_ALARMED);
        }
    }

    /// Asks one server after the other, in another order each `turn`, what the cluster looks like.
    async fn look(&self, turn: usize) -> Result<(), String> {
        let map = self.map.borrow().clone();
        let mut asked = HashSet::new();
        let mut primaries = map.primaries.clone();
        if !primaries.is_empty() {
            let first = turn % primaries.len();
            primaries.rotate_left(first);
        }
        let mut faults = Vec::new();
        for address in primaries.iter().chain(&map.replicas).chain(&self.seeds) {
            if !asked.insert(address) {
                continue;
            }
            match self.ask(address).await {
                Ok(map) => {
                    self.take(map);
                    return Ok(());
                }
                Err(why) => faults.push(why),
            }
        }
        Err(format!(
            "no server of the Redis Cluster says what it looks like: {}",
            faults.join("; ")
        ))
    }

    async fn ask(&self, address: &Address) -> Result<Map, String> {
        let question = redis::cmd("CLUSTER").arg("SLOTS").take();
        let answer = timeout(self.within, async {
            let mut dialled = self.dial.address(address).await?;
            let answer = dialled.ask(&question).await;
            answer.map_err(|why| format!("{address}: {why}"))
        });
        let answer = answer
            .await
            .map_err(|_| format!("{address}: no answer in time"))??;
        match answer {
            Value::Array(ranges) => Map::read(&ranges, &address.host)
                .ok_or_else(|| format!("{address}: no slots have a server yet")),
            Value::ServerError(error) => Err(format!("{address}: {}", said(&error))),
            _ => Err(format!("{address}: an answer that is none")),
        }
    }

    fn take(&self, map: Map) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.retain(|address, _| map.primaries.contains(address));
        drop(nodes);
        for address in &map.primaries {
            self.node(address);
        }
        self.map.send_replace(Arc::new(map));
    }
}
