//! `POST /admin/v1/ledger/import`: takes an export into an empty store.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use evogate_store::ImportError;
use evogate_store::ledger::import::{Imported, Importer};
use futures::TryStreamExt as _;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::By;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::openapi::refusals;
use crate::state::Gateway;

/// The longest line, in bytes: a task is some kilobytes; an opening has a row for each hold that was open.
const MAX_LINE: usize = 64 << 20;

/// What an import wrote.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerImported)]
struct Done {
    /// `ledger.import`
    object: &'static str,
    /// Lines read.
    lines: u64,
    tenants: u64,
    keys: u64,
    endpoints: u64,
    /// Lines of tasks: one that moved while it was exported has several.
    tasks: u64,
    /// Entries of journals.
    entries: u64,
    admins: u64,
    /// Admins left out, since there is one of that name or key already.
    admins_kept: u64,
}

/// Imports a ledger into an empty store.
///
/// The body is what `GET /admin/v1/ledger/export` gave. Each tenant is checked and then written in one step. A
/// line that can't be taken ends the import: `message` says which and why, and whether anything was written.
/// Then empty the store before the next try.
#[utoipa::path(post, path = "/admin/v1/ledger/import", tag = "Admin: reports",
    request_body(content = String, content_type = "application/x-ndjson"), responses(
    (status = 200, description = "All of it is in the store", body = Done),
    refusals::InvalidLedger, refusals::StoreNotEmpty,
))]
pub async fn post(
    gateway: Gateway,
    admin: Admin,
    by: By,
    request: Request,
) -> Result<Response, ApiError> {
    let by = by.actor(&admin);
    let importer = Importer::new(gateway.store.clone(), by).await;
    let mut importer = importer.map_err(|error| refused(error, 0))?;
    let done = read(&mut importer, request).await;
    let Imported {
        counts,
        tenants,
        admins,
        admins_kept,
    } = done.map_err(|error| refused(error, importer.tenants()))?;
    Ok(Json(Done {
        object: "ledger.import",
        lines: counts.lines,
        tenants,
        keys: counts.keys,
        endpoints: counts.endpoints,
        tasks: counts.tasks,
        entries: counts.entries,
        admins,
        admins_kept,
    })
    .into_response())
}

/// Reads the body line by line: it may be of any length.
async fn read(importer: &mut Importer, request: Request) -> Result<Imported, ImportError> {
    let mut body = request.into_body().into_data_stream();
    let mut rest: Vec<u8> = Vec::new();
    loop {
        // A body that breaks off lacks its trailer, which the end of the import says.
        let chunk = body.try_next().await.unwrap_or_else(|error| {
            tracing::debug!(%error, "the body of an import broke off");
            None
        });
        let Some(chunk) = chunk else { break };
        let mut pieces = chunk.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            if piece.len() > MAX_LINE.saturating_sub(rest.len()) {
                return Err(importer.fault("the line is too long").into());
            }
            rest.extend_from_slice(piece);
            if pieces.peek().is_some() {
                take(importer, &rest).await?;
                rest.clear();
            }
        }
    }
    take(importer, &rest).await?;
    Ok(importer.end()?)
}

async fn take(importer: &mut Importer, line: &[u8]) -> Result<(), ImportError> {
    if line.trim_ascii().is_empty() {
        return Ok(());
    }
    importer.line(line).await
}

fn refused(error: ImportError, tenants: u64) -> ApiError {
    match error {
        ImportError::NotEmpty | ImportError::BrokenOff => {
            ApiError::store_not_empty(&error.to_string())
        }
        ImportError::Fault(fault) => ApiError::ledger_refused(fault.line, &fault.why, tenants),
        ImportError::Taken(why) => ApiError::ledger_refused(0, &why, tenants),
        ImportError::Store(error) => error.into(),
    }
}
