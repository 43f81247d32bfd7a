//! What ops see: a line a request, in JSON where nobody watches, and metrics.

use std::time::Duration;

use evogate_tests::{Caller as _, Process, Receiver, Rig, Tenant, assert_books, binary, until};
use http::Method;
use serde_json::{Value, json};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

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
    assert!(submit["bytes_in"].as_u64().unwrap() > 40, "{submit}");
    assert!(submit["bytes_out"].as_u64().unwrap() > 200, "{submit}");
    assert_eq!(submit["trace_id"].as_str().unwrap().len(), 32);
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

/// The lines of a level or above that were written for a task, by its field or by its context.
fn about<'a>(lines: &'a [Value], task: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["task"] == task).collect()
}

#[tokio::test]
async fn every_line_that_concerns_a_task_names_it_its_tenant_and_its_trace() {
    let mut rig = Rig::builder()
        .set("log.level", "info,evogate=debug")
        .start()
        .await;
    let receiver = Receiver::start().await;
    let mut body = Tenant::video("followed");
    body["callback_url"] = receiver.url("/hook").into();
    let request = rig.team.request(Method::POST, "/v1/videos/generations");
    let request = request
        .header("x-request-id", "followed-1")
        .header("traceparent", PARENT);
    let task = rig.team.send(request.json(&body)).await.ok();
    let id = task["id"].as_str().unwrap().to_owned();
    receiver.delivery(1).await;
    rig.team.ended_as(&id, "completed").await;
    assert_books(&rig.admin, &rig.sim).await;
    rig.gateway.stop().await;
    let lines = lines(&rig.gateway.log());
    let lines = about(&lines, &id);
    let said = |message: &str| -> &Value {
        let found = lines.iter().find(|line| line["message"] == message);
        found.unwrap_or_else(|| panic!("no line `{message}` in {lines:#?}"))
    };
    for line in &lines {
        assert_eq!(line["tenant"], "team", "{line}");
    }
    let call = said("EvoLink was called");
    assert_eq!(call["operation"], "submit");
    assert_eq!(call["request_id"], "followed-1");
    for message in ["EvoLink was called", "request", "a task ended", "webhook"] {
        assert_eq!(said(message)["trace_id"], TRACE, "{message}");
    }
    let by_a_worker = said("a task ended");
    assert_eq!(
        by_a_worker["request_id"],
        Value::Null,
        "no request was waiting"
    );
}

#[tokio::test]
async fn what_is_logged_is_changed_while_it_runs() {
    let rig = Rig::start().await;
    let ops = rig.gateway.ops();
    let level = async || ops.get("/log-level").await.ok()["level"].clone();
    assert_eq!(level().await, "info");
    let called = || rig.gateway.log().matches("EvoLink was called").count();
    let done = rig.team.start("quietly").await;
    rig.team.ended_as(&done, "completed").await;
    assert_eq!(called(), 0);

    let to = json!({ "level": "info,evogate=debug" });
    assert_eq!(ops.put("/log-level", &to).await.ok(), to);
    assert_eq!(level().await, to["level"]);
    let done = rig.team.start("loudly").await;
    rig.team.ended_as(&done, "completed").await;

    // As it is, too; and what is no level changes nothing.
    let plain = ops.request(Method::PUT, "/log-level").body("warn\n");
    assert_eq!(ops.send(plain).await.ok()["level"], "warn");
    until("all lines up to here", async || {
        let log = rig.gateway.log();
        log.contains("\"to\":\"warn\"").then_some(())
    })
    .await;
    let loud = called();
    assert!(loud > 0, "from then on");
    for bad in ["loud", "", "evogate=", "evogate=noisy", "{}"] {
        let request = ops.request(Method::PUT, "/log-level").body(bad);
        ops.send(request).await.error(400, "invalid_parameter");
    }
    assert_eq!(level().await, "warn");
    let requests = || rig.gateway.log().matches("\"message\":\"request\"").count();
    let before = requests();
    let done = rig.team.start("silently").await;
    rig.team.ended_as(&done, "completed").await;
    assert_eq!((called(), requests()), (loud, before));

    assert_eq!(ops.delete("/log-level").await.ok()["level"], "info");
    rig.team.get("/v1/credits").await.ok();
    until("its line", async || (requests() > before).then_some(())).await;
    assert_eq!((called(), requests()), (loud, before + 1));
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn the_command_line_asks_and_changes_what_is_logged() {
    let rig = Rig::start().await;
    let ops = rig.gateway.ops().base().to_owned();
    let run = async |arguments: &[&str]| {
        let mut command = Process::command(&binary("evogate"));
        command
            .arg("log-level")
            .args(arguments)
            .args(["--url", &ops]);
        let output = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(Duration::from_secs(20), output).await;
        let output = output.expect("it ends").unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        (output.status.code(), said)
    };
    assert_eq!(run(&[]).await, (Some(0), "info".to_owned()));
    assert_eq!(run(&["warn"]).await, (Some(0), "warn".to_owned()));
    assert_eq!(run(&[]).await, (Some(0), "warn".to_owned()));
    let (code, said) = run(&["loud"]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("`loud` is not a level"), "{said}");
    assert_eq!(run(&["--reset"]).await, (Some(0), "info".to_owned()));
}

#[tokio::test]
async fn which_requests_have_a_line_can_be_chosen() {
    for (choice, good, bad) in [("all", 1, 1), ("errors", 0, 1), ("none", 0, 0)] {
        let mut rig = Rig::builder().set("log.requests", choice).start().await;
        for (path, id) in [("/v1/models", "is-good"), ("/v1/nothing", "is-bad")] {
            let request = rig.team.request(Method::GET, path);
            rig.team.send(request.header("x-request-id", id)).await;
        }
        rig.gateway.stop().await;
        let lines = lines(&rig.gateway.log());
        let count = |id: &str| lines.iter().filter(|line| line["request_id"] == id).count();
        assert_eq!((count("is-good"), count("is-bad")), (good, bad), "{choice}");
        let ops = lines.iter().filter(|line| line["route"] == "/readyz");
        assert_eq!(ops.count(), 0, "probes are nothing to tell");
    }
}

#[tokio::test]
async fn prompts_are_logged_only_where_that_was_switched_on_by_name() {
    for on in [false, true] {
        let mut rig = Rig::builder().set("log.prompts", on).start().await;
        let request = rig.team.request(Method::POST, "/v1/videos/generations");
        let request = request.header("x-request-id", "prompted");
        let body = Tenant::video("a lighthouse at dusk");
        rig.team.send(request.json(&body)).await.ok();
        rig.gateway.stop().await;
        let lines = lines(&rig.gateway.log());
        let told: Vec<_> = lines
            .iter()
            .filter(|line| line["prompt"].is_string())
            .collect();
        assert_eq!(told.len(), usize::from(on));
        for line in told {
            assert_eq!(line["prompt"], "a lighthouse at dusk");
            assert_eq!(
                (&line["request_id"], &line["tenant"]),
                (&"prompted".into(), &"team".into())
            );
        }
    }
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
