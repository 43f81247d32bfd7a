//! Every route, in one list, with what it needs of its caller. The routers are built from this list, and
//! the test of who may do what goes through it: a route can't be forgotten, and none is open by mistake.
//! The OpenAPI document is made from it too. Where the compiler misses a `__path_…` in a handler's module,
//! that handler lacks its `#[utoipa::path]`: see [`crate::openapi`] for what to write there.
//!
//! What a route needs is checked by the types in its handler's arguments: a `Scoped<Read>` is a tenant
//! whose credential may read, a `Viewer` any admin, an `Admin` one who may change things.

#[cfg(test)]
mod tests;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::auth::Scope;
use crate::config::LogRequests;
use crate::envelope::envelope;
use crate::error::ApiError;
use crate::openapi::Described;
use crate::state::Gateway;
use crate::{admin, api, callbacks, openapi, ops};

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with its variable segments in braces.
    pub path: &'static str,
    /// Who may call it.
    pub needs: Needs,
    /// The handler's name.
    pub handler: &'static str,
    /// What the annotation beside the handler says of it.
    pub describe: fn() -> Described,
}

/// What a route needs of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// No credential.
    Nothing,
    /// A tenant's credential with this scope.
    Tenant(Scope),
    /// Any admin.
    Viewer,
    /// An admin who may change things.
    Admin,
}

use Needs::{Admin, Nothing, Viewer};

const GENERATE: Needs = Needs::Tenant(Scope::Generate);
const READ: Needs = Needs::Tenant(Scope::Read);
const WEBHOOKS: Needs = Needs::Tenant(Scope::Webhooks);
const TENANT_ADMIN: Needs = Needs::Tenant(Scope::TenantAdmin);

