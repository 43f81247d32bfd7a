//! What the tests of the client share: clients of a server on loopback, and a server that is driven by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use evogate_store::clock::{Clock, ManualClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::*;
use crate::config::Config;
use crate::context::Context;

pub(super) const KEY: &str = "sk-upstream-0123456789abcdef";
pub(super) const BODY: &str = r#"{"model":"seedance-2.0","prompt":"a red fox in the snow"}"#;
pub(super) const TASK_JSON: &str =
    r#"{"id":"task-unified-1772203771-yf1dxogh","status":"pending","created":1772203771}"#;

/// When the clocks of these tests stand still.
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_772_203_771);

/// The client's settings: `evolink.base_url` is `base`, `settings` are TOML lines.
pub(super) fn config(base: &str, settings: &str) -> config::EvoLink {
    let text = format!(
        "evolink.api_key = '{KEY}'\nevolink.base_url = '{base}/v1'\nevolink.timeout = '5s'\n"
    );
    // A later line may set the time-out again, which TOML forbids.
    let text = if settings.contains("evolink.timeout") {
        text.replace("evolink.timeout = '5s'\n", "")
    } else {
        text
    };
    let (config, _) = Config::load_from_str(&format!("{text}{settings}")).unwrap();
    config.evolink
}

pub(super) fn client(base: &str) -> EvoLink {
    client_with(base, "")
}

pub(super) fn client_with(base: &str, settings: &str) -> EvoLink {
    EvoLink::new(&config(base, settings), Arc::new(ManualClock::new(NOW))).unwrap()
}

/// A client that gives up after the shortest time that can be set.
pub(super) fn hasty(base: &str) -> EvoLink {
    client_with(base, "evolink.timeout = '100ms'")
}

/// A submit that may still be sent.
pub(super) fn call() -> SubmitCall {
    SubmitCall {
        kind: MediaKind::Video,
        body: Bytes::from_static(BODY.as_bytes()),
        idempotency_key: "task-unified-1772203771-aaaaaaaa".to_owned(),
        not_after: NOW.plus(5000),
    }
}

/// A request that the calls of these tests belong to.
pub(super) fn traced() -> Context {
    let headers = [
        ("x-request-id", "req-0123"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("tracestate", "vendor=7"),
    ];
    let headers = headers.map(|(name, value)| {
        (
            http::HeaderName::from_static(name),
            http::HeaderValue::from_static(value),
        )
    });
    Context::of(&http::HeaderMap::from_iter(headers))
}

pub(super) fn id(text: &str) -> UpstreamId {
    text.parse().unwrap()
}

/// A clock that stands at [`NOW`] and is a minute on each time that it is looked at again.
#[derive(Debug, Default)]
pub(super) struct Leaping(AtomicI64);

impl Clock for Leaping {
    fn now(&self) -> Timestamp {
        NOW.plus(60_000 * self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// A server that does what a test tells it to.
pub(super) struct Peer(TcpListener);

impl Peer {
    pub(super) async fn bind() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    pub(super) async fn accept(&self) -> Wire {
        Wire(self.0.accept().await.unwrap().0)
    }
}

/// One connection to a [`Peer`]. Dropped, it is closed.
pub(super) struct Wire(pub(super) TcpStream);

impl Wire {
    /// Reads a request's head, without its last empty line.
    pub(super) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap().to_ascii_lowercase()
    }

    /// Reads a request, and answers its body.
    pub(super) async fn request(&mut self) -> String {
        let head = self.head().await;
        let (_, rest) = head.split_once("content-length: ").unwrap();
        let length = rest.split_once("\r\n").unwrap().0.parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        String::from_utf8(body).unwrap()
    }

    /// Everything until the client closes the connection.
    pub(super) async fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset ends it as well.
        let _ = self.0.read_to_end(&mut rest).await;
        rest
    }

    pub(super) async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Answers 200 and keeps the connection.
    pub(super) async fn accept_task(&mut self) {
        let length = TASK_JSON.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        self.write(&head).await;
        self.write(TASK_JSON).await;
    }
}
