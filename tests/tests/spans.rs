//! Spans by OTLP: the tree of a submit's, and a collector that misbehaves without anybody noticing.

use std::time::Duration;

use evogate_tests::{
    Caller as _, Collector, Receiver, Rig, RigBuilder, SentSpan, Tenant, assert_books, until,
};
use http::Method;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

fn sending_to(collector: &Collector) -> RigBuilder {
    Rig::builder().set("telemetry.otlp_endpoint", collector.url())
}

/// Submits as a part of a trace of the client's own.
async fn submit(rig: &Rig, prompt: &str, flags: &str, hook: &str) -> String {
    let mut body = Tenant::video(prompt);
    body["callback_url"] = hook.into();
    let request = rig.team.request(Method::POST, "/v1/videos/generations");
    let request = request.header("traceparent", format!("00-{TRACE}-{CALLER}-{flags}"));
    let task = rig.team.send(request.json(&body)).await.ok();
    task["id"].as_str().unwrap().to_owned()
}

/// The one span of this name.
#[track_caller]
fn named<'a>(spans: &'a [SentSpan], name: &str) -> &'a SentSpan {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {spans:#?}");
    found[0]
}

#[tokio::test]
async fn a_submit_is_a_tree_of_spans_from_the_client_to_evolink_and_the_webhook() {
    for (redis, engine) in [(false, "embedded"), (true, "redis")] {
        let collector = Collector::start().await;
        let mut builder = sending_to(&collector);
        builder = builder.set("telemetry.otlp_headers", "x-key=abc, x-team=video");
        builder = builder.set("telemetry.service_name", "evogate-test");
        if redis {
            builder = builder.on_redis();
        } else {
            builder = builder.set("store.url", "embedded:evogate.redb");
        }
        let rig = builder.start().await;
        let receiver = Receiver::start().await;
        let id = submit(&rig, "as a tree", "01", &receiver.url("/hook")).await;
        let delivery = receiver.delivery(1).await;
        let spans = collector.trace_with(TRACE, "webhook").await;
        let spans = if spans.iter().any(|span| span.name == "deliver") {
            spans
        } else {
            collector.trace_with(TRACE, "deliver").await
        };

        let server = named(&spans, "POST /v1/videos/generations");
        assert_eq!((server.kind, server.parent.as_str()), (SERVER, CALLER));
        for (key, value) in [
            ("http.request.method", "POST"),
            ("http.route", "/v1/videos/generations"),
            ("http.response.status_code", "200"),
            ("evogate.tenant", "team"),
            ("evogate.task", id.as_str()),
        ] {
            assert_eq!(server.attributes[key], value, "{server:#?}");
        }
        let submit = named(&spans, "submit");
        assert_eq!((submit.kind, &submit.parent), (INTERNAL, &server.id));
        let hold = named(&spans, "store submit");
        assert_eq!((hold.kind, &hold.parent), (CLIENT, &submit.id));
        assert_eq!(hold.attributes["db.system.name"], engine);
        let upstream = named(&spans, "evolink submit");
        assert_eq!((upstream.kind, &upstream.parent), (CLIENT, &submit.id));
        assert_eq!(upstream.attributes["evogate.outcome"], "accepted");
        assert!(hold.nanoseconds > 0 && upstream.nanoseconds > 0);
        // EvoLink, and whoever looks at its side, is below the call.
        let create = &rig.sim.creates("as a tree").await[0];
        let sent = format!("00-{TRACE}-{}-01", upstream.id);
        assert_eq!(create["headers"]["traceparent"], sent.as_str());

        // The worker that found the end, later: a part of the same trace.
        let read = spans
            .iter()
            .find(|span| span.name == "evolink read")
            .unwrap();
        let look = spans.iter().find(|span| span.id == read.parent).unwrap();
        assert_eq!(
            (look.name.as_str(), &look.parent),
            ("reconcile", &server.id)
        );
        let settles = spans
            .iter()
            .any(|span| span.name == "store turn" && span.parent == look.id);
        assert!(settles, "{spans:#?}");

        let deliver = named(&spans, "deliver");
        assert_eq!(deliver.parent, server.id);
        let webhook = named(&spans, "webhook");
        assert_eq!((webhook.kind, &webhook.parent), (CLIENT, &deliver.id));
        assert_eq!(webhook.attributes["http.response.status_code"], "200");
        let carried = format!("00-{TRACE}-{}-01", webhook.id);
        assert_eq!(delivery.header("traceparent"), carried);

        let headers = &collector.headers()[0];
        assert_eq!(
            (&headers["x-key"], &headers["x-team"]),
            (&"abc".parse().unwrap(), &"video".parse().unwrap())
        );
        assert!(
            collector
                .services()
                .iter()
                .all(|name| name == "evogate-test")
        );
        assert_books(&rig.admin, &rig.sim).await;
    }
}

