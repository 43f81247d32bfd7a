//! Everything that spends nothing.

use rstest::rstest;
use serde_json::json;
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::*;
use super::kit::{KEY, Peer, TASK_JSON, client, id, traced};

const TASK_ID: &str = "task-unified-1772203771-yf1dxogh";
const REFUSAL: &str = r#"{"error":{"message":"Task not found","type":"invalid_request_error","code":"task_not_found"}}"#;

fn answer(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body, "application/json")
}

/// A server that answers everything so, and a client of it.
async fn answering(answer: ResponseTemplate) -> (MockServer, EvoLink) {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(answer)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    (server, client)
}

/// A server where only `request` is answered, with 200 and `body`.
async fn expecting(
    request: wiremock::MockBuilder,
    body: serde_json::Value,
) -> (MockServer, EvoLink) {
    let server = MockServer::start().await;
    request
        .and(header("authorization", format!("Bearer {KEY}").as_str()))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    (server, client)
}

async fn read(status: u16, body: &str) -> ReadOutcome {
    let (_server, client) = answering(answer(status, body)).await;
    client.read(&id(TASK_ID)).await
}

#[tokio::test]
async fn a_read_gives_the_task_as_it_was_written() {
    let request = Mock::given(method("GET"))
        .and(path(format!("/v1/tasks/{TASK_ID}")))
        .and(header("x-request-id", "req-0123"));
    let task = json!({"id": TASK_ID, "status": "completed", "surprise": 1});
    let (_server, client) = expecting(request, task.clone()).await;
    let outcome = traced().around(client.read(&id(TASK_ID))).await;
    let ReadOutcome::Task(report) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(report.text, task.to_string());
}

#[tokio::test]
async fn only_evolinks_own_404_means_that_there_is_no_task() {
    let outcome = read(404, REFUSAL).await;
    assert!(matches!(outcome, ReadOutcome::NotFound), "{outcome:?}");
    for body in ["<html>404</html>", "{}", ""] {
        let outcome = read(404, body).await;
        assert!(matches!(outcome, ReadOutcome::Failed { .. }), "{outcome:?}");
    }
}

#[rstest]
#[case("<html>")]
#[case(r#"{"error":{"message":"Please retry after 60 seconds."}}"#)]
#[tokio::test]
async fn any_429_slows_reads_down(#[case] body: &str) {
    let outcome = read(429, body).await;
    let ReadOutcome::RateLimited { wait } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(wait, Duration::from_mins(1));
}

