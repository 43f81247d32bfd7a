//! What a round is played on: two replicas on one Redis, tenants, their endpoints, and who is behind those.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use evogate_tests::{Caller as _, Rig, Tenant};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Tenants, each with one endpoint that answers.
const GOOD: usize = 20;
/// Tenants of whose tasks nobody is told, in the place of those whose endpoints hang.
const MUTE: usize = 20;
/// Requests that set the scene, at a time.
const AT_ONCE: usize = 16;

/// Whose the endpoints are that hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hung {
    /// Each has a tenant of its own, who has every other task.
    OfOthers(usize),
    /// The tenants of those that answer have them too, in equal parts: each is told of every task of its
    /// tenant's.
    OfTheSame(usize),
}

impl Hung {
    /// How many there are.
    pub(crate) fn count(self) -> usize {
        match self {
            Self::OfOthers(count) | Self::OfTheSame(count) => count,
        }
    }

    /// The same without any.
    pub(crate) fn none(self) -> Self {
        match self {
            Self::OfOthers(_) => Self::OfOthers(0),
            Self::OfTheSame(_) => Self::OfTheSame(0),
        }
    }
}

/// A webhook that came.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) at: SystemTime,
    /// The `webhook-id`.
    pub(crate) event: String,
}

/// What came to the endpoints that answer, by the task that it tells of: every time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrivals(Arc<Mutex<HashMap<String, Vec<Arrival>>>>);

impl Arrivals {
    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Arrival>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module. Ends when it is dropped.
pub(crate) struct Scene {
    pub(crate) rig: Rig,
    /// Whose endpoints answer.
    pub(crate) good: Vec<Tenant>,
    /// Others, who have every other task; there may be none.
    pub(crate) others: Vec<Tenant>,
    pub(crate) arrivals: Arrivals,
    _receivers: JoinSet<()>,
}

/// Endpoints that answer have the first addresses, those that hang others: a host for each.
fn good_host(n: usize) -> String {
    format!("127.0.1.{}", n + 1)
}

fn hung_host(n: usize) -> String {
    format!("127.0.{}.{}", 2 + n / 250, n % 250 + 1)
}

async fn good(State(arrivals): State<Arrivals>, headers: HeaderMap, body: Bytes) {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is compared with the store's clock"
    )]
    let at = SystemTime::now();
    let event = headers["webhook-id"].to_str().expect("text").to_owned();
    let task: Value = serde_json::from_slice(&body).expect("a task");
    let task = task["id"].as_str().expect("an id").to_owned();
    let arrival = Arrival { at, event };
    arrivals.lock().entry(task).or_default().push(arrival);
}

/// A receiver that takes what comes to `/good`, and never answers what comes to `/hung`.
async fn receive(arrivals: Arrivals, receivers: &mut JoinSet<()>) -> u16 {
    let router = Router::new()
        .route("/good", post(good))
        .route("/hung", post(std::future::pending::<()>))
        .with_state(arrivals);
    let everywhere: SocketAddr = ([0, 0, 0, 0], 0).into();
    let listener = tokio::net::TcpListener::bind(everywhere).await;
    let listener = listener.expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    receivers.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    port
}

impl Scene {
    /// Starts everything.
    pub(crate) async fn start(hung: Hung) -> Self {
        let arrivals = Arrivals::default();
        let mut receivers = JoinSet::new();
        let port = receive(arrivals.clone(), &mut receivers).await;
        let count = hung.count();
        let hosts = (0..GOOD).map(good_host).chain((0..count).map(hung_host));
        let hosts: Vec<String> = hosts.collect();
        let rig = Rig::builder()
            .replicas(2)
            .set("webhooks.allow_insecure_hosts", json!(hosts))
            // EvoLink's own limits are not what is measured.
            .set("evolink.reads_per_second", 1000)
            .set("evolink.max_reads_in_flight", 256)
            .start()
            .await;
        let silent = |n: usize| format!("http://{}:{port}/hung", hung_host(n));
        let good = (0..GOOD).map(|n| {
            let mut urls = vec![format!("http://{}:{port}/good", good_host(n))];
            if let Hung::OfTheSame(count) = hung {
                urls.extend((n..count).step_by(GOOD).map(silent));
            }
            (format!("good-{n}"), urls)
        });
        let others: Vec<_> = match hung {
            Hung::OfOthers(0) => (0..MUTE).map(|n| (format!("mute-{n}"), vec![])).collect(),
            Hung::OfOthers(count) => (0..count)
                .map(|n| (format!("hung-{n}"), vec![silent(n)]))
                .collect(),
            Hung::OfTheSame(_) => Vec::new(),
        };
        let good = tenants(&rig, good.collect()).await;
        let others = tenants(&rig, others).await;
        Self {
            rig,
            good,
            others,
            arrivals,
            _receivers: receivers,
        }
    }
}

/// Makes tenants with endpoints at these addresses.
async fn tenants(rig: &Rig, wanted: Vec<(String, Vec<String>)>) -> Vec<Tenant> {
    let make = async |(id, urls): (String, Vec<String>)| {
        let tenant = rig.admin.tenant(&id, "1000000").await;
        for url in urls {
            let body = json!({ "url": url, "events": ["task.completed"] });
            let made = tenant.post("/v1/webhooks/endpoints", &body).await;
            made.expect(201);
        }
        tenant
    };
    let making = futures::stream::iter(wanted).map(make);
    making.buffer_unordered(AT_ONCE).collect().await
}
