//! The ways to a result, and what is left behind when there is none.

use rstest::rstest;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::kit::{KEY, Kit, Somebody};

const QUICK: &str = "A cat #sim:seconds=0.05";

#[rstest]
#[case(json!({"truncate": true}))]
#[case(json!({"drop_before": true}))]
#[case(json!({"http": 503}))]
#[case(json!({"html": 200}))]
#[case(json!({"body": ""}))]
#[tokio::test]
async fn a_download_that_fails_is_repeated(#[case] fault: Value) {
    let kit = Kit::new().await;
    kit.rule(json!({"match": {"operation": "download"}, "times": 2, "fault": fault}));
    let ran = kit.video(&[QUICK]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(std::fs::read(kit.path("x.mp4")).unwrap().len(), 9266);
    assert_eq!(kit.files(), ["x.mp4"]);
}

#[tokio::test]
async fn a_part_of_a_file_is_not_left_behind() {
    let kit = Kit::new().await;
    kit.rule(json!({"match": {"operation": "download"}, "fault": {"truncate": true}}));
    let ran = kit.video(&[QUICK, "--json"]).await;
    assert_eq!(ran.code, 1);
    assert!(kit.files().is_empty(), "{:?}", kit.files());
    let json = ran.json(&kit);
    assert_eq!(json["error"]["code"], "download_failed");
    assert_eq!(json["status"], "completed");
    assert_eq!(json["file"], Value::Null);
    assert_eq!(
        json["resume"],
        "evogate video --resume TASK --out FOLDER/x.mp4"
    );
}

/// A gateway whose one task is completed, with a result elsewhere.
async fn gateway(result: &str) -> MockServer {
    let gateway = MockServer::start().await;
    let task = json!({"id": "task-1", "status": "completed", "results": [result]});
    Mock::given(method("GET"))
        .and(path("/v1/tasks/task-1"))
        .and(header("authorization", format!("Bearer {KEY}")))
        .respond_with(ResponseTemplate::new(200).set_body_json(task))
        .mount(&gateway)
        .await;
    gateway
}

#[tokio::test]
async fn what_evolink_does_not_give_comes_through_the_gateway() {
    let kit = Kit::new().await;
    let files = MockServer::start().await;
    let gateway = gateway(&format!("{}/x.mp4", files.uri())).await;
    let video = ResponseTemplate::new(200).set_body_raw("a video", "video/mp4");
    Mock::given(path("/v1/tasks/task-1/content"))
        .and(header("authorization", format!("Bearer {KEY}")))
        .respond_with(video)
        .mount(&gateway)
        .await;

    let ran = kit
        .video_at(&gateway.uri(), Somebody::nobody(), &["--resume=task-1"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(std::fs::read(kit.path("x.mp4")).unwrap(), b"a video");
    let asked = files.received_requests().await.unwrap();
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_result_that_nobody_has_any_more_is_not_asked_for_again() {
    let kit = Kit::new().await;
    let gone = json!({"error": {"message": "gone", "code": "result_expired"}});
    let files = MockServer::start().await;
    let gateway = gateway(&format!("{}/x.mp4", files.uri())).await;
    for server in [&files, &gateway] {
        Mock::given(method("GET"))
            .respond_with(ResponseTemplate::new(410).set_body_json(&gone))
            .with_priority(9)
            .mount(server)
            .await;
    }
    let ran = kit
        .video_at(&gateway.uri(), Somebody::nobody(), &["--resume=task-1"])
        .await;
    assert_eq!(ran.code, 1);
    let why = "the video can't be downloaded\n  \
               from EvoLink's files: gone (410 result_expired)\n  \
               through the gateway: gone (410 result_expired)";
    assert!(ran.err.contains(why), "{ran:?}");
    assert_eq!(files.received_requests().await.unwrap().len(), 1);
}
