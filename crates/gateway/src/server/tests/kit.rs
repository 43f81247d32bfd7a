//! A door to a few routes, and clients that speak HTTP/1.1 byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

use crate::background::Background;
use crate::body;
use crate::config::Config;
use crate::drain::Drain;
use crate::envelope::envelope;
use crate::error::ApiError;
use crate::front::Front;
use crate::lanes::Lanes;
use crate::load::Load;
use crate::server::{Door, serve};

/// How long anything may take that has to happen. Generous: a busy machine is no fault.
pub(super) const LONG: Duration = Duration::from_secs(30);

/// Resolves within [`LONG`], or the test fails.
pub(super) async fn soon<T>(what: &str, done: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(LONG, done).await;
    done.unwrap_or_else(|_| panic!("not in time: {what}"))
}

/// A listener with routes of its own.
pub(super) struct House {
    pub(super) address: SocketAddr,
    pub(super) drain: Arc<Drain>,
    pub(super) background: Background,
    _lanes: Lanes,
    /// Lets one request that waits at `/wait`, or a submit, go on.
    pub(super) go_on: Arc<Notify>,
    /// Hears of every request that has begun to wait.
    pub(super) waiting: mpsc::UnboundedReceiver<()>,
    /// Hears of every endless answer that was given up.
    pub(super) given_up: mpsc::UnboundedReceiver<()>,
}

/// Says when it is dropped.
struct Guard(mpsc::UnboundedSender<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

pub(super) fn config(settings: &str) -> Config {
    let settings = format!("evolink.api_key = 'sk-0123456789'\n{settings}");
    Config::load_from_str(&settings).unwrap().0
}

impl House {
    pub(super) async fn open(settings: &str) -> Self {
        Self::with(settings, Door::new).await
    }

    /// The same through the door for ops.
    pub(super) async fn for_ops(settings: &str) -> Self {
        let door = |name, front, _: Arc<Load>, drain, config: &Config| {
            Door::for_ops(name, front, drain, config)
        };
        Self::with(settings, door).await
    }

    async fn with(
        settings: &str,
        door: impl FnOnce(&'static str, Front, Arc<Load>, Arc<Drain>, &Config) -> Door,
    ) -> Self {
        let config = config(settings);
        let (began, waiting) = mpsc::unbounded_channel();
        let (ends, given_up) = mpsc::unbounded_channel();
        let go_on = Arc::new(Notify::new());
        let wait = {
            let go_on = Arc::clone(&go_on);
            move || {
                let (go_on, began) = (Arc::clone(&go_on), began.clone());
                async move {
                    let mut told = std::pin::pin!(go_on.notified());
                    // Listens before it says that it waits: it may be told at once, from another thread.
                    told.as_mut().enable();
                    let _ = began.send(());
                    told.await;
                    "done"
                }
            }
        };
        let endless = move || {
            let guard = Guard(ends.clone());
            async move {
                let pieces = futures::stream::unfold(guard, async |guard| {
                    let piece = Bytes::from_static(&[b'x'; 16 * 1024]);
                    Some((Ok::<_, std::io::Error>(piece), guard))
                });
                Body::from_stream(pieces)
            }
        };
        let length = async |request: Request| {
            let body = body::read(request, 1 << 20).await?;
            Ok::<_, ApiError>(body.len().to_string())
        };
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/wait", get(wait.clone()))
            .route("/v1/videos/generations", post(wait))
            .route("/length", post(length))
            .route("/endless", get(endless))
            .layer(from_fn_with_state(config.log.requests, envelope));
        let (drain, background) = (Arc::<Drain>::default(), Background::default());
        let load = Arc::new(Load::new(&config.server));
        let door = door(
            "api",
            Front::plain(router),
            load,
            Arc::clone(&drain),
            &config,
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lanes = Lanes::start(2).unwrap();
        let served = serve(
            listener,
            Arc::new(door),
            Some(lanes.clone()),
            background.clone(),
        );
        background.spawn(served);
        Self {
            address,
            drain,
            background,
            _lanes: lanes,
            go_on,
            waiting,
            given_up,
        }
    }

    pub(super) async fn client(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }
}

/// A client on one connection.
pub(super) struct Client(pub(super) TcpStream);

/// An answer as it came: its head in small letters, and its body as far as `Content-Length` says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.head[9..12].parse().unwrap()
    }

    pub(super) fn closes(&self) -> bool {
        self.head.contains("connection: close")
    }

    /// The code of an error in the gateway's shape, which names its request too.
    pub(super) fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert!(body["error"]["message"].is_string() && body["error"]["type"].is_string());
        let id = body["error"]["request_id"].as_str().unwrap();
        assert!(
            self.head.contains(&format!("x-request-id: {id}")),
            "{}",
            self.head
        );
        body["error"]["code"].as_str().unwrap().to_owned()
    }
}

impl Client {
    pub(super) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"))
            .await;
        self.answer().await
    }

    /// The next answer.
    pub(super) async fn answer(&mut self) -> Answer {
        soon("an answer", async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.0.read_u8().await.expect("an answer, not the end"));
            }
            let head = String::from_utf8(head).unwrap().to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            self.0.read_exact(&mut body).await.unwrap();
            Answer {
                head,
                body: String::from_utf8(body).unwrap(),
            }
        })
        .await
    }

    /// Waits until the other side has closed the connection; whatever else comes is left out.
    pub(super) async fn is_closed(&mut self) {
        soon("the end of the connection", async {
            let mut rest = vec![0; 64 * 1024];
            while let Ok(1..) = self.0.read(&mut rest).await {}
        })
        .await;
    }
}
