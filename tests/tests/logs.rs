//! What ops see: a line a request, in JSON where nobody watches, and metrics.

use evogate_tests::{Caller as _, Rig, Tenant, assert_books};
use http::Method;
use serde_json::Value;

fn lines(log: &str) -> Vec<Value> {
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect()
}

#[tokio::test]
async fn every_request_is_one_json_line_with_id_tenant_route_status_and_time() {
    let mut rig = Rig::start().await;
    let request = rig.team.request(Method::POST, "/v1/videos/generations");
    let request = request
        .header("x-request-id", "logged-1")
        .json(&Tenant::video("logged"));
    let task = rig.team.send(request).await.ok();
    let id = task["id"].as_str().unwrap();
    rig.team.ended_as(id, "completed").await;
    let request = rig
        .team
        .request(Method::GET, "/v1/tasks/task-unified-1772203771-yf1dxogh");
    rig.team
        .send(request.header("x-request-id", "logged-2"))
        .await
        .error(404, "task_not_found");
    let request = rig.anonymous().request(Method::GET, "/v1/credits");
    rig.team
        .send(request.header("x-request-id", "logged-3"))
        .await
        .error(401, "unauthorized");
    assert_books(&rig.admin, &rig.sim).await;
    rig.gateway.stop().await;
    let lines = lines(&rig.gateway.log());
    let of = |id: &str| -> Vec<&Value> {
        let requests = lines.iter().filter(|line| line["message"] == "request");
        requests.filter(|line| line["request_id"] == id).collect()
    };
    let [submit] = of("logged-1")[..] else {
        panic!("{:?}", of("logged-1"))
    };
    assert_eq!(submit["tenant"], "team");
    assert_eq!(submit["task"], id);
    assert_eq!(submit["method"], "POST");
    assert_eq!(submit["route"], "/v1/videos/generations");
    assert_eq!(submit["status"], 200);
    assert!(submit["took_ms"].is_u64());
    let [missing] = of("logged-2")[..] else {
        panic!("{:?}", of("logged-2"))
    };
    assert_eq!(
        missing["route"], "/v1/tasks/{id}",
        "the pattern, not the path"
    );
    assert_eq!(
        (&missing["status"], &missing["code"]),
        (&404.into(), &"task_not_found".into())
    );
    let [refused] = of("logged-3")[..] else {
        panic!("{:?}", of("logged-3"))
    };
    assert_eq!(
        (&refused["status"], &refused["tenant"]),
        (&401.into(), &Value::Null)
    );
}

#[tokio::test]
async fn metrics_count_requests_and_ends_and_name_no_tenant_task_or_path() {
    let rig = Rig::start().await;
    let done = rig.team.start("counted").await;
    rig.team.ended_as(&done, "completed").await;
    rig.team.get("/v1/nothing/at/all").await;
    let submits = rig
        .gateway
        .metric(
            "evogate_http_requests_total",
            &["/v1/videos/generations", "2xx"],
        )
        .await;
    assert!((submits - 1.0).abs() < f64::EPSILON, "{submits}");
    let ended = rig
        .gateway
        .metric("evogate_tasks_ended_total", &["completed"])
        .await;
    assert!((ended - 1.0).abs() < f64::EPSILON, "{ended}");
    let text = rig.gateway.ops().get("/metrics").await.text();
    assert!(!text.contains(&done) && !text.contains("nothing/at/all"));
    assert!(
        text.lines()
            .any(|line| line.starts_with("evogate_breaker_state 0")),
        "{text}"
    );
    assert_books(&rig.admin, &rig.sim).await;
}
