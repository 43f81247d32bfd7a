//! EvoLink's callbacks in. A callback is a hint (invariant 9): a valid token makes the task due now,
//! durably, and is answered 2xx; then a read with our own key decides.

use axum::extract::{Request, State as Extracted};
use axum::response::{IntoResponse as _, Response};
use evogate_models::account::Account;
use evogate_models::life::submit::{Intent, hold};
use evogate_models::quota::Windows;
use evogate_models::report::Report;
use evogate_models::task::{Author, Spec, Task};
use evogate_models::time::millis;
use evogate_store::{StoreError, TaskCommand, TurnError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body;
use crate::context::Context;
use crate::error::ApiError;
use crate::failpoint;
use crate::metrics::CALLBACKS;
use crate::openapi::{refusals, schemas};
use crate::path::Segment;
use crate::state::Gateway;
use crate::token::{Claims, Tokens};

/// The largest callback that is looked into; what is larger is a hint all the same.
const MAX_BODY: usize = 256 * 1024;

/// The hint was taken.
#[derive(Serialize, ToSchema)]
#[schema(as = CallbackTaken)]
struct Taken {
    /// Always true.
    success: bool,
}

/// The answer to `evogate doctor`'s probe.
#[derive(Debug, Serialize, Deserialize)]
pub struct Probed {
    /// What only who has `callbacks.secret` can say.
    pub proof: String,
}

/// Takes EvoLink's word that a task has ended.
///
/// The token in the path is the credential. The body proves nothing and is only a hint.
#[utoipa::path(post, path = "/callbacks/evolink/{token}", tag = "Callbacks", request_body(content = Option<schemas::Task>, description = "The task object"), responses(
    (status = 200, description = "Taken: the task is read with the gateway's own key", body = Taken),
    refusals::RouteNotFound, refusals::Broken, refusals::StoreUnavailable,
))]
pub async fn receive(
    Extracted(gateway): Extracted<Gateway>,
    context: Context,
    Segment(token): Segment,
    request: Request,
) -> Result<Response, ApiError> {
    let claims = gateway
        .tokens
        .as_ref()
        .and_then(|t| t.check(&token, gateway.store.now()));
    let Some(claims) = claims else {
        return no_callback(&gateway, &token);
    };
    context.set_tenant(&claims.tenant);
    context.set_task(&claims.task);
    // The body proves nothing; only the id in it may help to find a task that is unknown.
    let body = body::read(request, MAX_BODY).await.unwrap_or_default();
    let upstream = Report::parse(&body).ok().map(|report| report.id);
    let refresh_after = millis(gateway.config.reads.refresh_after);
    let mark = || TaskCommand::Callback {
        upstream: upstream.clone(),
        refresh_after,
    };
    failpoint::pass("callback.before_mark");
    let marked = match gateway
        .store
        .turn(&claims.tenant, &claims.task, mark())
        .await
    {
        Err(TurnError::NoTask) => {
            restore(&gateway, &claims).await?;
            gateway
                .store
                .turn(&claims.tenant, &claims.task, mark())
                .await
        }
        other => other,
    };
    match marked {
        Ok(_) => {
            count("taken");
            Ok(axum::Json(Taken { success: true }).into_response())
        }
        // The token was good once, but its tenant is gone: nothing to tell anybody.
        Err(TurnError::NoTask) => {
            count("no_tenant");
            Err(ApiError::route_not_found())
        }
        Err(error) => {
            count("not_stored");
            Err(error.into())
        }
    }
}

/// What is no callback may be `evogate doctor`, who asks whether callbacks would come.
fn no_callback(gateway: &Gateway, token: &str) -> Result<Response, ApiError> {
    let answer = |tokens: &Tokens| tokens.answer_probe(token, gateway.store.now());
    let Some(proof) = gateway.tokens.as_ref().and_then(answer) else {
        count("bad_token");
        return Err(ApiError::route_not_found());
    };
    Ok(axum::Json(Probed { proof }).into_response())
}

fn count(outcome: &'static str) {
    CALLBACKS.one([outcome]);
}

/// Makes a record again that the store has lost, as far as the token knows it.
async fn restore(gateway: &Gateway, claims: &Claims) -> Result<(), ApiError> {
    let lost = |error: StoreError| ApiError::from(error);
    if gateway
        .store
        .tenant(&claims.tenant)
        .await
        .map_err(lost)?
        .is_none()
    {
        return Ok(());
    }
    let now = gateway.store.now();
    let Some(task) = from_claims(gateway, claims) else {
        return Err(ApiError::internal(&"a token's task can't be made"));
    };
    tracing::error!(task = %task.id, tenant = %task.tenant, "a task that the store had lost is made again");
    let until = now.plus(millis(gateway.config.submit.unknown_deadline));
    gateway.store.restore(task, until).await?;
    Ok(())
}

/// The task that a token tells of. Its model is not known, so that every model fits it.
fn from_claims(gateway: &Gateway, claims: &Claims) -> Option<Task> {
    let intent = Intent {
        id: claims.task.clone(),
        tenant: claims.tenant.clone(),
        author: Author::default(),
        spec: Spec {
            kind: claims.kind,
            model: String::new(),
            duration: None,
            quality: None,
            estimated_time: 0,
            shortest: 0,
            longest: 0,
            billing_rule: String::new(),
        },
        estimate: claims.estimate,
        callback_url: None,
        idempotency_key: None,
        fingerprint: String::new(),
        resend: None,
        send_within: 0,
        lease: 0,
        deadline: millis(gateway.config.tasks.deadline),
        windows: Windows::default(),
        trace: None,
    };
    Some(
        hold(Account::default(), true, intent, claims.created)
            .ok()?
            .books
            .task,
    )
}
