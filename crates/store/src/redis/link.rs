//! The one way to Redis: one server, Sentinel or Cluster, from the URL alone.
//!
//! Every call ends within the time-out. Its error says which of the two it was: surely not applied
//! ([`StoreError::Unavailable`], or [`StoreError::Refused`] for an error reply about the call itself),
//! or sent and not answered ([`StoreError::Unanswered`]): it may have been applied, or may still be.
//! Nothing is sent again by itself, except where the server said that it did not take it.

mod cluster;
mod dial;
mod fence;
mod node;
mod reply;
mod script;
mod sentinel;
mod tls;
mod work;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use redis::{Cmd, Pipeline, Value};
use tokio::sync::watch;
use tokio::time::Instant;

use self::cluster::Cluster;
use self::dial::Dial;
use self::node::{Node, Way};
pub(crate) use self::script::{Call, Script};
use self::sentinel::Sentinels;
use self::work::Work;
use super::url::{Place, RedisUrl};
use crate::error::StoreError;
use crate::lane::Lanes;

/// How long things may take.
#[derive(Debug, Clone)]
pub struct LinkOptions {
    /// The most that one call takes, with all that belongs to it.
    pub timeout: Duration,
    /// The most that one attempt to connect takes, sign-in included. Shorter than `timeout`, so that
    /// a call learns why there is no connection.
    pub connect_timeout: Duration,
    /// Whether what changes something is answered only when it is on the disk of the server
    /// (`WAITAOF`, Redis 7.2 and newer). That takes up to two seconds more where the append-only file is
    /// written through every second; what takes longer is [`StoreError::Unanswered`].
    pub wait_aof: bool,
}

impl LinkOptions {
    /// Calls that take `timeout` at most.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            connect_timeout: timeout * 5 / 8,
            wait_aof: false,
        }
    }
}

/// The way to Redis. Cheap to clone; its connections end with the last clone, or with [`Link::close`].
#[derive(Clone)]
pub(crate) struct Link {
    inner: Arc<Inner>,
}

struct Inner {
    kind: Kind,
    work: Work,
    timeout: Duration,
    url: RedisUrl,
}

enum Kind {
    /// One server, or whichever is the primary of a Sentinel group.
    One(One),
    Cluster(Arc<Cluster>),
}

/// One server, with a connection for each lane.
struct One {
    way: Way,
    fenced: bool,
    nodes: Lanes<Node>,
}

impl One {
    fn open(way: Way, fenced: bool, work: &Work) -> Self {
        let nodes = Lanes::with(Node::open(way.clone(), fenced, work));
        Self { way, fenced, nodes }
    }

    fn node(&self, work: &Work) -> &Node {
        self.nodes
            .get(|| Node::open(self.way.clone(), self.fenced, work))
    }
}

impl Link {
    /// A way to `url`. It asks nothing of Redis yet, so that it succeeds with Redis down; it fails on
    /// certificate files that can't be used. To be called inside a tokio runtime.
    pub(crate) fn open(url: &RedisUrl, options: &LinkOptions) -> Result<Self, StoreError> {
        let tls = url.encrypted.then(|| tls::config(&url.files)).transpose();
        let tls = tls.map_err(StoreError::Unavailable)?;
        let within = options.connect_timeout;
        let work = Work::new();
        let fenced = options.wait_aof;
        let dial = Dial::new(&url.login, url.database, tls.clone(), within).identifying(fenced);
        let kind = match &url.place {
            Place::Server(address) => Kind::One(One::open(
                Way::Address(address.clone(), dial),
                fenced,
                &work,
            )),
            Place::Socket(path) => {
                Kind::One(One::open(Way::Socket(path.clone(), dial), fenced, &work))
            }
            Place::Sentinel { sentinels, primary } => {
                // One step of three: ask where the primary is, connect, ask what it is.
                let step = within / 2;
                let sentinels = Sentinels::new(
                    sentinels.clone(),
                    primary.clone(),
                    Dial::new(&url.sentinel_login, 0, tls, step),
                    dial,
                    step,
                );
                let way = Way::Sentinel(Arc::new(sentinels));
                Kind::One(One::open(way, fenced, &work))
            }
            Place::Cluster(seeds) => {
                let cluster = Cluster::open(seeds.clone(), dial, within, fenced, &work);
                Kind::Cluster(cluster)
            }
        };
        Ok(Self {
            inner: Arc::new(Inner {
                kind,
                work,
                timeout: options.timeout,
                url: url.clone(),
            }),
        })
    }

