//! W3C Trace Context: a client's trace goes through the gateway, to EvoLink and to the client's own webhook.

use evogate_tests::{Answer, Caller as _, Receiver, Rig, Tenant, assert_books};
use http::Method;
use serde_json::Value;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Is it a `traceparent` as the specification writes it? Then its trace.
#[track_caller]
fn trace_of(traceparent: &str) -> String {
    let parts: Vec<&str> = traceparent.split('-').collect();
    let hex = |part: &&str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    assert_eq!(lengths, [2, 32, 16, 2], "{traceparent}");
    assert!(parts.iter().all(hex), "{traceparent}");
    parts[1].to_owned()
}

/// Submits with this `traceparent` and a callback URL; answers also the task's id.
async fn submit(
    rig: &Rig,
    prompt: &str,
    traceparent: Option<&str>,
    hook: &str,
) -> (Answer, String) {
    let mut body = Tenant::video(prompt);
    body["callback_url"] = hook.into();
    let mut request = rig.team.request(Method::POST, "/v1/videos/generations");
    if let Some(traceparent) = traceparent {
        request = request.header("traceparent", traceparent);
    }
    let answer = rig.team.send(request.json(&body)).await;
    let id = answer.clone().ok()["id"].as_str().unwrap().to_owned();
    (answer, id)
}

/// The traces of the simulator's requests of a kind that are about this task of its own.
async fn upstream_traces(rig: &Rig, operation: &str, upstream: &Value) -> Vec<String> {
    let requests = rig.sim.requests(operation).await;
    let about = requests
        .iter()
        .filter(|request| request["task_id"] == *upstream);
    about
        .map(|request| trace_of(request["headers"]["traceparent"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_clients_trace_goes_to_evolink_with_every_call_and_comes_with_its_webhook() {
    for redis in [false, true] {
        let mut builder = Rig::builder();
        if redis {
            builder = builder.on_redis();
        }
        let rig = builder.start().await;
        let receiver = Receiver::start().await;
        let (answer, id) = submit(&rig, "traced", Some(PARENT), &receiver.url("/hook")).await;
        assert_eq!(trace_of(answer.header("traceparent").unwrap()), TRACE);
        let create = &rig.sim.creates("traced").await[0];
        assert_eq!(create["headers"]["traceparent"], PARENT);
        // A worker, which no request waits for, finds the end.
        let delivery = receiver.delivery(1).await;
        assert_eq!(delivery.header("traceparent"), PARENT, "on redis: {redis}");
        let job = rig.sim.job("traced").await;
        let reads = upstream_traces(&rig, "read", &job["id"]).await;
        assert!(
            !reads.is_empty() && reads.iter().all(|trace| trace == TRACE),
            "{reads:?}"
        );
        // A client's read is part of the client's own trace.
        assert_eq!(rig.team.ended(&id).await["status"], "completed");

        let slow = rig.team.start("#sim:seconds=600 cancelled").await;
        let request = rig
            .team
            .request(Method::POST, &format!("/v1/tasks/{slow}/cancel"));
        rig.team
            .send(request.header("traceparent", PARENT))
            .await
            .ok();
        let job = rig.sim.job("cancelled").await;
        assert_eq!(upstream_traces(&rig, "cancel", &job["id"]).await, [TRACE]);
        rig.team.ended_as(&slow, "cancelled").await;
        assert_books(&rig.admin, &rig.sim).await;
    }
}

#[tokio::test]
async fn without_a_trace_or_with_a_malformed_one_a_new_one_begins_that_webhooks_do_not_have() {
    let rig = Rig::start().await;
    let receiver = Receiver::start().await;
    let zeros = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
    let malformed = [
        None,
        Some("00-1-2-01"),
        Some(zeros),
        Some(&PARENT[1..]),
        Some("x"),
    ];
    let mut traces = Vec::new();
    for (n, traceparent) in malformed.into_iter().enumerate() {
        let prompt = format!("untraced {n}.");
        let (answer, id) = submit(&rig, &prompt, traceparent, &receiver.url("/hook")).await;
        let trace = trace_of(answer.header("traceparent").unwrap());
        let create = &rig.sim.creates(&prompt).await[0];
        let sent = create["headers"]["traceparent"].as_str().unwrap();
        assert_eq!(trace_of(sent), trace, "{traceparent:?}");
        assert!(sent.ends_with("-00"), "nobody records it: {sent}");
        traces.push(trace);
        rig.team.ended_as(&id, "completed").await;
        let delivery = receiver.delivery(n + 1).await;
        assert!(delivery.headers.get("traceparent").is_none());
    }
    traces.sort();
    traces.dedup();
    assert_eq!(
        traces.len(),
        malformed.len(),
        "each has its own: {traces:?}"
    );
    assert!(!traces.contains(&TRACE.to_owned()));
    assert_books(&rig.admin, &rig.sim).await;
}

#[tokio::test]
async fn evolinks_list_is_read_in_a_trace_too() {
    let rig = Rig::builder().without_callbacks().start().await;
    let prompt = "#sim:drop-after-accept whose is it?";
    let (_, id) = submit(&rig, prompt, Some(PARENT), "https://receiver.example.com/").await;
    rig.team.ended_as(&id, "completed").await;
    let lists = rig.sim.requests("list").await;
    assert!(!lists.is_empty());
    for list in lists {
        trace_of(list["headers"]["traceparent"].as_str().unwrap());
    }
    assert_books(&rig.admin, &rig.sim).await;
}