/// A list of routes, and the router that has exactly these.
macro_rules! routes {
    (
        $(#[$doc:meta])*
        $list:ident, $router:ident:
        $($method:ident $path:literal $needs:ident $handler:path,)*
    ) => {
        $(#[$doc])*
        pub const $list: &[Route] = &[
            $(Route {
                method: stringify!($method),
                path: $path,
                needs: $needs,
                handler: stringify!($handler),
                describe: || {
                    let (schemas, paths, _): (_, _, MethodRouter<Gateway>) =
                        utoipa_axum::routes!($handler);
                    Described { schemas, paths }
                },
            },)*
        ];

        fn $router() -> Router<Gateway> {
            Router::new()$(.route($path, on(MethodFilter::$method, $handler)))*
        }
    };
}

routes! {
    /// What tenants and admins call.
    API, api_routes:
    POST   "/v1/videos/generations"      GENERATE      api::generations::videos,
    POST   "/v1/images/generations"      GENERATE      api::generations::images,
    POST   "/v1/audios/generations"      GENERATE      api::generations::audios,
    POST   "/v1/videos/estimate"         GENERATE      api::estimate::videos,
    POST   "/v1/images/estimate"         GENERATE      api::estimate::images,
    POST   "/v1/audios/estimate"         GENERATE      api::estimate::audios,
    GET    "/v1/tasks"                   READ          api::tasks::list,
    POST   "/v1/tasks/batch"             READ          api::batch::post,
    GET    "/v1/tasks/{id}"              READ          api::task::get,
    POST   "/v1/tasks/{id}/cancel"       GENERATE      api::cancel::post,
    GET    "/v1/tasks/{id}/timeline"     READ          api::timeline::get,
    GET    "/v1/tasks/{id}/content"      READ          api::content::get,
    GET    "/v1/credits"                 READ          api::credits::get,
    GET    "/v1/models"                  READ          api::models::list,
    GET    "/v1/usage"                   READ          api::usage::get,
    GET    "/v1/webhooks/secret"         WEBHOOKS      api::webhook_secret::get,
    POST   "/v1/webhooks/secret/rotate"  WEBHOOKS      api::webhook_secret::rotate,
    GET    "/v1/webhooks/endpoints"      WEBHOOKS      api::endpoints::list,
    POST   "/v1/webhooks/endpoints"      WEBHOOKS      api::endpoints::create,
    GET    "/v1/webhooks/endpoints/{endpoint}"               WEBHOOKS  api::endpoints::get,
    PATCH  "/v1/webhooks/endpoints/{endpoint}"               WEBHOOKS  api::endpoints::change,
    DELETE "/v1/webhooks/endpoints/{endpoint}"               WEBHOOKS  api::endpoints::delete,
    POST   "/v1/webhooks/endpoints/{endpoint}/rotate-secret" WEBHOOKS  api::endpoints::rotate_secret,
    POST   "/v1/webhooks/endpoints/{endpoint}/test"          WEBHOOKS  api::endpoints::test,
    POST   "/v1/webhooks/endpoints/{endpoint}/replay"        WEBHOOKS  api::endpoints::replay,
    GET    "/v1/webhooks/deliveries"                         WEBHOOKS  api::deliveries::list,
    GET    "/v1/webhooks/deliveries/{delivery}"              WEBHOOKS  api::deliveries::get,
    POST   "/v1/webhooks/deliveries/{delivery}/redeliver"    WEBHOOKS  api::deliveries::redeliver,
    GET    "/v1/keys"                    TENANT_ADMIN  api::keys::list,
    POST   "/v1/keys"                    TENANT_ADMIN  api::keys::create,
    DELETE "/v1/keys/{key}"              TENANT_ADMIN  api::keys::delete,
    POST   "/v1/keys/{key}/rotate"       TENANT_ADMIN  api::keys::rotate,

    GET    "/admin/v1/admins"                             Viewer  admin::admins::list,
    POST   "/admin/v1/admins"                             Admin   admin::admins::create,
    DELETE "/admin/v1/admins/{id}"                        Admin   admin::admins::delete,
    GET    "/admin/v1/audit"                              Viewer  admin::audit::list,
    GET    "/admin/v1/tenants"                            Viewer  admin::tenants::list,
    POST   "/admin/v1/tenants"                            Admin   admin::tenants::create,
    GET    "/admin/v1/tenants/{id}"                       Viewer  admin::tenants::get,
    PATCH  "/admin/v1/tenants/{id}"                       Admin   admin::tenants::change,
    POST   "/admin/v1/tenants/{id}/suspend"               Admin   admin::tenants::suspend,
    POST   "/admin/v1/tenants/{id}/resume"                Admin   admin::tenants::resume,
    GET    "/admin/v1/tenants/{id}/quota"                 Viewer  admin::quota::get,
    PUT    "/admin/v1/tenants/{id}/quota"                 Admin   admin::quota::put,
    POST   "/admin/v1/tenants/{id}/grants"                Admin   admin::grants::create,
    GET    "/admin/v1/tenants/{id}/keys"                  Viewer  admin::keys::list,
    POST   "/admin/v1/tenants/{id}/keys"                  Admin   admin::keys::create,
    DELETE "/admin/v1/tenants/{id}/keys/{key}"            Admin   admin::keys::delete,
    POST   "/admin/v1/tenants/{id}/keys/{key}/rotate"     Admin   admin::keys::rotate,
    GET    "/admin/v1/tenants/{id}/users"                 Viewer  admin::reports::users,
    GET    "/admin/v1/tenants/{id}/journal"               Viewer  admin::journal::list,
    GET    "/admin/v1/tenants/{id}/tasks/{task}/timeline" Viewer  admin::reports::task_timeline,
    GET    "/admin/v1/tenants/{id}/webhooks/endpoints"                           Viewer  admin::webhooks::list,
    POST   "/admin/v1/tenants/{id}/webhooks/endpoints"                           Admin   admin::webhooks::create,
    GET    "/admin/v1/tenants/{id}/webhooks/endpoints/{endpoint}"                Viewer  admin::webhooks::get,
    PATCH  "/admin/v1/tenants/{id}/webhooks/endpoints/{endpoint}"                Admin   admin::webhooks::change,
    DELETE "/admin/v1/tenants/{id}/webhooks/endpoints/{endpoint}"                Admin   admin::webhooks::delete,
    POST   "/admin/v1/tenants/{id}/webhooks/endpoints/{endpoint}/rotate-secret"  Admin   admin::webhooks::rotate_secret,
    POST   "/admin/v1/tenants/{id}/webhooks/endpoints/{endpoint}/test"           Admin   admin::webhooks::test,
    POST   "/admin/v1/tenants/{id}/webhooks/endpoints/{endpoint}/replay"         Admin   admin::webhooks::replay,
    GET    "/admin/v1/tenants/{id}/webhooks/deliveries/{delivery}"               Viewer  admin::webhooks::delivery,
    POST   "/admin/v1/tenants/{id}/webhooks/deliveries/{delivery}/redeliver"     Admin   admin::webhooks::redeliver,
    GET    "/admin/v1/webhooks/deliveries"                Viewer  admin::webhooks::deliveries,
    GET    "/admin/v1/webhooks/endpoints"                 Viewer  admin::webhooks::list_all,
    GET    "/admin/v1/tasks"                              Viewer  admin::reports::tasks,
    GET    "/admin/v1/tasks/{task}"                       Viewer  admin::reports::task,
    GET    "/admin/v1/usage"                              Viewer  admin::reports::usage,
    GET    "/admin/v1/refused"                            Viewer  admin::reports::refused,
    GET    "/admin/v1/ledger/verify"                      Viewer  admin::ledger::verify,
    GET    "/admin/v1/ledger/export"                      Admin   admin::ledger::export::get,
    POST   "/admin/v1/ledger/import"                      Admin   admin::ledger::import::post,
    GET    "/admin/v1/unknown"                            Viewer  admin::unknown::list,
    POST   "/admin/v1/unknown/{task}"                     Admin   admin::unknown::decide,

    GET    "/openapi.json"                                Nothing openapi::serve::json,
    GET    "/docs"                                        Nothing openapi::serve::page,
    GET    "/docs/{file}"                                 Nothing openapi::serve::file,
}

routes! {
    /// What EvoLink calls. The token in the path is the credential; a bad one is a 404.
    CALLBACKS, callback_routes:
    POST   "/callbacks/evolink/{token}"  Nothing       callbacks::receive,
}

routes! {
    /// What ops call, on a listener that is not for the public.
    OPS, ops_routes:
    GET    "/metrics"                    Nothing       ops::metrics,
    GET    "/healthz"                    Nothing       ops::healthz,
    GET    "/readyz"                     Nothing       ops::readyz,
    GET    "/log-level"                  Nothing       ops::log_level::get,
    PUT    "/log-level"                  Nothing       ops::log_level::put,
    DELETE "/log-level"                  Nothing       ops::log_level::delete,
}

/// The api listener: tenants and admins, and EvoLink's callbacks unless they have a listener of their
/// own.
pub fn api(gateway: &Gateway, with_callbacks: bool) -> Router {
    let mut router = api_routes();
    if with_callbacks {
        router = router.merge(callback_routes());
    }
    finish(router, gateway, gateway.config.log.requests)
}

/// The callbacks listener: what EvoLink must reach, and nothing else.
pub fn callbacks(gateway: &Gateway) -> Router {
    finish(callback_routes(), gateway, gateway.config.log.requests)
}

/// The ops listener: without credentials, so not for the public.
pub fn ops(gateway: &Gateway) -> Router {
    // Probes and scrapes come every few seconds, and nobody asks who they were.
    finish(ops_routes(), gateway, LogRequests::Nothing)
}

/// The layers that every listener has: fallbacks that answer in JSON, and outermost the envelope.
fn finish(router: Router<Gateway>, gateway: &Gateway, logged: LogRequests) -> Router {
    router
        .fallback(async || ApiError::route_not_found())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(from_fn_with_state(logged, envelope))
        .with_state(gateway.clone())
}
