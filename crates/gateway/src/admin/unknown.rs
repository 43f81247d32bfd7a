//! `/admin/v1/unknown`: submits whose outcome is not known, what in EvoLink's list could be theirs, and
//! an admin's decision about one.

use std::collections::HashMap;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use evogate_models::life::LifeError;
use evogate_models::life::bind::Found;
use evogate_models::task::{State, Task};
use evogate_models::{TaskId, TenantId, Timestamp, UpstreamId};
use evogate_store::{TaskCommand, TurnError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::By;
use crate::auth::{Admin, Viewer};
use crate::error::ApiError;
use crate::evolink::{ListEntry, ReadOutcome};
use crate::openapi::{refusals, schemas};
use crate::path::Segment;
use crate::reconcile;
use crate::state::Gateway;

/// Unknown submits.
#[derive(Serialize, ToSchema)]
#[schema(as = UnknownSubmits)]
struct List {
    object: &'static str,
    total: usize,
    data: Vec<Unknown>,
    /// Why no candidates are shown, when EvoLink's list could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    candidates_error: Option<String>,
}

/// A submit whose outcome is not known. Times are Unix seconds.
#[derive(Serialize, ToSchema)]
#[schema(as = UnknownSubmit)]
struct Unknown {
    #[schema(value_type = String)]
    id: TaskId,
    #[schema(value_type = String)]
    tenant: TenantId,
    model: String,
    created: i64,
    since: i64,
    /// When it is given up as lost.
    until: i64,
    why: String,
    credits_held: Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    candidates: Option<Vec<Candidate>>,
}

/// A task of EvoLink's that could be it.
#[derive(Serialize, ToSchema)]
struct Candidate {
    #[schema(value_type = String)]
    upstream_id: UpstreamId,
    #[schema(required = true)]
    model: Option<String>,
    #[schema(required = true)]
    created: Option<i64>,
    #[schema(required = true)]
    status: Option<String>,
}

impl From<&ListEntry> for Candidate {
    fn from(listed: &ListEntry) -> Self {
        Self {
            upstream_id: listed.id.clone(),
            model: listed.model.clone(),
            created: listed.created.map(Timestamp::seconds),
            status: listed.status.clone(),
        }
    }
}

/// Lists the submits whose outcome is not known.
#[utoipa::path(get, path = "/admin/v1/unknown", tag = "Admin: unknown submits", responses(
    (status = 200, description = "The submits, with what in EvoLink's list could be theirs", body = List),
))]
pub async fn list(gateway: Gateway, _: Viewer) -> Result<Response, ApiError> {
    let tasks = gateway.store.unbound().await?;
    let unknown: Vec<&Task> = tasks
        .iter()
        .filter(|task| matches!(task.state, State::Unknown { .. }))
        .collect();
    let candidates = if unknown.is_empty() {
        Ok(HashMap::new())
    } else {
        gateway.matcher.candidates(&gateway).await
    };
    let data = unknown.iter().filter_map(|task| {
        let State::Unknown { since, until, why } = &task.state else {
            return None;
        };
        let fitting = candidates.as_ref().ok().map(|all| all.get(&task.id));
        Some(Unknown {
            id: task.id.clone(),
            tenant: task.tenant.clone(),
            model: task.spec.model.clone(),
            created: task.created.seconds(),
            since: since.seconds(),
            until: until.seconds(),
            why: why.0.clone(),
            credits_held: Decimal(task.hold),
            candidates: fitting.map(|all| all.into_iter().flatten().map(Candidate::from).collect()),
        })
    });
    let data: Vec<Unknown> = data.collect();
    let candidates_error = candidates.as_ref().err().map(ToString::to_string);
    Ok(Json(List {
        object: "list",
        total: data.len(),
        data,
        candidates_error,
    })
    .into_response())
}

/// What an admin decided.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "decision", rename_all = "snake_case", deny_unknown_fields)]
enum Decision {
    /// This is EvoLink's task.
    Bind {
        #[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
        tenant: TenantId,
        #[schema(value_type = String, pattern = "^(?!\\.+$)[A-Za-z0-9._-]{1,128}$")]
        upstream_id: UpstreamId,
    },
    /// EvoLink does not have it: the hold is given back.
    Lost {
        #[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
        tenant: TenantId,
    },
}

/// The task after the decision.
#[derive(Serialize, ToSchema)]
struct Decided {
    #[schema(value_type = String)]
    id: TaskId,
    #[schema(value_type = String)]
    tenant: TenantId,
    #[schema(schema_with = schemas::state)]
    state: &'static str,
    credits_held: Decimal,
    credits_charged: Decimal,
}

/// Decides about an unknown submit: EvoLink's task is named, or it is lost.
#[utoipa::path(post, path = "/admin/v1/unknown/{task}", tag = "Admin: unknown submits", request_body = Decision, responses(
    (status = 200, description = "The task as it is now", body = Decided),
    refusals::InvalidBody, refusals::TaskIdNotFound, refusals::NotDecided, refusals::TooLarge,
    refusals::DecisionUnavailable,
))]
pub async fn decide(
    gateway: Gateway,
    admin: Admin,
    by: By,
    Segment(task): Segment,
    request: Request,
) -> Result<Response, ApiError> {
    let id: TaskId = task.parse().map_err(|_| ApiError::task_not_found())?;
    let decision: Decision = super::json(request).await?;
    let (Decision::Bind { tenant, .. } | Decision::Lost { tenant }) = &decision;
    let task = gateway
        .store
        .task(tenant, &id)
        .await?
        .ok_or_else(ApiError::task_not_found)?;
    if !matches!(task.state, State::Unknown { .. }) {
        return Err(ApiError::not_unknown(task.state.name()));
    }
    let command = match &decision {
        Decision::Lost { .. } => TaskCommand::Lose,
        Decision::Bind { upstream_id, .. } => bind(&gateway, upstream_id).await?,
    };
    let by = by.actor(&admin);
    let outcome = match gateway.store.decide(tenant, &id, command, &by).await {
        Err(TurnError::Life(LifeError::Invalid(state))) => {
            return Err(ApiError::not_unknown(state));
        }
        other => other?,
    };
    reconcile::count_end(&gateway, &outcome);
    let task = outcome.task;
    tracing::warn!(task = %task.id, tenant = %task.tenant, admin = admin.name,
        state = task.state.name(), "an unknown submit was decided");
    Ok(Json(Decided {
        state: task.state.name(),
        credits_held: Decimal(task.hold),
        credits_charged: Decimal(task.charged),
        id: task.id,
        tenant: task.tenant,
    })
    .into_response())
}

/// Reads EvoLink's task: an admin's word alone binds nothing (invariant 12).
async fn bind(gateway: &Gateway, upstream: &UpstreamId) -> Result<TaskCommand, ApiError> {
    match gateway.evolink.read(upstream).await {
        ReadOutcome::Task(report) if report.id == *upstream => Ok(TaskCommand::Bind {
            report: *report,
            found: Found::Admin,
            window: gateway.submit_window(),
        }),
        ReadOutcome::Task(_) | ReadOutcome::NotFound => {
            Err(ApiError::upstream_mismatch("EvoLink knows no such task"))
        }
        ReadOutcome::RateLimited { .. } | ReadOutcome::Failed { .. } => Err(
            ApiError::upstream_unavailable("EvoLink could not be asked; please retry", None),
        ),
    }
}
