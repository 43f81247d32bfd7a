//! What stands before the router: the short way for the read of a task, which is most of what clients ask. It
//! has the same parts as the way through the router and gives the same answers, without the layers, boxes and
//! look-ups in between.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts as _;
use axum::response::{IntoResponse, Response};
use evogate_models::TaskId;
use futures::FutureExt as _;
use futures::future::Either;
use http::request::Parts;
use http::{Method, Request};
use tower::Service as _;

use crate::api::{TaskPath, task};
use crate::auth::{Read, Scoped};
use crate::context::Context;
use crate::envelope::Envelope;
use crate::error::ApiError;
use crate::state::Gateway;

/// The short way's route, as the router has it.
const TASK: &str = "/v1/tasks/{id}";

/// A router with the short way before it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Front {
    router: Router,
    /// None where the router has no such route.
    gateway: Option<Gateway>,
}

impl Front {
    /// The router alone.
    pub fn plain(router: Router) -> Self {
        let gateway = None;
        Self { router, gateway }
    }

    /// The router that has the tenants' routes.
    pub fn of_api(router: Router, gateway: &Gateway) -> Self {
        let gateway = Some(gateway.clone());
        Self { router, gateway }
    }

    /// Answers a request, whose body is made by `body` if anybody wants to see it.
    pub fn call<B, M: FnOnce(B) -> Body>(
        &self,
        request: Request<B>,
        body: M,
    ) -> impl Future<Output = Response> + Send + use<B, M> {
        if let Some(gateway) = &self.gateway
            && let Some(id) = asked_for(request.method(), request.uri().path())
        {
            let (parts, _) = request.into_parts();
            return Either::Left(read(gateway.clone(), parts, id));
        }
        let answer = self.router.clone().call(request.map(body));
        Either::Right(
            answer.map(|answer| answer.unwrap_or_else(|never: Infallible| match never {})),
        )
    }
}

/// The task that a request reads, if that is what it does. Whatever is unusual about a path is the router's.
fn asked_for(method: &Method, path: &str) -> Option<TaskId> {
    if *method != Method::GET {
        return None;
    }
    path.strip_prefix("/v1/tasks/")?.parse().ok()
}

async fn read(gateway: Gateway, mut parts: Parts, id: TaskId) -> Response {
    let envelope = Envelope::open(&mut parts, gateway.config.log.requests);
    let answered = envelope.around(answer(gateway, &mut parts, id)).await;
    envelope.close(Some(TASK), answered.map(IntoResponse::into_response))
}

async fn answer(gateway: Gateway, parts: &mut Parts, id: TaskId) -> Result<Response, ApiError> {
    let principal = Scoped::<Read>::from_request_parts(parts, &gateway).await?;
    let context = Context::of_request(parts);
    context.set_task(&id);
    task::get(gateway, principal, TaskPath(id)).await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::router;

    #[test]
    fn the_short_way_is_a_route_of_the_router() {
        let mut routes = router::API.iter();
        assert!(routes.any(|route| route.path == TASK && route.method == "GET"));
    }

    #[rstest]
    #[case("GET", "/v1/tasks/task-unified-1772203771-yf1dxogh", true)]
    #[case("HEAD", "/v1/tasks/task-unified-1772203771-yf1dxogh", false)]
    #[case("GET", "/v1/tasks/task-unified-1772203771-yf1dxogh/", false)]
    #[case("GET", "/v1/tasks/task-unified-1772203771-yf1dxogh/timeline", false)]
    #[case("GET", "/v1/tasks/task%2Dunified-1772203771-yf1dxogh", false)]
    #[case("GET", "/v1/tasks/batch", false)]
    #[case("GET", "/v1/tasks/", false)]
    #[case("GET", "/v1/tasks", false)]
    fn only_plain_reads_take_it(#[case] method: Method, #[case] path: &str, #[case] takes: bool) {
        assert_eq!(asked_for(&method, path).is_some(), takes);
    }
}
