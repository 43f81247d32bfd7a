//! One attempt to deliver: signed, sent, its answer read and recorded.

use std::sync::Arc;
use std::time::Duration;

use evogate_models::Timestamp;
use evogate_models::event::{Attempt, Delivery, DeliveryState};
use evogate_store::{Clock, Random, Store};
use metrics::{counter, histogram};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, Response};
use tokio::time::{Instant, sleep, timeout};

use super::guard::{GuardedClient, explain};
use super::lanes::Outcome;
use super::verdict::{End, retry_after};
use super::{DELIVERIES, DELIVERY_SECONDS, LAG_SECONDS, SigningKey};

/// How much of an answer is read, so that its connection can be used again.
const READ: usize = 16 * 1024;
/// How much of it is kept.
const KEPT: usize = 1024;
/// How long its body may take: the status has said everything that counts.
const BODY_WITHIN: Duration = Duration::from_secs(2);
/// How long a delivery is put off that could not be begun, because the store failed.
const NOT_BEGUN: Duration = Duration::from_secs(5);
/// The waits between tries to record an attempt.
const RECORD_AGAIN: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];

/// Makes attempts.
#[derive(Debug)]
pub(super) struct Courier {
    pub(super) store: Store,
    pub(super) client: GuardedClient,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

/// What came of a delivery that was claimed.
#[derive(Debug)]
pub(super) struct Report {
    /// What it says of the endpoint.
    pub(super) outcome: Outcome,
    /// How long it took.
    pub(super) took: Duration,
    /// When the delivery is due again.
    pub(super) due: Option<Timestamp>,
}

/// An answer, as far as it is recorded.
struct Answer {
    status: u16,
    retry_after: Option<Duration>,
    text: Option<String>,
}

impl Courier {
    /// Makes one attempt and records it. What can't be recorded is sent again when its lease ends,
    /// under the same id.
    pub(super) async fn deliver(&self, delivery: &Delivery) -> Report {
        let begun = Instant::now();
        let key = match self.key(delivery).await {
            Ok(key) => key,
            Err(error) => {
                tracing::warn!(event = %delivery.event, %error, "a webhook waits for the store");
                return self.put_off(delivery).await;
            }
        };
        let at = self.store.now();
        if delivery.attempts.is_empty() {
            histogram!(LAG_SECONDS).record(seconds(at.since(delivery.at)));
        }
        let asked = key.is_ok();
        let sent = match key {
            Ok(key) => self.send(delivery, &key).await,
            Err(why) => Err(why),
        };
        let took = begun.elapsed();
        histogram!(DELIVERY_SECONDS).record(took.as_secs_f64());
        let (answer, error) = match sent {
            Ok(answer) => (Some(answer), None),
            Err(error) => (None, Some(error)),
        };
        let end = End {
            status: answer.as_ref().map(|answer| answer.status),
            retry_after: answer.as_ref().and_then(|answer| answer.retry_after),
        };
        let made = delivery.attempts.len().saturating_add(1);
        let (state, due) = end.verdict(made, self.random.unit(), self.store.now());
        let attempt = Attempt {
            at,
            took_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
            status: end.status,
            answer: answer.and_then(|answer| answer.text),
            error,
        };
        tell(delivery, &attempt, state);
        self.record(delivery, attempt, state, due).await;
        let outcome = match (asked, end.is_good()) {
            (true, true) => Outcome::Taken,
            (true, false) => Outcome::Failed,
            (false, _) => Outcome::NotSent,
        };
        Report { outcome, took, due }
    }

    /// The key to sign with. The inner error is the tenant's; it is recorded like a failed attempt.
    async fn key(
        &self,
        delivery: &Delivery,
    ) -> Result<Result<SigningKey, String>, evogate_store::StoreError> {
        let Some(view) = self.store.tenant(&delivery.tenant).await? else {
            return Ok(Err("the tenant is gone".to_owned()));
        };
        let key = SigningKey::new(&view.tenant.webhook_secret);
        Ok(key.map_err(|weak| weak.to_string()))
    }

