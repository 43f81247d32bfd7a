//! Who calls the gateway, as types: nobody in particular, a tenant, an admin.

use std::time::Duration;

use http::Method;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::credits::Micro;
use crate::wait::until_within;

/// How long a task may take in a test, where nothing slows it down on purpose.
const TASK: Duration = Duration::from_mins(1);

/// Anybody who can send requests to one address.
pub trait Caller {
    /// A request as this caller sends it.
    fn request(&self, method: Method, path: &str) -> RequestBuilder;

    /// Sends a request; a connection that breaks fails the test.
    fn send(&self, request: RequestBuilder) -> impl Future<Output = Answer> {
        async move {
            let tried = self.try_send(request).await;
            tried.unwrap_or_else(|why| panic!("no answer: {why:?}"))
        }
    }

    /// Sends a request that may go without an answer.
    fn try_send(&self, request: RequestBuilder) -> impl Future<Output = reqwest::Result<Answer>> {
        async move {
            let (client, request) = request.build_split();
            let request = request?;
            let call = format!("{} {}", request.method(), request.url().path());
            Answer::of(call, client.execute(request).await?).await
        }
    }

    /// GET.
    fn get(&self, path: &str) -> impl Future<Output = Answer> {
        self.send(self.request(Method::GET, path))
    }

    /// POST without a body.
    fn post_empty(&self, path: &str) -> impl Future<Output = Answer> {
        self.send(self.request(Method::POST, path))
    }

    /// POST with a JSON body.
    fn post(&self, path: &str, body: &Value) -> impl Future<Output = Answer> {
        self.send(self.request(Method::POST, path).json(body))
    }

    /// PATCH with a JSON body.
    fn patch(&self, path: &str, body: &Value) -> impl Future<Output = Answer> {
        self.send(self.request(Method::PATCH, path).json(body))
    }

    /// PUT with a JSON body.
    fn put(&self, path: &str, body: &Value) -> impl Future<Output = Answer> {
        self.send(self.request(Method::PUT, path).json(body))
    }

    /// POST with exactly this body, said to be JSON.
    fn post_raw(&self, path: &str, body: impl Into<reqwest::Body>) -> impl Future<Output = Answer> {
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/json");
        self.send(request.body(body))
    }

    /// DELETE.
    fn delete(&self, path: &str) -> impl Future<Output = Answer> {
        self.send(self.request(Method::DELETE, path))
    }
}

/// An HTTP client that talks to loopback and nobody else, and follows nothing.
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(Duration::from_mins(1))
        .build()
        .expect("an HTTP client")
}

/// Somebody without any credential.
#[derive(Debug, Clone)]
pub struct Anonymous {
    base: String,
    http: reqwest::Client,
}

impl Anonymous {
    /// At this address (`http://127.0.0.1:8080`).
    pub fn at(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            http: http(),
        }
    }

    /// Where it calls.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The same with any bearer token.
    pub fn with_token(&self, token: &str) -> Tenant {
        Tenant {
            id: "nobody".to_owned(),
            key: token.to_owned(),
            anonymous: self.clone(),
        }
    }
}

impl Caller for Anonymous {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }
}

/// A tenant, by one of its keys.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its id.
    pub id: String,
    /// Its key.
    pub key: String,
    anonymous: Anonymous,
}

impl Caller for Tenant {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous.request(method, path).bearer_auth(&self.key)
    }
}

impl Tenant {
    /// A tenant that exists already.
    pub fn known(id: &str, key: &str, base: &str) -> Self {
        Self {
            id: id.to_owned(),
            key: key.to_owned(),
            anonymous: Anonymous::at(base),
        }
    }

