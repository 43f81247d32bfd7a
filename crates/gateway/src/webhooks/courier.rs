//! One attempt to deliver: signed, sent, its answer read and recorded.

use std::sync::Arc;
use std::time::Duration;

use evogate_models::Timestamp;
use evogate_models::delivery::{Attempt, Delivery, DeliveryState, End};
use evogate_models::event::{Event, Target};
use evogate_models::life::results;
use evogate_store::{Claimed, Clock, Random, Store, StoreError, TaskCommand, TurnError};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, Response};
use tokio::time::{Instant, sleep, timeout};

use super::guard::{GuardedClient, explain};
use super::retry_after::retry_after;
use super::signature::signatures;
use super::{SigningKey, Vault};
use crate::context::{self, Context};
use crate::failpoint;
use crate::metrics::{
    WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINTS_DISABLED, WEBHOOK_LAG_SECONDS, WEBHOOK_SECONDS,
};
use crate::telemetry::{Kind, Span};

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
    pub(super) vault: Vault,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

/// What came of a delivery that was claimed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Report {
    /// Was it taken?
    pub(super) good: bool,
    /// When it is due again.
    pub(super) due: Option<Timestamp>,
}

/// An answer, as far as it is recorded.
struct Answer {
    end: End,
    text: Option<String>,
}

/// Where a delivery goes; none where the endpoint was deleted.
pub(super) fn address(claimed: &Claimed) -> Option<&str> {
    match claimed.delivery.target {
        Target::Endpoint(_) => claimed.endpoint.as_ref().map(|endpoint| &*endpoint.url),
        Target::Callback(_) => claimed.event.callback_url.as_deref(),
    }
}

/// What an attempt is about. It belongs to the trace of the request that made the event's task.
pub(super) fn context(claimed: &Claimed) -> Context {
    let (event, delivery) = (&claimed.event, &claimed.delivery);
    Context::of_work(Some(&delivery.tenant), event.task.as_ref(), event.trace)
}

impl Courier {
    /// Makes one attempt and records it. What can't be recorded is sent again when its lease ends,
    /// under the same id.
    pub(super) async fn deliver(&self, claimed: &Claimed) -> Report {
        failpoint::pass("webhook.claimed");
        let (event, delivery) = (&claimed.event, &claimed.delivery);
        let keys = match self.keys(claimed).await {
            Ok(keys) => keys,
            Err(error) => {
                tracing::warn!(event = %event.id, %error, "a webhook waits for the store");
                return self.put_off(delivery).await;
            }
        };
        let (at, begun) = (self.store.now(), Instant::now());
        if delivery.made == 0 {
            WEBHOOK_LAG_SECONDS.record([], seconds(at.since(event.at)));
        }
        let sent = match (address(claimed), keys) {
            (None, _) => Err((End::Gone, "the endpoint was deleted".to_owned())),
            (Some(_), Err(why)) => Err((End::NotSent, why)),
            (Some(url), Ok(keys)) => {
                let sent = self.send(url, event, delivery, &keys).await;
                sent.map_err(|why| (End::Silent, why))
            }
        };
        let took = begun.elapsed();
        WEBHOOK_SECONDS.record([], took.as_secs_f64());
        let (end, text, error) = match sent {
            Ok(answer) => (answer.end, answer.text, None),
            Err((end, error)) => (end, None, Some(error)),
        };
        let attempt = Attempt {
            at,
            took_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
            status: end.status(),
            answer: text,
            error,
        };
        failpoint::pass("webhook.sent");
        let recorded = self.record(delivery, &attempt, end).await;
        if let Some(recorded) = &recorded {
            tell(recorded, &attempt, &end);
            self.note_taken(event, recorded).await;
        }
        Report {
            good: end.is_good(),
            due: recorded.and_then(|delivery| delivery.due),
        }
    }

    /// The keys to sign with: the endpoint's own, or those of the tenant. The inner error is the
    /// tenant's; it is recorded like a failed attempt.
    async fn keys(&self, claimed: &Claimed) -> Result<Result<Vec<SigningKey>, String>, StoreError> {
        let tenant = &claimed.delivery.tenant;
        let secrets = match (&claimed.endpoint, &claimed.delivery.target) {
            (Some(endpoint), _) => endpoint.secrets.clone(),
            (None, Target::Endpoint(_)) => Vec::new(),
            (None, Target::Callback(_)) => match self.store.tenant(tenant).await? {
                Some(view) => view.tenant.webhook_secrets,
                None => return Ok(Err("the tenant is gone".to_owned())),
            },
        };
        let now = self.store.now();
        let current = secrets.iter().rev().filter(|secret| secret.is_current(now));
        let keys: Result<Vec<_>, _> = current
            .map(|secret| self.vault.open(tenant, secret))
            .collect();
        Ok(match keys {
            Ok(keys) if keys.is_empty() => Err("there is no secret to sign with".to_owned()),
            Ok(keys) => Ok(keys),
            Err(error) => Err(error.to_string()),
        })
    }

