//! Every answer that is not a success is JSON in EvoLink's shape, on every path, whoever asks.

use evogate_tests::{Caller as _, Rig, Tenant};
use http::Method;

#[tokio::test]
async fn without_a_good_token_everything_is_a_401_in_evolinks_words() {
    let rig = Rig::start().await;
    let nobody = rig.anonymous();
    let paths = [
        (Method::POST, "/v1/videos/generations"),
        (Method::POST, "/v1/videos/estimate"),
        (Method::GET, "/v1/tasks"),
        (Method::GET, "/v1/tasks/task-unified-1772203771-yf1dxogh"),
        (
            Method::POST,
            "/v1/tasks/task-unified-1772203771-yf1dxogh/cancel",
        ),
        (Method::POST, "/v1/tasks/batch"),
        (Method::GET, "/v1/credits"),
        (Method::GET, "/v1/models"),
        (Method::GET, "/v1/webhooks/secret"),
        (Method::GET, "/admin/v1/tenants"),
        (Method::GET, "/admin/v1/ledger/verify"),
        (Method::GET, "/admin/v1/unknown"),
    ];
    for (method, path) in paths {
        let wrong = nobody.with_token("sk-wrong");
        let requests = [
            nobody.request(method.clone(), path),
            wrong.request(method.clone(), path),
            nobody
                .request(method.clone(), path)
                .header("authorization", "Basic c2s6c2s="),
            nobody
                .request(method.clone(), path)
                .header("authorization", "Bearer "),
        ];
        for request in requests {
            let error = nobody.send(request).await.error(401, "unauthorized");
            let id = error["request_id"].as_str().unwrap();
            assert_eq!(
                error["message"],
                format!("Invalid token (request id: {id})"),
                "{path}"
            );
            assert_eq!(error["type"], "authentication_error");
        }
    }
}

#[tokio::test]
async fn a_tenants_key_opens_no_admin_route_and_the_admins_no_tenant_route() {
    let rig = Rig::start().await;
    rig.team
        .get("/admin/v1/tenants")
        .await
        .error(401, "unauthorized");
    rig.admin
        .get("/v1/credits")
        .await
        .error(401, "unauthorized");
    rig.admin.get("/v1/tasks").await.error(401, "unauthorized");
}

#[tokio::test]
async fn the_key_is_taken_from_x_api_key_too() {
    let rig = Rig::start().await;
    let request = rig.anonymous().request(Method::GET, "/v1/credits");
    rig.team
        .send(request.header("x-api-key", &rig.team.key))
        .await
        .ok();
}

#[tokio::test]
async fn unknown_paths_and_methods_are_json_too() {
    let rig = Rig::start().await;
    for path in [
        "/",
        "/v1",
        "/v1/videos",
        "/v2/tasks",
        "/admin/v1/nothing",
        "/v1/tasks/a/b/c",
        "/%00",
    ] {
        rig.team.get(path).await.error(404, "route_not_found");
        rig.anonymous()
            .get(path)
            .await
            .error(404, "route_not_found");
    }
    rig.team
        .delete("/v1/tasks")
        .await
        .error(405, "method_not_allowed");
    rig.team
        .get("/v1/videos/generations")
        .await
        .error(405, "method_not_allowed");
    rig.gateway
        .ops()
        .get("/nothing")
        .await
        .error(404, "route_not_found");
    assert_eq!(
        rig.anonymous().get("/metrics").await.status,
        404,
        "metrics are for ops alone"
    );
    assert_eq!(rig.anonymous().get("/readyz").await.status, 404);
}

#[tokio::test]
async fn a_harmless_request_id_is_kept_and_another_one_replaced() {
    let rig = Rig::start().await;
    let ask = async |id: &str| {
        let request = rig
            .team
            .request(Method::GET, "/v1/nothing")
            .header("x-request-id", id);
        let error = rig.team.send(request).await.error(404, "route_not_found");
        error["request_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask("team-42_a.b").await, "team-42_a.b");
    assert_ne!(ask("a b").await, "a b");
    let long = "x".repeat(200);
    assert_ne!(ask(&long).await, long);
}

#[tokio::test]
async fn request_id_and_traceparent_go_on_to_evolink() {
    let rig = Rig::start().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = rig.team.request(Method::POST, "/v1/videos/generations");
    let request = request
        .header("x-request-id", "team-7")
        .header("traceparent", parent);
    rig.team
        .send(request.json(&Tenant::video("traced")))
        .await
        .ok();
    let create = &rig.sim.creates("traced").await[0];
    assert_eq!(create["headers"]["x-request-id"], "team-7");
    let traceparent = create["headers"]["traceparent"].as_str().unwrap();
    assert_eq!(&traceparent[..35], &parent[..35], "the same trace");
}