    /// The same at another address.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self::known(&self.id, &self.key, base)
    }

    /// The smallest request: the tutorial's model, 5 s at 720p for 17.784 credits.
    pub fn video(prompt: &str) -> Value {
        json!({ "model": "seedance-2.0", "prompt": prompt })
    }

    /// Submits.
    pub async fn submit(&self, body: &Value) -> Answer {
        self.post("/v1/videos/generations", body).await
    }

    /// Submits with an idempotency key.
    pub async fn submit_with_key(&self, key: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, "/v1/videos/generations");
        self.send(request.header("idempotency-key", key).json(body))
            .await
    }

    /// Submits a prompt, which must be accepted, and answers the task's id.
    pub async fn start(&self, prompt: &str) -> String {
        let task = self.submit(&Self::video(prompt)).await.ok();
        task["id"].as_str().expect("an id").to_owned()
    }

    /// The task as a read gives it.
    pub async fn task(&self, id: &str) -> Value {
        self.get(&format!("/v1/tasks/{id}")).await.ok()
    }

    /// Polls until the task has ended, and answers it.
    pub async fn ended(&self, id: &str) -> Value {
        until_within(TASK, &format!("{id} ends"), async || {
            let task = self.task(id).await;
            let over = ["completed", "failed", "cancelled"].map(Value::from);
            over.contains(&task["status"]).then_some(task)
        })
        .await
    }

    /// Polls until the task has ended with this status, and answers it.
    pub async fn ended_as(&self, id: &str, status: &str) -> Value {
        let task = self.ended(id).await;
        assert_eq!(task["status"], status, "{task}");
        task
    }

    /// The task's timeline.
    pub async fn timeline(&self, id: &str) -> Value {
        self.get(&format!("/v1/tasks/{id}/timeline")).await.ok()
    }

    /// The task's exact state, as its timeline tells.
    pub async fn state(&self, id: &str) -> String {
        self.timeline(id).await["state"]
            .as_str()
            .expect("a state")
            .to_owned()
    }

    /// Looks (without reading upstream) until the task is in this state.
    pub async fn is_in(&self, id: &str, state: &str) {
        until_within(TASK, &format!("{id} is {state}"), async || {
            (self.state(id).await == state).then_some(())
        })
        .await;
    }

    /// The names of the steps in the task's timeline.
    pub async fn steps(&self, id: &str) -> Vec<String> {
        let timeline = self.timeline(id).await;
        let steps = timeline["data"].as_array().expect("a list of steps");
        steps
            .iter()
            .map(|step| step["step"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

/// The admin.
#[derive(Debug, Clone)]
pub struct Admin {
    key: String,
    anonymous: Anonymous,
}

impl Caller for Admin {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous.request(method, path).bearer_auth(&self.key)
    }
}

impl Admin {
    /// The admin of the gateway at this address.
    pub fn at(base: &str, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            anonymous: Anonymous::at(base),
        }
    }

    /// Makes a tenant with so many credits and one key.
    pub async fn tenant(&self, id: &str, credits: &str) -> Tenant {
        self.post("/admin/v1/tenants", &json!({ "id": id, "name": id }))
            .await
            .expect(201);
        if credits != "0" {
            let grant = json!({ "credits": credits, "note": "for a test" });
            let path = format!("/admin/v1/tenants/{id}/grants");
            let answer = self.post(&path, &grant).await;
            assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        }
        let key = self.key_of(id).await;
        Tenant {
            id: id.to_owned(),
            key,
            anonymous: self.anonymous.clone(),
        }
    }

    /// Mints another key of a tenant's, good for everything.
    pub async fn key_of(&self, tenant: &str) -> String {
        let path = format!("/admin/v1/tenants/{tenant}/keys");
        let minted = self
            .post(
                &path,
                &json!({ "name": "test", "scopes": ["generate", "read", "webhooks", "tenant_admin"] }),
            )
            .await
            .expect(201);
        minted["key"].as_str().expect("a key").to_owned()
    }

    /// One of a tenant's amounts: `granted`, `available`, `held` or `spent`.
    pub async fn credits(&self, tenant: &str, which: &str) -> Micro {
        let shown = self.get(&format!("/admin/v1/tenants/{tenant}")).await.ok();
        Micro::of(&shown["credits"][which])
    }

    /// What `verify` found.
    pub async fn verify(&self) -> Value {
        self.get("/admin/v1/ledger/verify").await.ok()
    }

    /// The unknown submits.
    pub async fn unknown(&self) -> Vec<Value> {
        let list = self.get("/admin/v1/unknown").await.ok();
        list["data"].as_array().expect("a list").clone()
    }
}
