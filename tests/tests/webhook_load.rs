//! A benchmark, not a test: two replicas on Redis, 200 events a second, 20 endpoints that answer and 500 that
//! hang, and a replica that is killed in mid-run. Says how long deliveries to the good ones take from the
//! moment on in which the event is known to be stored, beside the same run without the hung ones, and that none
//! is lost.
//!
//! `tests/README.md` has its command.
//!
//! `EVOGATE_LOAD_SECONDS` is how long each run takes (30), `EVOGATE_LOAD_EVERY_MS` the time between two events (5),
//! `EVOGATE_LOAD_HUNG` how many endpoints hang (500).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use evogate_tests::redis::Server;
use evogate_tests::{Caller as _, Gateway, Rig, Tenant, until_within};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

const GOOD: usize = 20;
const OF_A_TENANT: usize = 50;

/// A number from the environment.
fn set(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// When each event came, by its id: every time.
type Arrivals = Arc<Mutex<HashMap<String, Vec<Instant>>>>;

/// A receiver that takes what comes to `/good`, and never answers what comes to `/hung`.
async fn receiver(arrivals: Arrivals) -> String {
    let good = async |State(arrivals): State<Arrivals>, headers: HeaderMap| {
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        let now = Instant::now();
        arrivals.lock().unwrap().entry(id).or_default().push(now);
    };
    let router = Router::new()
        .route("/good/{n}", post(good))
        .route("/hung/{n}", post(std::future::pending::<()>))
        .with_state(arrivals);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "it ends with the run")]
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// An endpoint of a tenant's, as a path below the gateway.
#[derive(Clone)]
struct Endpoint {
    tenant: Tenant,
    test: String,
}

async fn register(rig: &Rig, url: &str, name: &str, count: usize) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    let mut tenant = None;
    for n in 0..count {
        if n % OF_A_TENANT == 0 {
            let id = format!("{name}-{}", n / OF_A_TENANT);
            tenant = Some(rig.admin.tenant(&id, "1").await);
        }
        let owner = tenant.as_ref().unwrap();
        let body = json!({ "url": format!("{url}/{name}/{n}"), "events": ["credits.low"] });
        let made = owner
            .post("/v1/webhooks/endpoints", &body)
            .await
            .expect(201);
        endpoints.push(Endpoint {
            tenant: owner.clone(),
            test: format!(
                "/v1/webhooks/endpoints/{}/test",
                made["id"].as_str().unwrap()
            ),
        });
    }
    endpoints
}

/// What a run showed.
struct Seen {
    /// In milliseconds, sorted.
    took: Vec<f64>,
    lost: usize,
    twice: usize,
}

impl Seen {
    fn quantile(&self, part: usize) -> f64 {
        let at = self.took.len() * part / 100;
        self.took.get(at).copied().unwrap_or(f64::NAN)
    }
}

/// Makes an event; its id and when it was answered that it is stored, if the gateway lived to answer.
async fn event(endpoint: Endpoint, gateway: String) -> Option<(String, Instant)> {
    let tenant = endpoint.tenant.at(&gateway);
    let request = tenant.request(http::Method::POST, &endpoint.test);
    let answer = tenant.try_send(request).await.ok()?;
    let stored = Instant::now();
    let id = answer.json()["event"]["id"].as_str()?.to_owned();
    (answer.status == 202).then_some((id, stored))
}

async fn run(hung: usize, length: Duration) -> Seen {
    let server = Server::start();
    let rig = Rig::builder().set("store.url", server.url()).start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut second = Gateway::start(folder.path(), rig.gateway.settings.clone()).await;
    let arrivals = Arrivals::default();
    let url = receiver(Arc::clone(&arrivals)).await;
    let good = register(&rig, &url, "good", GOOD).await;
    let hung = register(&rig, &url, "hung", hung).await;
    let every = Duration::from_millis(set("EVOGATE_LOAD_EVERY_MS", 5));
    let (mut asked, mut events) = (Vec::new(), JoinSet::new());
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (began, mut killed) = (Instant::now(), false);
    for n in 0_usize.. {
        tick.tick().await;
        if began.elapsed() >= length {
            break;
        }
        if !killed && began.elapsed() >= length / 2 {
            killed = true;
            second.kill();
        }
        // Every other event is for one that hangs, where there are any.
        let endpoint = match hung.get((n / 2) % hung.len().max(1)) {
            Some(endpoint) if n % 2 == 1 => Some(endpoint),
            _ if n % 2 == 0 => good.get((n / 2) % GOOD),
            _ => None,
        };
        let Some(endpoint) = endpoint else { continue };
        let first = killed || n % 4 < 2;
        let gateway = if first {
            rig.gateway.url()
        } else {
            second.url()
        };
        let counts = n % 2 == 0;
        let made = event(endpoint.clone(), gateway);
        events.spawn(async move { (counts, made.await) });
        while let Some(Ok((true, Some(made)))) = events.try_join_next() {
            asked.push(made);
        }
    }
    while let Some(done) = events.join_next().await {
        if let Ok((true, Some(made))) = done {
            asked.push(made);
        }
    }
    // What the killed replica had in its hands comes when its leases end.
    let all_here = async || {
        let arrivals = arrivals.lock().unwrap();
        asked
            .iter()
            .all(|(id, _)| arrivals.contains_key(id))
            .then_some(())
    };
    let patience = tokio::time::timeout(Duration::from_secs(90), async {
        until_within(Duration::from_mins(2), "they are all here", all_here).await;
    });
    let _ = patience.await;
    let arrivals = arrivals.lock().unwrap();
    let came = |(id, stored): &(String, Instant)| {
        let first = arrivals.get(id)?.first()?;
        // It may come before the answer that it is stored.
        let took = first.saturating_duration_since(*stored);
        Some(took.as_secs_f64() * 1000.0)
    };
    let mut took: Vec<f64> = asked.iter().filter_map(came).collect();
    took.sort_by(f64::total_cmp);
    Seen {
        lost: asked.len() - took.len(),
        twice: arrivals.values().filter(|times| times.len() > 1).count(),
        took,
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark: see the module"]
async fn hung_endpoints_beside_good_ones() {
    let seconds = set("EVOGATE_LOAD_SECONDS", 30);
    let hung = usize::try_from(set("EVOGATE_LOAD_HUNG", 500)).unwrap();
    let mut p99 = Vec::new();
    for hung in [0, hung] {
        let seen = run(hung, Duration::from_secs(seconds)).await;
        println!(
            "{hung} hung: {} delivered, p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, {} lost, {} twice under one id",
            seen.took.len(),
            seen.quantile(50),
            seen.quantile(95),
            seen.quantile(99),
            seen.lost,
            seen.twice
        );
        assert_eq!(seen.lost, 0);
        p99.push(seen.quantile(99));
    }
    println!(
        "p99 with hung ones is {:.2} times that without",
        p99[1] / p99[0]
    );
}