    async fn send(
        &self,
        url: &str,
        event: &Event,
        delivery: &Delivery,
        keys: &[SigningKey],
    ) -> Result<Answer, String> {
        let request = self.client.request(Method::POST, url);
        let mut request = request.map_err(|error| error.to_string())?;
        let now = self.clock.now();
        let body = event.body().into_owned();
        if let Some(endpoint) = delivery.target.endpoint() {
            request = request.header("x-evogate-endpoint", endpoint.as_str());
        }
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", event.id.as_str())
            .header("webhook-timestamp", now.seconds())
            .header("webhook-signature", signatures(keys, &event.id, now, &body))
            .header("x-evogate-event", event.kind.as_str())
            .header("x-evogate-attempt", delivery.made.saturating_add(1))
            .body(body);
        let mut span = Span::below("webhook", Kind::Client);
        let sent = async { request.headers(context::outgoing_trace()).send().await };
        let sent = span.around(sent).await;
        span.tell(|facts| {
            facts.set("evogate.event", event.kind.as_str());
            facts.set(
                "evogate.attempt",
                i64::from(delivery.made.saturating_add(1)),
            );
            match &sent {
                Ok(response) => facts.set(
                    "http.response.status_code",
                    i64::from(response.status().as_u16()),
                ),
                Err(_) => facts.fail(),
            }
        });
        drop(span);
        let response = sent.map_err(|error| explain(&error))?;
        let wait = response.headers().get(RETRY_AFTER);
        let wait = wait.and_then(|value| value.to_str().ok());
        let end = End::Answered {
            status: response.status().as_u16(),
            retry_after: wait.and_then(|value| retry_after(value, now)),
        };
        let text = text(response).await;
        Ok(Answer { end, text })
    }

    async fn record(&self, delivery: &Delivery, attempt: &Attempt, end: End) -> Option<Delivery> {
        let (claim, jitter) = (delivery.claim(), self.random.unit());
        let event = &delivery.event;
        let mut waits = RECORD_AGAIN.into_iter();
        loop {
            let recorded = self
                .store
                .attempted(&claim, attempt.clone(), end, jitter)
                .await;
            match (recorded, waits.next()) {
                (Ok(Some(recorded)), _) => return Some(recorded),
                (Ok(None), _) => {
                    tracing::warn!(%event, "a webhook was sent by somebody else meanwhile");
                    return None;
                }
                (Err(error), Some(wait)) => {
                    tracing::warn!(%event, %error, "an attempt is not recorded yet");
                    sleep(wait).await;
                }
                (Err(error), None) => {
                    tracing::error!(%event, %error, "an attempt is not recorded: it comes again");
                    return None;
                }
            }
        }
    }

    /// Whoever takes the event that results run out, or after that the one that brings them, ends the care for
    /// them. Where that can't be noted they are counted among those that run out for some hours more.
    async fn note_taken(&self, event: &Event, delivery: &Delivery) {
        let Some(task) = &event.task else { return };
        let late = results::taken_late(event.kind, event.at, self.store.now());
        if !late || delivery.state != DeliveryState::Delivered {
            return;
        }
        let mut waits = RECORD_AGAIN.into_iter();
        loop {
            let command = TaskCommand::Fetched;
            match (
                self.store.turn(&event.tenant, task, command).await,
                waits.next(),
            ) {
                // One that has left needs no care.
                (Ok(_) | Err(TurnError::NoTask), _) => return,
                (Err(error), None) => {
                    tracing::warn!(event = %event.id, %error, "that results were taken is not noted");
                    return;
                }
                (Err(_), Some(wait)) => sleep(wait).await,
            }
        }
    }

    /// Not an attempt: it comes again soon, or when its lease ends.
    async fn put_off(&self, delivery: &Delivery) -> Report {
        let due = self.store.now().after(NOT_BEGUN);
        // Where this fails as well, the lease brings it back.
        let _ = self.store.postpone(&delivery.claim(), due).await;
        Report {
            good: false,
            due: Some(due),
        }
    }
}

fn tell(delivery: &Delivery, attempt: &Attempt, end: &End) {
    let outcome = match delivery.state {
        DeliveryState::Delivered => "delivered",
        DeliveryState::Pending => "retry",
        DeliveryState::Dead => "dead",
    };
    WEBHOOK_DELIVERIES.one([outcome]);
    if end.status() == Some(410) && delivery.target.endpoint().is_some() {
        WEBHOOK_ENDPOINTS_DISABLED.one([]);
        tracing::warn!(endpoint = %delivery.target, tenant = %delivery.tenant,
            "an endpoint is gone and gets nothing any more");
    }
    tracing::info!(
        event = %delivery.event,
        target = %delivery.target,
        tenant = %delivery.tenant,
        task = delivery.task.as_ref().map(evogate_models::TaskId::as_str),
        attempt = delivery.made,
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
