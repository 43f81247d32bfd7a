//! `GET /admin/v1/ledger/export`: the books of every tenant as lines of JSON, enough to rebuild every
//! balance in an empty store.

use std::io;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use evogate_store::StoreError;
use evogate_store::ledger::export::export;
use evogate_store::ledger::{Counts, Line};
use futures::stream;
use serde_json::json;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinHandle;

use crate::admin::By;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::state::Gateway;

/// Pages that wait for a slow reader.
const AHEAD: usize = 2;

/// An export on its way out.
struct Going {
    pages: Receiver<Vec<Line>>,
    work: JoinHandle<Result<Counts, StoreError>>,
}

/// Exports the ledger.
///
/// One JSON object a line: a header, tenant after tenant with all that is its own, the admins, a trailer. A
/// file without its trailer was cut. Secrets are in it as they are stored: keys as digests, the secrets of
/// webhooks sealed where `webhooks.encryption_key` is set.
#[utoipa::path(get, path = "/admin/v1/ledger/export", tag = "Admin: reports", responses(
    (status = 200, description = "The lines", body = String, content_type = "application/x-ndjson",
        headers(("cache-control" = String, description = "`no-store`"))),
))]
pub async fn get(gateway: Gateway, admin: Admin, by: By) -> Result<Response, ApiError> {
    let actor = by.actor(&admin);
    let what = "ledger".to_owned();
    let store = gateway.store.clone();
    store
        .note_audit(&actor, "ledger.export", what, json!(null))
        .await?;
    let (out, pages) = mpsc::channel(AHEAD);
    let work = gateway.background.spawn(async move {
        let done = export(&store, &out).await;
        if let Err(error) = &done {
            tracing::warn!(%error, "an export of the ledger broke off");
        }
        done
    });
    let lines = stream::try_unfold(Going { pages, work }, next);
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-ndjson"),
        ),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// The next page as text. What broke off ends the connection, so that nobody takes it for whole.
async fn next(mut going: Going) -> io::Result<Option<(Bytes, Going)>> {
    if let Some(page) = going.pages.recv().await {
        let mut text = Vec::new();
        for line in &page {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        return Ok(Some((text.into(), going)));
    }
    let done = going.work.await.map_err(io::Error::other)?;
    done.map(|_| None).map_err(io::Error::other)
}
