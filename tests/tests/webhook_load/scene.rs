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
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Tenants, each with one endpoint that answers.
pub(crate) const TENANTS: usize = 20;

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
    pub(crate) tenants: Vec<Tenant>,
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
    /// Starts everything; `hung` endpoints hang.
    pub(crate) async fn start(hung: usize) -> Self {
        let arrivals = Arrivals::default();
        let mut receivers = JoinSet::new();
        let port = receive(arrivals.clone(), &mut receivers).await;
        let hosts = (0..TENANTS).map(good_host).chain((0..hung).map(hung_host));
        let hosts: Vec<String> = hosts.collect();
        let rig = Rig::builder()
            .replicas(2)
            .set("webhooks.allow_insecure_hosts", json!(hosts))
            // EvoLink's own limits are not what is measured.
            .set("evolink.reads_per_second", 1000)
            .set("evolink.max_reads_in_flight", 256)
            .start()
            .await;
        let mut tenants = Vec::new();
        for n in 0..TENANTS {
            let tenant = rig.admin.tenant(&format!("tenant-{n}"), "1000000").await;
            let of_tenant = (n..hung).step_by(TENANTS).map(hung_host);
            let hung = of_tenant.map(|host| format!("http://{host}:{port}/hung"));
            let good = format!("http://{}:{port}/good", good_host(n));
            for url in hung.chain([good]) {
                let body = json!({ "url": url, "events": ["task.completed"] });
                let made = tenant.post("/v1/webhooks/endpoints", &body).await;
                made.expect(201);
            }
            tenants.push(tenant);
        }
        Self {
            rig,
            tenants,
            arrivals,
            _receivers: receivers,
        }
    }
}