    async fn send(&self, delivery: &Delivery, key: &SigningKey) -> Result<Answer, String> {
        let request = self.client.request(Method::POST, &delivery.url);
        let request = request.map_err(|error| error.to_string())?;
        let now = self.clock.now();
        let response = request
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", delivery.event.as_str())
            .header("webhook-timestamp", now.seconds())
            .header(
                "webhook-signature",
                key.sign(&delivery.event, now, &delivery.body),
            )
            .header("x-evogate-event", delivery.kind.as_str())
            .header(
                "x-evogate-attempt",
                delivery.attempts.len().saturating_add(1),
            )
            .body(delivery.body.clone())
            .send()
            .await
            .map_err(|error| explain(&error))?;
        let wait = response.headers().get(RETRY_AFTER);
        let wait = wait.and_then(|value| value.to_str().ok());
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after: wait.and_then(|value| retry_after(value, now)),
            text: text(response).await,
        })
    }

    async fn record(
        &self,
        delivery: &Delivery,
        attempt: Attempt,
        state: DeliveryState,
        due: Option<Timestamp>,
    ) {
        let Delivery {
            tenant,
            event,
            fence,
            ..
        } = delivery;
        let mut waits = RECORD_AGAIN.into_iter();
        loop {
            let recorded = self
                .store
                .attempted(tenant, event, *fence, attempt.clone(), state, due);
            match (recorded.await, waits.next()) {
                (Ok(true), _) => return,
                (Ok(false), _) => {
                    tracing::warn!(%event, "a webhook was sent by somebody else meanwhile");
                    return;
                }
                (Err(error), Some(wait)) => {
                    tracing::warn!(%event, %error, "an attempt is not recorded yet");
                    sleep(wait).await;
                }
                (Err(error), None) => {
                    tracing::error!(%event, %error, "an attempt is not recorded: it comes again");
                    return;
                }
            }
        }
    }

    /// Not an attempt: it comes again soon, or when its lease ends.
    async fn put_off(&self, delivery: &Delivery) -> Report {
        let Delivery {
            tenant,
            event,
            fence,
            ..
        } = delivery;
        let due = self.store.now().after(NOT_BEGUN);
        // Where this fails as well, the lease brings it back.
        let _ = self.store.postpone(tenant, event, *fence, due).await;
        Report {
            outcome: Outcome::NotSent,
            took: Duration::ZERO,
            due: Some(due),
        }
    }
}

fn tell(delivery: &Delivery, attempt: &Attempt, state: DeliveryState) {
    let outcome = match state {
        DeliveryState::Delivered => "delivered",
        DeliveryState::Pending => "retry",
        DeliveryState::Dead => "dead",
    };
    counter!(DELIVERIES, "outcome" => outcome).increment(1);
    tracing::info!(
        event = %delivery.event,
        tenant = %delivery.tenant,
        task = %delivery.task,
        attempt = delivery.attempts.len().saturating_add(1),
        status = attempt.status,
        error = attempt.error,
        took_ms = attempt.took_ms,
        outcome,
        "webhook"
    );
}

/// The beginning of an answer, as text.
async fn text(mut response: Response) -> Option<String> {
    let mut kept = Vec::new();
    let reading = async {
        let mut read = 0_usize;
        while read < READ
            && let Ok(Some(piece)) = response.chunk().await
        {
            read = read.saturating_add(piece.len());
            let room = KEPT.saturating_sub(kept.len());
            kept.extend(piece.iter().take(room));
        }
    };
    // What came until then is worth keeping either way.
    let _ = timeout(BODY_WITHIN, reading).await;
    (!kept.is_empty()).then(|| String::from_utf8_lossy(&kept).into_owned())
}

/// Milliseconds as seconds. A span of years still fits a float exactly enough.
#[expect(clippy::cast_precision_loss, reason = "a metric")]
fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1000.0
}
