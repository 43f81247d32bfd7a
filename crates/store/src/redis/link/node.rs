//! One server, and a connection to it that is kept: made again by itself whenever it is lost.
//!
//! While a connection is being made, calls wait for it; once an attempt has failed, calls fail at
//! once, and attempts go on in the background until one succeeds.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, Value};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::super::url::Address;
use super::dial::{Dial, Dialled};
use super::fence::Fence;
use super::script::Call;
use super::sentinel::Sentinels;
use super::work::Work;
use crate::error::StoreError;

/// Between attempts to connect: this first, then twice as long each time, up to the second.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// A connection that did not last this long is not made again at once.
const SHORT: Duration = Duration::from_millis(100);

/// The way to a server.
#[derive(Clone)]
pub(super) enum Way {
    Address(Address, Dial),
    Socket(PathBuf, Dial),
    /// Whichever server the sentinels say is the primary.
    Sentinel(Arc<Sentinels>),
}

/// A server. The connection ends when the last handle is dropped.
#[derive(Clone)]
pub(super) struct Node {
    state: watch::Receiver<State>,
    fence: Option<Fence>,
}

#[derive(Clone)]
enum State {
    /// A connection is being made, and there is no reason to think that it fails.
    Connecting,
    Up(Arc<Connection>),
    /// The last attempt failed, for this reason.
    Down(Arc<str>),
}

/// A connection that was made.
pub(super) struct Connection {
    calls: MultiplexedConnection,
    /// The server's address, for logs.
    name: String,
    /// The server's own id, another one each time that it is started.
    run: String,
    /// Cancelled when the connection is of no use for further calls.
    spent: CancellationToken,
    /// Ends the connection when the last call on it is through.
    _end: tokio_util::sync::DropGuard,
}

impl Node {
    /// A server, to which connections are made from now on. If `fenced`, what changes something is
    /// through when it is on the server's disk.
    pub(super) fn open(way: Way, fenced: bool, work: &Work) -> Self {
        // On a connection of its own: whatever waits holds up what is behind it.
        let fence = fenced.then(|| Fence::open(Self::open(way.clone(), false, work), work));
        let (publish, state) = watch::channel(State::Connecting);
        let keeper = Keeper {
            way,
            work: work.clone(),
            publish,
        };
        work.spawn(keeper.run());
        Self { state, fence }
    }

    /// To be called after something was written on `connection`: waits for the disk, if that is asked for.
    pub(super) async fn written(
        &self,
        connection: &Connection,
        call: &Call<'_>,
    ) -> Result<(), StoreError> {
        match &self.fence {
            Some(fence) => fence.passed(connection.run(), call.key()).await,
            None => Ok(()),
        }
    }

    /// Whether a connection stands at this moment.
    pub(super) fn is_up(&self) -> bool {
        matches!(&*self.state.borrow(), State::Up(connection) if !connection.spent.is_cancelled())
    }

    /// The connection, when there is one before `until`.
    pub(super) async fn connection(&self, until: Instant) -> Result<Arc<Connection>, StoreError> {
        let mut state = self.state.clone();
        loop {
            match &*state.borrow_and_update() {
                State::Up(connection) if !connection.spent.is_cancelled() => {
                    return Ok(Arc::clone(connection));
                }
                State::Down(why) => return Err(StoreError::Unavailable(why.to_string())),
                State::Up(_) | State::Connecting => {}
            }
            match timeout_at(until, state.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(StoreError::Unavailable("the store is closed".into())),
                Err(_) => return Err(StoreError::Unavailable("no connection in time".into())),
            }
        }
    }
}