#[tokio::test]
async fn what_is_recorded_is_decided_by_the_caller_and_else_by_the_settings() {
    let collector = Collector::start().await;
    let mut rig = sending_to(&collector)
        .set("telemetry.sampling", 0)
        .start()
        .await;
    submit(&rig, "recorded", "01", "https://receiver.example.com/").await;
    submit(&rig, "not recorded", "00", "https://receiver.example.com/").await;
    let answer = rig.team.get("/v1/credits").await;
    assert!(answer.header("traceparent").unwrap().ends_with("-00"));
    collector
        .trace_with(TRACE, "POST /v1/videos/generations")
        .await;
    rig.gateway.stop().await;
    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.trace == TRACE), "{spans:#?}");
    named(&spans, "POST /v1/videos/generations");

    rig.gateway
        .restart_with([("telemetry.sampling", 1.into())])
        .await;
    let answer = rig.team.get("/v1/credits").await;
    let trace = answer.header("traceparent").unwrap().to_owned();
    assert!(trace.ends_with("-01"), "{trace}");
    let parts: Vec<&str> = trace.split('-').collect();
    let spans = collector.trace_with(parts[1], "GET /v1/credits").await;
    let server = named(&spans, "GET /v1/credits");
    assert_eq!((server.id.as_str(), server.parent.as_str()), (parts[2], ""));
}

#[tokio::test]
async fn a_refusal_of_evolinks_and_a_fault_of_ours_are_spans_that_failed() {
    let collector = Collector::start().await;
    let rig = sending_to(&collector).start().await;
    submit(
        &rig,
        "#sim:http=500 broken",
        "01",
        "https://receiver.example.com/",
    )
    .await;
    let spans = collector.trace_with(TRACE, "evolink submit").await;
    let upstream = spans
        .iter()
        .find(|span| span.name == "evolink submit")
        .unwrap();
    assert!(upstream.failed, "{upstream:#?}");
    assert_eq!(upstream.attributes["evogate.outcome"], "unknown");
}

#[tokio::test]
async fn a_call_that_the_store_failed_is_a_span_that_failed() {
    let collector = Collector::start().await;
    let mut rig = sending_to(&collector).on_redis().start().await;
    submit(&rig, "before", "01", "https://receiver.example.com/").await;
    let spans = collector.trace_with(TRACE, "store submit").await;
    assert!(!named(&spans, "store submit").failed, "{spans:#?}");

    rig.redis().kill();
    let answer = rig.team.get("/v1/credits").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    let trace = answer.header("traceparent").unwrap().to_owned();
    let trace = trace.split('-').nth(1).unwrap();
    let spans = collector.trace_with(trace, "GET /v1/credits").await;
    let called = |span: &&SentSpan| span.name.starts_with("store ");
    let call = spans.iter().find(called).expect("the store was called");
    assert!(call.failed, "{spans:#?}");
}

#[tokio::test]
async fn spans_that_wait_are_sent_at_the_end() {
    let collector = Collector::start().await;
    let mut rig = sending_to(&collector).start().await;
    let answer = rig.team.get("/v1/models").await;
    let trace = answer
        .header("traceparent")
        .unwrap()
        .split('-')
        .nth(1)
        .unwrap()
        .to_owned();
    rig.gateway.stop().await;
    let mut spans = collector.spans();
    spans.retain(|span| span.trace == trace);
    named(&spans, "GET /v1/models");
}

/// A gateway works and ends as ever.
async fn assert_unharmed(rig: &mut Rig) {
    for n in 0..20 {
        let id = rig.team.start(&format!("unharmed {n}.")).await;
        rig.team.ended_as(&id, "completed").await;
    }
    assert_books(&rig.admin, &rig.sim).await;
    rig.gateway.terminate();
    // Its last spans are given up after 3 s, whatever the collector does.
    let ended = tokio::time::timeout(Duration::from_secs(30), rig.gateway.ended()).await;
    assert!(ended.expect("it ends").success());
}

#[tokio::test]
async fn a_collector_that_hangs_harms_nobody() {
    let collector = Collector::start().await;
    collector.hang();
    let mut rig = sending_to(&collector).start().await;
    assert_unharmed(&mut rig).await;
    assert!(collector.batches() > 0, "it was tried");
}

#[tokio::test]
async fn a_collector_that_is_away_harms_nobody() {
    let mut rig = Rig::builder()
        .set("telemetry.otlp_endpoint", "http://127.0.0.1:9")
        .start()
        .await;
    assert_unharmed(&mut rig).await;
    let complaints = rig
        .gateway
        .log()
        .matches("the collector takes no spans")
        .count();
    assert_eq!(complaints, 1, "it is said once");
}

#[tokio::test]
async fn a_collector_that_fails_is_told_of_once_and_used_again_when_it_is_well() {
    let collector = Collector::start().await;
    collector.fail();
    let rig = sending_to(&collector).start().await;
    rig.team.get("/v1/models").await;
    until("it is said", async || {
        rig.gateway
            .log()
            .contains("the collector takes no spans")
            .then_some(())
    })
    .await;
    collector.recover();
    until("spans come", async || {
        rig.team.get("/v1/models").await;
        let models = |span: &SentSpan| span.name == "GET /v1/models";
        collector.spans().iter().any(models).then_some(())
    })
    .await;
    until("it is said", async || {
        rig.gateway
            .log()
            .contains("the collector takes spans again")
            .then_some(())
    })
    .await;
}
