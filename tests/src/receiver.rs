//! A webhook receiver on loopback: it keeps what it gets, and misbehaves when told to.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::authority::Certificate;
use crate::spawn;
use crate::wait::until;

/// Something that was delivered.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The path with its query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub bytes: Bytes,
}

impl Delivery {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("a webhook's body is JSON")
    }

    /// A header's text, which must be there.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_else(|| panic!("a webhook without {name}"))
    }
}

/// How the receiver answers.
#[derive(Debug, Clone)]
pub enum Manner {
    /// With this status.
    Status(u16),
    /// With this status and `Retry-After`.
    RetryAfter(u16, u64),
    /// With a redirect to this address.
    Redirect(String),
    /// With 200, after so long.
    Slow(Duration),
    /// Never.
    Hang,
}

#[derive(Debug, Default)]
struct Shared {
    deliveries: Mutex<Vec<Delivery>>,
    manners: Mutex<VecDeque<Manner>>,
}

/// See the module. Ends with the test's runtime.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
}

impl Receiver {
    /// Starts one that takes everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        Self::serve("http", address, listener)
    }

    /// Starts one that takes everything by https, with this certificate.
    pub async fn encrypted(certificate: &Certificate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        Self::serve("https", address, certificate.on(listener))
    }

    fn serve<L>(scheme: &'static str, address: SocketAddr, listener: L) -> Self
    where
        L: Listener,
        L::Addr: fmt::Debug,
    {
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .fallback(receive)
            .with_state(Arc::clone(&shared));
        spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self {
            address,
            scheme,
            shared,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path on it.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// How the next deliveries are answered, one each; those after them with 200.
    pub fn next(&self, manners: impl IntoIterator<Item = Manner>) {
        lock(&self.shared.manners).extend(manners);
    }

    /// Everything delivered so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.shared.deliveries).clone()
    }

    /// Waits for the delivery with this number (from 1).
    pub async fn delivery(&self, number: usize) -> Delivery {
        until(&format!("delivery {number}"), async || {
            self.deliveries().get(number - 1).cloned()
        })
        .await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let headers = request.headers().clone();
    let bytes = to_bytes(request.into_body(), 10 << 20)
        .await
        .unwrap_or_default();
    let manner = lock(&shared.manners).pop_front();
    lock(&shared.deliveries).push(Delivery {
        path,
        headers,
        bytes,
    });
    let plain = |status| StatusCode::from_u16(status).expect("a status");
    match manner {
        None => axum::Json(json!({ "received": true })).into_response(),
        Some(Manner::Status(status)) => plain(status).into_response(),
        Some(Manner::RetryAfter(status, seconds)) => {
            (plain(status), [(header::RETRY_AFTER, seconds.to_string())]).into_response()
        }
        Some(Manner::Redirect(to)) => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response()
        }
        Some(Manner::Slow(pause)) => {
            tokio::time::sleep(pause).await;
            StatusCode::OK.into_response()
        }
        Some(Manner::Hang) => std::future::pending().await,
    }
}