impl Connection {
    /// Sends the commands and returns the answers. Any failure means that they may have been applied.
    pub(super) async fn call(
        &self,
        commands: &Pipeline,
        until: Instant,
    ) -> Result<Vec<Value>, StoreError> {
        let mut connection = self.calls.clone();
        let answers = connection.send_packed_commands(commands, 0, commands.len());
        let why = match timeout_at(until, answers).await {
            Ok(Ok(answers)) => return Ok(answers),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        self.spent.cancel();
        Err(StoreError::Unanswered(format!("{}: {why}", self.name)))
    }

    /// Takes no further calls: the next ones get another connection.
    pub(super) fn retire(&self) {
        self.spent.cancel();
    }

    /// The server's own id, another one each time that it is started.
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// The server's address.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// Makes connections, one after the other, and publishes the one that stands.
struct Keeper {
    way: Way,
    work: Work,
    publish: watch::Sender<State>,
}

impl Keeper {
    async fn run(self) {
        let mut pause = PAUSE;
        let mut failed = false;
        loop {
            let dialled = tokio::select! {
                dialled = self.way.dial() => dialled,
                () = self.publish.closed() => return,
            };
            match dialled {
                Ok((dialled, at)) => {
                    if failed {
                        tracing::info!(server = at.name(), "Redis is back");
                    }
                    (pause, failed) = (PAUSE, false);
                    if self.keep(dialled, &at).await {
                        return;
                    }
                    tracing::warn!(server = at.name(), "the connection to Redis is lost");
                    self.publish.send_replace(State::Connecting);
                }
                Err(why) => {
                    if !failed {
                        tracing::warn!(why, "Redis can't be reached");
                    }
                    failed = true;
                    self.publish.send_replace(State::Down(why.into()));
                    tokio::select! {
                        () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                        () = self.publish.closed() => return,
                    }
                }
            }
        }
    }

    /// Publishes a connection until it is spent; `true` when nobody wants one any more.
    async fn keep(&self, dialled: Dialled, at: &At) -> bool {
        let since = Instant::now();
        let spent = CancellationToken::new();
        let end = CancellationToken::new();
        let driver = dialled.driver;
        let (closed, ended) = (spent.clone().drop_guard(), end.clone());
        self.work.spawn(async move {
            // Also when this is ended from outside.
            let _closed = closed;
            tokio::select! {
                () = driver => {}
                () = ended.cancelled() => {}
            }
        });
        let connection = Connection {
            calls: dialled.connection,
            name: at.name().to_owned(),
            run: dialled.run,
            spent: spent.clone(),
            _end: end.drop_guard(),
        };
        self.publish.send_replace(State::Up(Arc::new(connection)));
        self.work.connected();
        tokio::select! {
            () = spent.cancelled() => {}
            () = self.way.moved(at) => {}
            () = self.publish.closed() => return true,
        }
        // Those who still wait for an answer have a handle of their own.
        if since.elapsed() < SHORT {
            self.publish.send_replace(State::Connecting);
            sleep(SHORT).await;
        }
        false
    }
}

/// Where a connection led.
pub(super) enum At {
    Address(Address, String),
    Socket(String),
}

impl At {
    fn name(&self) -> &str {
        match self {
            Self::Address(_, name) | Self::Socket(name) => name,
        }
    }
}

impl Way {
    async fn dial(&self) -> Result<(Dialled, At), String> {
        match self {
            Self::Address(address, dial) => {
                let dialled = dial.address(address).await?;
                Ok((dialled, At::Address(address.clone(), address.to_string())))
            }
            Self::Socket(path, dial) => {
                let dialled = dial.socket(path).await?;
                Ok((dialled, At::Socket(path.display().to_string())))
            }
            Self::Sentinel(sentinels) => {
                let (dialled, address) = sentinels.dial().await?;
                let name = address.to_string();
                Ok((dialled, At::Address(address, name)))
            }
        }
    }

    /// Comes back when the connection leads to where the primary no longer is.
    async fn moved(&self, at: &At) {
        match (self, at) {
            (Self::Sentinel(sentinels), At::Address(address, _)) => sentinels.moved(address).await,
            _ => std::future::pending().await,
        }
    }
}
