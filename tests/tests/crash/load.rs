//! What goes on while the gateway is killed: programs of tenants, and an EvoLink that fails.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use evogate_tests::{Caller as _, Tenant, until};
use serde_json::{Value, json};

/// What EvoLink does wrong while it lasts. Several can meet in one request, and the earlier `http` counts:
/// so the 500 that hides an accepted task comes first, and no 503 or 422 ever does.
pub(crate) fn faults() -> Value {
    let fault = |operation: &str, probability: f64, fault: Value| json!({ "match": { "operation": operation }, "probability": probability, "fault": fault });
    json!([
        fault("create", 0.5, json!({ "delay": 0.3 })),
        fault("create", 0.1, json!({ "drop_after_accept": true })),
        fault("create", 0.1, json!({ "http": 500, "accept": true })),
        fault("create", 0.05, json!({ "html": 502 })),
        fault("create", 0.05, json!({ "truncate": true })),
        fault("create", 0.05, json!({ "drop_before": true })),
        fault("create", 0.1, json!({ "http": 503, "retry_after": 1 })),
        fault("create", 0.05, json!({ "http": 422 })),
        fault("create", 0.05, json!({ "callback_before_answer": true })),
        fault("create", 0.05, json!({ "hang": true })),
        fault("create", 0.1, json!({ "fail": "service_error" })),
        fault("create", 0.1, json!({ "credits_used": 9.5 })),
        fault("create", 0.1, json!({ "reserve_factor": 1.5 })),
        fault("callback", 0.3, json!({ "duplicate_callbacks": 3 })),
        fault("callback", 0.15, json!({ "no_callback": true })),
        fault("callback", 0.2, json!({ "delay": 0.5 })),
        fault("read", 0.1, json!({ "http": 500 })),
        fault("read", 0.1, json!({ "http": 404 })),
        fault("read", 0.05, json!({ "drop_before": true })),
        fault("list", 0.2, json!({ "http": 502 })),
        fault("cancel", 0.3, json!({ "drop_after_accept": true })),
    ])
}

/// A tenant's program: submits the same wish until it is heard, then polls to the end. Every other one
/// sends an idempotency key, and every fifth wish is cancelled.
pub(crate) struct Worker<'a> {
    pub(crate) number: usize,
    pub(crate) team: &'a Tenant,
    pub(crate) hook: String,
    pub(crate) over: &'a AtomicBool,
    pub(crate) done: &'a AtomicUsize,
}

impl Worker<'_> {
    pub(crate) async fn run(&self) {
        for wish in 0_usize.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            if let Some(id) = self.submit(wish).await {
                if (self.number + wish) % 5 == 4 {
                    let _ = self.try_post(&format!("/v1/tasks/{id}/cancel")).await;
                }
                self.poll(&id).await;
            }
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn submit(&self, wish: usize) -> Option<String> {
        let prompt = format!("worker {} wish {wish}.", self.number);
        let key = self
            .number
            .is_multiple_of(2)
            .then(|| format!("key-{}-{wish}", self.number));
        let prompt = if key.is_some() {
            format!("keyed {prompt}")
        } else {
            prompt
        };
        let body = json!({
            "model": "seedance-2.0",
            "prompt": prompt,
            "duration": 4 + wish % 8,
            "callback_url": self.hook,
        });
        let attempt = async || {
            let mut request = self
                .team
                .request(http::Method::POST, "/v1/videos/generations");
            if let Some(key) = &key {
                request = request.header("idempotency-key", key);
            }
            let answer = self.team.try_send(request.json(&body)).await.ok()?;
            match answer.status {
                200 => Some(Some(answer.json()["id"].as_str()?.to_owned())),
                422 => Some(None),
                429 | 503 => None,
                _ => panic!(
                    "{} answered {}: {}",
                    answer.call,
                    answer.status,
                    answer.text()
                ),
            }
        };
        until(&format!("an answer to {prompt}"), attempt).await
    }

    /// Polls for some seconds; a task that takes longer is left to the gateway.
    async fn poll(&self, id: &str) {
        let patience = Instant::now() + Duration::from_secs(4);
        until(&format!("{id} was polled"), async || {
            if self.over.load(Ordering::Relaxed) || Instant::now() > patience {
                return Some(());
            }
            let request = self
                .team
                .request(http::Method::GET, &format!("/v1/tasks/{id}"));
            let answer = self.team.try_send(request).await.ok()?;
            if answer.status == 503 {
                // The store is away.
                return None;
            }
            let status = answer.ok()["status"].clone();
            (status != "pending" && status != "processing").then_some(())
        })
        .await;
    }

    async fn try_post(&self, path: &str) -> Option<()> {
        let request = self.team.request(http::Method::POST, path);
        self.team.try_send(request).await.ok().map(|_| ())
    }
}
