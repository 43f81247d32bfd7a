//! Every route, in one list. What a route needs of its caller is in its handler's arguments: a
//! `Scoped<Read>` is a tenant whose credential may read, an `Admin` an admin; a handler with neither is
//! open to everybody.

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{delete, get, post};

use crate::envelope::envelope;
use crate::error::ApiError;
use crate::state::Gateway;
use crate::{admin, api, callbacks, ops};

/// The api listener: tenants and admins, and EvoLink's callbacks unless they have a listener of their
/// own.
pub fn api(gateway: &Gateway, with_callbacks: bool) -> Router {
    let mut router = Router::new()
        .route("/v1/videos/generations", post(api::generations::videos))
        .route("/v1/images/generations", post(api::generations::images))
        .route("/v1/audios/generations", post(api::generations::audios))
        .route("/v1/videos/estimate", post(api::estimate::videos))
        .route("/v1/images/estimate", post(api::estimate::images))
        .route("/v1/audios/estimate", post(api::estimate::audios))
        .route("/v1/tasks", get(api::tasks::list))
        .route("/v1/tasks/batch", post(api::batch::post))
        .route("/v1/tasks/{id}", get(api::task::get))
        .route("/v1/tasks/{id}/cancel", post(api::cancel::post))
        .route("/v1/tasks/{id}/timeline", get(api::timeline::get))
        .route("/v1/tasks/{id}/content", get(api::content::get))
        .route("/v1/credits", get(api::credits::get))
        .route("/v1/models", get(api::models::list))
        .route("/v1/webhooks/secret", get(api::webhook_secret::get))
        .route("/v1/usage", get(api::usage::get))
        .route("/v1/keys", get(api::keys::list).post(api::keys::create))
        .route("/v1/keys/{key}", delete(api::keys::delete))
        .route("/v1/keys/{key}/rotate", post(api::keys::rotate))
        .route(
            "/admin/v1/admins",
            get(admin::admins::list).post(admin::admins::create),
        )
        .route("/admin/v1/admins/{id}", delete(admin::admins::delete))
        .route("/admin/v1/audit", get(admin::audit::list))
        .route(
            "/admin/v1/tenants",
            get(admin::tenants::list).post(admin::tenants::create),
        )
        .route(
            "/admin/v1/tenants/{id}",
            get(admin::tenants::get).patch(admin::tenants::change),
        )
        .route(
            "/admin/v1/tenants/{id}/suspend",
            post(admin::tenants::suspend),
        )
        .route(
            "/admin/v1/tenants/{id}/resume",
            post(admin::tenants::resume),
        )
        .route(
            "/admin/v1/tenants/{id}/quota",
            get(admin::quota::get).put(admin::quota::put),
        )
        .route("/admin/v1/tenants/{id}/grants", post(admin::grants::create))
        .route(
            "/admin/v1/tenants/{id}/keys",
            get(admin::keys::list).post(admin::keys::create),
        )
        .route(
            "/admin/v1/tenants/{id}/keys/{key}",
            delete(admin::keys::delete),
        )
        .route(
            "/admin/v1/tenants/{id}/keys/{key}/rotate",
            post(admin::keys::rotate),
        )
        .route("/admin/v1/tenants/{id}/users", get(admin::reports::users))
        .route("/admin/v1/tenants/{id}/journal", get(admin::journal::list))
        .route(
            "/admin/v1/tenants/{id}/tasks/{task}/timeline",
            get(admin::reports::task_timeline),
        )
        .route("/admin/v1/tasks", get(admin::reports::tasks))
        .route("/admin/v1/usage", get(admin::reports::usage))
        .route("/admin/v1/refused", get(admin::reports::refused))
        .route("/admin/v1/ledger/verify", get(admin::ledger::verify))
        .route("/admin/v1/unknown", get(admin::unknown::list))
        .route("/admin/v1/unknown/{task}", post(admin::unknown::decide));
    if with_callbacks {
        router = router.merge(callback_routes());
    }
    finish(router, gateway)
}

/// The callbacks listener: what EvoLink must reach, and nothing else.
pub fn callbacks(gateway: &Gateway) -> Router {
    finish(callback_routes(), gateway)
}

fn callback_routes() -> Router<Gateway> {
    Router::new().route("/callbacks/evolink/{token}", post(callbacks::receive))
}

/// The ops listener: without credentials, so not for the public.
pub fn ops(gateway: &Gateway) -> Router {
    let router = Router::new()
        .route("/metrics", get(ops::metrics))
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz));
    finish(router, gateway)
}

/// The layers that every listener has: fallbacks that answer in JSON, and outermost the envelope.
fn finish(router: Router<Gateway>, gateway: &Gateway) -> Router {
    router
        .fallback(async || ApiError::route_not_found())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(from_fn(envelope))
        .with_state(gateway.clone())
}
