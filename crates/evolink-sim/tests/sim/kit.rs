//! A started simulator with a client, and a receiver for callbacks.

use std::future::IntoFuture;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use evolink_sim::{CallbackEntry, JournalFilter, JournalPage, Sim, SimConfig};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A simulator and its one client.
pub(crate) struct Kit {
    pub(crate) sim: Sim,
    pub(crate) http: reqwest::Client,
}

impl Kit {
    pub(crate) async fn new() -> Self {
        Self::with(SimConfig::default()).await
    }

    pub(crate) async fn with(config: SimConfig) -> Self {
        Self {
            sim: Sim::start(config).await.unwrap(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// A request with a good key.
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.sim.url()))
            .bearer_auth("sk-test")
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        parts(self.ask(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.ask(Method::POST, path).json(&body);
        parts(request.send().await.unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        parts(self.ask(Method::DELETE, path).send().await.unwrap()).await
    }

    /// A create of five seconds at 720p that has not been sent.
    pub(crate) fn create_request(&self, prompt: &str) -> RequestBuilder {
        self.ask(Method::POST, "/v1/videos/generations")
            .json(&video(prompt))
    }

    /// Creates a task that must be accepted; answers its id.
    pub(crate) async fn create(&self, prompt: &str) -> String {
        self.create_with(video(prompt)).await
    }

    pub(crate) async fn create_with(&self, body: Value) -> String {
        let (status, task) = self.post("/v1/videos/generations", body).await;
        assert_eq!(status, 200, "{task}");
        task["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn read(&self, id: &str) -> Value {
        let (status, task) = self.get(&format!("/v1/tasks/{id}")).await;
        assert_eq!(status, 200, "{task}");
        task
    }

    /// Lets so many seconds pass on the simulator's clock.
    pub(crate) fn pass(&self, seconds: u64) {
        self.sim.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn rule(&self, rule: Value) -> u64 {
        let (status, answer) = self.post("/_sim/rules", json!({"rules": [rule]})).await;
        assert_eq!(status, 200, "{answer}");
        answer["rules"][0].as_u64().unwrap()
    }

    /// The journal, once it is as it must become.
    pub(crate) async fn journal(&self, is_there: impl Fn(&JournalPage) -> bool) -> JournalPage {
        tokio::time::timeout(PATIENCE, async {
            loop {
                let journal = self.sim.journal(JournalFilter::default());
                if is_there(&journal) {
                    return journal;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap()
    }

    /// The callbacks, once there are so many.
    pub(crate) async fn callbacks(&self, count: usize) -> Vec<CallbackEntry> {
        self.journal(|journal| journal.callbacks.len() >= count)
            .await
            .callbacks
    }
}

pub(crate) fn video(prompt: &str) -> Value {
    json!({"model": "seedance-2.0", "prompt": prompt})
}

pub(crate) async fn parts(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

/// A listener for callbacks that answers what it is told.
pub(crate) struct Receiver {
    pub(crate) url: String,
    calls: mpsc::UnboundedReceiver<Value>,
    /// Ends with the receiver.
    _server: JoinSet<std::io::Result<()>>,
}

#[derive(Clone)]
struct Answers {
    calls: mpsc::UnboundedSender<Value>,
    next: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    /// Answers these statuses in turn, then 200.
    pub(crate) async fn answering(statuses: &[u16]) -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        let answers = Answers {
            calls: sender,
            next: Arc::new(Mutex::new(statuses.iter().rev().copied().collect())),
        };
        let router = Router::new().route("/", post(take)).with_state(answers);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        server.spawn(axum::serve(listener, router).into_future());
        Self {
            url,
            calls,
            _server: server,
        }
    }

    /// The next callback's body.
    pub(crate) async fn next(&mut self) -> Value {
        tokio::time::timeout(PATIENCE, self.calls.recv())
            .await
            .unwrap()
            .unwrap()
    }

    /// A callback that is already there.
    pub(crate) fn there(&mut self) -> Option<Value> {
        self.calls.try_recv().ok()
    }
}

async fn take(State(answers): State<Answers>, body: String) -> StatusCode {
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    answers.calls.send(body).unwrap();
    let status = answers.next.lock().unwrap().pop().unwrap_or(200);
    StatusCode::from_u16(status).unwrap()
}
