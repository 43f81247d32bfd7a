//! The listeners: connections in, requests to the router, and an end in order.
//!
//! A server that waits for its clients for ever is one that anybody can stop, so every wait has an end here:
//! for a head, for a body, for an idle connection, for a client that does not take its answer. So has
//! everything that piles up: connections, requests under way ([`crate::load`]), HTTP/2 streams and the frames
//! that cost more to read than to send.
//!
//! [`serve`] is one accept loop over one socket. Its connections go to the [`Lanes`] in turn; all that is counted
//! is in the [`Door`].

mod connection;
mod crowd;
mod exchange;
mod files;
mod pulse;
mod stream;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use futures::FutureExt as _;
use futures::future::Either;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::background::Background;
use crate::config;
use crate::drain::{Drain, Phase};
use crate::envelope;
use crate::error::ApiError;
use crate::front::Front;
use crate::lanes::Lanes;
use crate::load::{Kind, Load, shed};

pub use exchange::BodyTimeout;

use crowd::{Crowd, Entry};
use exchange::{ClientBody, Exchange};
use pulse::Pulse;
use stream::Stream;

/// After a failed accept (no more files): a pause, so that the loop does not spin.
const PAUSE: Duration = Duration::from_millis(50);
/// And the log hears of it so often at most.
const SAID_EVERY: Duration = Duration::from_secs(10);
/// HTTP/2: a peer that does not answer a ping within twice this is gone.
const PING: Duration = Duration::from_secs(20);
/// HTTP/2: what a client may send ahead on one stream, and on one connection, in bytes. A body is read as it
/// comes, so this bounds what a connection can make us keep.
const STREAM_WINDOW: u32 = 128 << 10;
const CONNECTION_WINDOW: u32 = 512 << 10;
/// HTTP/2: what is kept of an answer that the client does not take, in bytes.
const SEND_BUFFER: usize = 64 << 10;
/// HTTP/2: streams that were opened and reset before anybody looked at them (CVE-2023-44487), and resets that
/// a client makes us send (CVE-2025-8671). More of either end the connection.
const RESETS: usize = 20;
const LOCAL_RESETS: usize = 256;

/// Who is let in by a listener, on what terms, and to whom.
#[derive(Debug)]
pub struct Door {
    name: &'static str,
    front: Front,
    /// Where requests take places; without it everybody is let in.
    load: Option<Arc<Load>>,
    crowd: Crowd,
    settings: config::Server,
    drain: Arc<Drain>,
    /// From this phase on nobody is let in.
    closes_at: Phase,
    /// How long an idle connection stays open after that: its client may be about to use it.
    linger: Duration,
}

impl Door {
    /// The door to `front`, with all its bounds.
    pub fn new(
        name: &'static str,
        front: Front,
        load: Arc<Load>,
        drain: Arc<Drain>,
        config: &config::Config,
    ) -> Self {
        /// Longer than it takes a request to come from a machine nearby.
        const LINGER: Duration = Duration::from_secs(1);
        Self {
            name,
            front,
            load: Some(load),
            crowd: Crowd::new(name, files::connections(config.server.max_connections)),
            settings: config.server.clone(),
            drain,
            closes_at: Phase::Closing,
            linger: config.shutdown.drain_pause.min(LINGER),
        }
    }

    /// The door for ops: nobody is turned away, and it is open to the end.
    pub fn for_ops(
        name: &'static str,
        front: Front,
        drain: Arc<Drain>,
        config: &config::Config,
    ) -> Self {
        Self {
            name,
            front,
            load: None,
            crowd: Crowd::new(name, u32::MAX),
            settings: config.server.clone(),
            drain,
            closes_at: Phase::Ended,
            linger: Duration::ZERO,
        }
    }

    /// The listener's name, for logs and metrics.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Is this the last answer on its connection?
    fn says_close(&self) -> bool {
        self.closes_at == Phase::Closing && self.drain.phase() >= Phase::Leaving
    }

