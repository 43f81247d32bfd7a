//! The ops listener's routes: metrics, and whether this replica lives and is ready.

pub mod log_level;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use evogate_store::Gap;
use serde_json::json;

use crate::drain::Phase;
use crate::metrics;
use crate::openapi::schemas;
use crate::state::Gateway;

/// Tells the metrics, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "Ops", responses(
    (status = 200, description = "The metrics", body = String, content_type = "text/plain"),
))]
pub async fn metrics(gateway: Gateway) -> Response {
    gateway.load.publish();
    gateway.shares.publish();
    gateway.evolink.retries().publish();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        metrics::render(),
    )
        .into_response()
}

/// Says that the process answers.
#[utoipa::path(get, path = "/healthz", tag = "Ops", responses(
    (status = 200, description = "The process answers", body = schemas::Health),
))]
pub async fn healthz() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// Says whether this replica can take requests.
#[utoipa::path(get, path = "/readyz", tag = "Ops", responses(
    (status = 200, description = "Ready", body = schemas::Health),
    (status = 503, description = "Not ready: draining, or the store is away", body = schemas::Health),
))]
pub async fn readyz(gateway: Gateway) -> Response {
    if gateway.drain.phase() > Phase::Serving {
        return not_ready("draining");
    }
    match gateway.store.ping().await {
        Ok(()) if !gateway.durability.admits() => {
            not_ready("the store can lose what it answers, and store.require_durable is set")
        }
        Ok(()) => {
            let durability = gateway.durability.last();
            Json(json!({
                "status": "ready",
                "breaker": gateway.breaker.state().as_str(),
                "recovering": gateway.recovery.is_under_way(),
                "durable": durability.is_guaranteed(),
                "durability_gaps": durability.gaps.iter().map(gap).collect::<Vec<_>>(),
            }))
            .into_response()
        }
        Err(error) => {
            tracing::error!(%error, "not ready");
            not_ready("the store is unavailable")
        }
    }
}

fn gap(gap: &Gap) -> serde_json::Value {
    json!({
        "gap": gap.kind.code(),
        "loses": gap.kind.loses(),
        "server": gap.server,
        "seen": gap.seen,
        "consequence": gap.kind.consequence(),
    })
}

fn not_ready(why: &str) -> Response {
    let body = Json(json!({ "status": "not ready", "reason": why }));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}