    /// Whether it is a Cluster: what is in different slots can't be asked for in one command there.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.inner.kind, Kind::Cluster(_))
    }

    /// Whether a replica takes over by itself when a primary ends.
    pub(crate) fn fails_over(&self) -> bool {
        self.inner.url.fails_over()
    }

    /// Counts the connections that were made, to any server: a change means that what answers may be
    /// another server than before, or the same one started again.
    pub(crate) fn connections(&self) -> watch::Receiver<u64> {
        self.inner.work.connections()
    }

    /// Waits until every primary can be asked, for as long as a call may take.
    #[cfg(test)]
    pub(crate) async fn ready(&self) -> Result<(), StoreError> {
        let until = self.until();
        match &self.inner.kind {
            Kind::One(one) => one.node(&self.inner.work).connection(until).await.map(drop),
            Kind::Cluster(cluster) => {
                for (_, node) in cluster.primaries(until).await? {
                    node.connection(until).await?;
                }
                Ok(())
            }
        }
    }

    /// Runs a script, by its digest; where the server does not know it yet, once more by its source.
    pub(crate) async fn script(
        &self,
        script: &'static Script,
        keys: &[Vec<u8>],
        arguments: &[Vec<u8>],
    ) -> Result<Value, StoreError> {
        self.call(Call::Script(script, keys.into(), arguments.into()))
            .await
    }

    /// Runs a plain command, where its first argument says (in a Cluster, that is its key).
    pub(crate) async fn command(&self, command: Cmd) -> Result<Value, StoreError> {
        self.call(Call::Command(command)).await
    }

    /// Runs one call.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Value, StoreError> {
        let mut answers = self.pipeline(vec![call]).await;
        answers.pop().unwrap_or_else(|| Err(no_answer()))
    }

    /// Runs independent calls together: in one round trip, or, in a Cluster, at the same time. One
    /// answer for each, in their order; some may fail, and others not.
    pub(crate) async fn pipeline(&self, calls: Vec<Call<'_>>) -> Vec<Result<Value, StoreError>> {
        if calls.is_empty() {
            // Nobody would answer to nothing.
            return Vec::new();
        }
        let until = self.until();
        match &self.inner.kind {
            Kind::Cluster(cluster) => {
                join_all(calls.iter().map(|call| cluster.call(call, until))).await
            }
            Kind::One(one) => together(one.node(&self.inner.work), &calls, until).await,
        }
    }

    /// Asks every primary the same, and says which answered what.
    pub(crate) async fn each_primary(
        &self,
        command: &Cmd,
    ) -> Result<Vec<(String, Result<Value, StoreError>)>, StoreError> {
        let until = self.until();
        let nodes = match &self.inner.kind {
            Kind::One(one) => vec![one.node(&self.inner.work).clone()],
            Kind::Cluster(cluster) => {
                let primaries = cluster.primaries(until).await?;
                primaries.into_iter().map(|(_, node)| node).collect()
            }
        };
        let mut pipeline = Pipeline::new();
        pipeline.add_command(command.clone());
        let asked = nodes.iter().map(async |node| {
            let connection = node.connection(until).await?;
            let answer = connection.call(&pipeline, until).await;
            let answer =
                answer.and_then(|mut answers| reply::read(answers.pop().ok_or_else(no_answer)?));
            Ok((connection.name().to_owned(), answer))
        });
        join_all(asked).await.into_iter().collect()
    }

    /// Ends every connection and waits for what runs in the background. Later calls fail.
    pub(crate) async fn close(&self) {
        self.inner.work.ended().await;
    }

    fn until(&self) -> Instant {
        Instant::now() + self.inner.timeout
    }
}

/// Runs calls in one round trip, and those whose script is not known in a second one.
async fn together(
    node: &Node,
    calls: &[Call<'_>],
    until: Instant,
) -> Vec<Result<Value, StoreError>> {
    let send = async |connection: &node::Connection, calls: Vec<&Call<'_>>, load: bool| {
        let mut commands = Pipeline::with_capacity(calls.len());
        for call in calls {
            commands.add_command(call.command(load));
        }
        connection.call(&commands, until).await
    };
    let all = |error: StoreError| calls.iter().map(|_| Err(error.clone())).collect();
    let connection = match node.connection(until).await {
        Ok(connection) => connection,
        Err(error) => return all(error),
    };
    let mut answers = match send(&connection, calls.iter().collect(), false).await {
        Ok(answers) => answers,
        Err(error) => return all(error),
    };
    let unknown: Vec<usize> = (0..answers.len())
        .filter(|at| answers.get(*at).and_then(reply::code) == Some("NOSCRIPT"))
        .collect();
    let mut failed = None;
    if !unknown.is_empty() {
        let again = unknown.iter().filter_map(|at| calls.get(*at)).collect();
        match send(&connection, again, true).await {
            Ok(loaded) => {
                for (at, answer) in unknown.iter().zip(loaded) {
                    if let Some(slot) = answers.get_mut(*at) {
                        *slot = answer;
                    }
                }
            }
            Err(error) => failed = Some(error),
        }
    }
    // A server that was demoted, or is behind an address that now leads elsewhere.
    if answers
        .iter()
        .any(|answer| reply::code(answer) == Some("READONLY"))
    {
        connection.retire();
    }
    let read = |(at, answer)| match &failed {
        Some(error) if unknown.contains(&at) => Err(error.clone()),
        _ => reply::read(answer),
    };
    let mut answers: Vec<_> = answers.into_iter().enumerate().map(read).collect();
    let mut written = calls.iter().zip(&answers);
    let written = written.rfind(|(call, answer)| call.writes() && answer.is_ok());
    if let Some((call, _)) = written
        && let Err(error) = node.written(&connection, call).await
    {
        for (call, answer) in calls.iter().zip(&mut answers) {
            if call.writes() && answer.is_ok() {
                *answer = Err(error.clone());
            }
        }
    }
    answers
}

fn no_answer() -> StoreError {
    StoreError::Unanswered("Redis answered less than it was asked".into())
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.work.end();
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link({})", self.inner.url)
    }
}

#[cfg(test)]
mod tests;