    fn protocols(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        // The watch over each connection has the time-out for heads, without a timer for each request.
        builder
            .http1()
            .header_read_timeout(None)
            .max_buf_size(self.settings.max_head);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .max_concurrent_streams(self.settings.max_streams)
            .max_header_list_size(u32::try_from(self.settings.max_head).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(LOCAL_RESETS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER);
        builder
    }
}

/// Accepts until the door closes, and then once more what the kernel has accepted already. Connections go on
/// in the background, each on one of `lanes`, or here where there are none.
pub async fn serve(
    listener: TcpListener,
    door: Arc<Door>,
    lanes: Option<Lanes>,
    background: Background,
) {
    let protocols = Arc::new(door.protocols());
    let closes = door.drain.reached(door.closes_at);
    tokio::pin!(closes);
    let mut said: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut closes => break,
        };
        match accepted {
            Ok((tcp, peer)) => {
                let lane = lanes.as_ref().and_then(Lanes::next);
                admit(tcp, peer, &door, &protocols, lane, &background);
            }
            // The client has gone again.
            Err(error) if is_its_own(&error) => {}
            Err(error) => {
                if said.is_none_or(|at| at.elapsed() >= SAID_EVERY) {
                    said = Some(Instant::now());
                    tracing::error!(listener = door.name, %error, "connections can't be accepted");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    // Whoever the kernel has let in is not turned away by the end of the socket.
    let Ok(listener) = listener.into_std() else {
        return;
    };
    while let Ok((tcp, peer)) = listener.accept() {
        let tcp = tcp
            .set_nonblocking(true)
            .and_then(|()| TcpStream::from_std(tcp));
        if let Ok(tcp) = tcp {
            let lane = lanes.as_ref().and_then(Lanes::next);
            admit(tcp, peer, &door, &protocols, lane, &background);
        }
    }
}

/// Is the error about one connection, rather than about the socket or this process?
fn is_its_own(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

fn admit(
    tcp: TcpStream,
    peer: SocketAddr,
    door: &Arc<Door>,
    protocols: &Arc<Builder<TokioExecutor>>,
    lane: Option<&Handle>,
    background: &Background,
) {
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "nodelay");
    }
    let entry = door.crowd.enter();
    if matches!(entry, Entry::Full) {
        shed("connections");
        return;
    }
    // It may go to another runtime, so it leaves this one.
    let tcp = tcp.into_std();
    let (door, protocols) = (Arc::clone(door), Arc::clone(protocols));
    let connection = async move {
        match (tcp.and_then(TcpStream::from_std), &entry) {
            (Ok(tcp), Entry::In) => serve_connection(tcp, peer, &door, &protocols).await,
            (Ok(tcp), _) => turn_away(tcp, &door, &protocols).await,
            (Err(error), _) => tracing::debug!(%error, "a connection can't be served"),
        }
        door.crowd.leave(&entry);
    };
    match lane {
        Some(lane) => background.spawn_on(lane, connection),
        None => background.spawn(connection),
    };
}

async fn serve_connection(
    tcp: TcpStream,
    peer: SocketAddr,
    door: &Arc<Door>,
    protocols: &Builder<TokioExecutor>,
) {
    let pulse = Arc::new(Pulse::new());
    let service = service_fn(|request: Request<Incoming>| {
        let door = Arc::clone(door);
        let exchange = Exchange::begin(&pulse, request.version());
        let kind = Kind::of(request.method(), request.uri().path());
        let place = door.load.as_ref().map(|load| load.enter(kind)).transpose();
        let answered = match place {
            Ok(place) => {
                let body_timeout = door.settings.body_timeout;
                let body = move |body| Body::new(ClientBody::new(body, body_timeout));
                let mut request = request;
                request.extensions_mut().insert(ConnectInfo(peer));
                let answer = door.front.call(request, body);
                Either::Left(answer.map(|answer| (answer, place)))
            }
            Err(error) => {
                let answer = envelope::turn_away(request.headers(), error);
                Either::Right(ready((answer, None)))
            }
        };
        answered.map(move |(answer, place)| {
            Ok::<_, Infallible>(exchange.answer(answer, place, door.says_close()))
        })
    });
    let stream = TokioIo::new(Stream::new(tcp, Arc::clone(&pulse)));
    connection::watch(protocols.serve_connection(stream, service), &pulse, door).await;
}

/// Tells a client that there are too many connections, and closes this one.
async fn turn_away(tcp: TcpStream, door: &Door, protocols: &Builder<TokioExecutor>) {
    /// Who does not even ask gets no answer.
    const PATIENCE: Duration = Duration::from_secs(5);
    shed("connections");
    let pulse = Arc::new(Pulse::new());
    let service = service_fn(|request: Request<Incoming>| {
        let exchange = Exchange::begin(&pulse, request.version());
        let answer = envelope::turn_away(request.headers(), ApiError::overloaded());
        ready(Ok::<_, Infallible>(exchange.answer(answer, None, true)))
    });
    let stream = TokioIo::new(Stream::new(tcp, Arc::clone(&pulse)));
    let connection = protocols.serve_connection(stream, service);
    let watched = connection::watch(connection, &pulse, door);
    let _ = tokio::time::timeout(PATIENCE, watched).await;
}