#[rstest]
#[case(200, "<html>")]
#[case(200, r#"{"id":"another-task","status":"completed"}"#)]
#[case(302, "")]
#[case(401, REFUSAL)]
#[case(500, REFUSAL)]
#[case(503, "")]
#[tokio::test]
async fn a_read_that_teaches_nothing_has_failed(#[case] status: u16, #[case] body: &str) {
    let outcome = read(status, body).await;
    assert!(matches!(outcome, ReadOutcome::Failed { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_read_on_a_connection_that_breaks_has_failed() {
    let peer = Peer::bind().await;
    let client = client(&peer.base());
    let serving = async {
        peer.accept().await.head().await;
    };
    let task = id(TASK_ID);
    let (outcome, ()) = tokio::join!(client.read(&task), serving);
    assert!(matches!(outcome, ReadOutcome::Failed { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_cancel_is_accepted_whatever_a_2xx_says() {
    let at = format!("/v1/tasks/{TASK_ID}/cancel");
    for body in [json!(null), json!({"id": TASK_ID, "status": "processing"})] {
        let request = Mock::given(method("POST")).and(path(at.as_str()));
        let (_server, client) = expecting(request, body).await;
        let outcome = client.cancel(&id(TASK_ID)).await;
        assert!(matches!(outcome, CancelOutcome::Accepted), "{outcome:?}");
    }
}

#[rstest]
#[case(400)]
#[case(404)]
#[case(409)]
#[tokio::test]
async fn a_cancel_is_refused_in_evolinks_words_only(#[case] status: u16) {
    let (_server, client) = answering(answer(status, REFUSAL)).await;
    let outcome = client.cancel(&id(TASK_ID)).await;
    let CancelOutcome::Refused(refusal) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(refusal.message, "Task not found");
    let (_server, client) = answering(answer(status, "<html>")).await;
    let outcome = client.cancel(&id(TASK_ID)).await;
    assert!(
        matches!(outcome, CancelOutcome::Failed { .. }),
        "{outcome:?}"
    );
}

#[rstest]
#[case(302)]
#[case(401)]
#[case(402)]
#[case(403)]
#[case(429)]
#[case(500)]
#[tokio::test]
async fn a_cancel_that_failed_for_another_reason_is_worth_another_try(#[case] status: u16) {
    let (_server, client) = answering(answer(status, REFUSAL)).await;
    let outcome = client.cancel(&id(TASK_ID)).await;
    assert!(
        matches!(outcome, CancelOutcome::Failed { .. }),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_batch_gives_what_was_asked_for_and_can_be_read() {
    let request = Mock::given(method("POST"))
        .and(path("/v1/tasks/batch"))
        .and(body_json(json!({"task_ids": ["a", "b", "c"]})));
    let tasks = json!({"code": 200, "data": [
        {"id": "a", "status": "completed"},
        {"id": "b"},
        {"id": "foreign", "status": "completed"},
    ]});
    let (_server, client) = expecting(request, tasks).await;
    let reports = client.batch(&[id("a"), id("b"), id("c")]).await.unwrap();
    let ids: Vec<_> = reports.iter().map(|report| report.id.as_str()).collect();
    assert_eq!(ids, ["a"]);
}

#[tokio::test]
async fn a_batch_asks_for_fifty_at_most() {
    let (server, client) = answering(answer(200, r#"{"data":[]}"#)).await;
    let ids: Vec<_> = (0..60).map(|n| id(&format!("t{n}"))).collect();
    assert_eq!(client.batch(&ids).await.unwrap(), []);
    let requests = server.received_requests().await.unwrap();
    let body: serde_json::Value = requests[0].body_json().unwrap();
    assert_eq!(body["task_ids"].as_array().unwrap().len(), BATCH_MAX);
}

#[tokio::test]
async fn a_page_of_the_list_is_asked_for_by_number() {
    let request = Mock::given(method("GET"))
        .and(path("/v1/tasks"))
        .and(query_param("page", "3"))
        .and(query_param("page_size", "100"));
    let page = json!({"object": "list", "total": 201, "page": 3, "page_size": 100, "data": [
        {"id": TASK_ID, "model": "seedance-2.0", "status": "completed", "created_at": 1_772_203_771},
    ]});
    let (_server, client) = expecting(request, page).await;
    let page = client.list_page(3, 100).await.unwrap();
    assert_eq!(page.total, Some(201));
    assert_eq!(
        page.entries,
        [ListEntry {
            id: id(TASK_ID),
            model: Some("seedance-2.0".to_owned()),
            created: Some(Timestamp::from_seconds(1_772_203_771)),
            status: Some("completed".to_owned()),
        }]
    );
}

#[tokio::test]
async fn credits_and_models_are_read() {
    let account = json!({"success": true, "message": "", "data": {
        "token": {"remaining_credits": 12.5, "used_credits": 7, "unlimited_credits": true},
        "user": {"remaining_credits": "100.25", "used_credits": null},
    }});
    let request = Mock::given(method("GET")).and(path("/v1/credits"));
    let (_server, client) = expecting(request, account).await;
    let account = client.credits().await.unwrap();
    assert_eq!(account.token.remaining, Some("12.5".parse().unwrap()));
    assert_eq!(account.user.remaining, Some("100.25".parse().unwrap()));
    assert_eq!(account.user.used, None);
    assert!(account.unlimited);

    let models = json!({"data": [{"id": "seedance-2.0"}, {"name": "?"}, {"id": "sora-2-preview"}]});
    let request = Mock::given(method("GET")).and(path("/v1/models"));
    let (_server, client) = expecting(request, models).await;
    let models = client.models().await.unwrap();
    assert_eq!(models, ["seedance-2.0", "sora-2-preview"]);
}

#[tokio::test]
async fn a_failure_says_the_status_and_the_wait_and_no_more() {
    let slow_down = r#"{"error":{"message":"secret words","code":"too_hasty"}}"#;
    let template = answer(429, slow_down).insert_header("retry-after", "9");
    let (_server, client) = answering(template).await;
    let failure = client.credits().await.unwrap_err();
    assert_eq!(failure.status, Some(429));
    assert_eq!(failure.wait, Some(Duration::from_secs(9)));
    assert_eq!(failure.to_string(), "HTTP 429 (too_hasty)");

    let (_server, client) = answering(answer(200, TASK_JSON)).await;
    let failure = client.models().await.unwrap_err();
    assert_eq!(failure.to_string(), "HTTP 200 in a shape that is not known");
}

#[rstest]
#[case(200, "{}", true)]
#[case(401, REFUSAL, true)]
#[case(404, REFUSAL, true)]
#[case(429, REFUSAL, true)]
#[case(404, "<html>", false)]
#[case(200, "", false)]
#[case(500, REFUSAL, false)]
#[case(503, REFUSAL, false)]
#[tokio::test]
async fn evolink_is_alive_when_it_speaks_json_below_500(
    #[case] status: u16,
    #[case] body: &str,
    #[case] alive: bool,
) {
    let (server, client) = answering(answer(status, body)).await;
    assert_eq!(client.probe().await, alive);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].method.as_str(), "GET");
}
