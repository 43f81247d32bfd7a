//! The table of EvoLink's answers to a submit, row by row.

use rstest::rstest;
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::*;
use super::kit::{BODY, KEY, NOW, TASK_JSON, call, client, traced};

async fn submit_to(answer: ResponseTemplate) -> SubmitOutcome {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    client(&server.uri()).submit(call()).await
}

fn answer(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body, "application/json")
}

fn page(status: u16) -> ResponseTemplate {
    let body = "<html><body><h1>nginx</h1></body></html>";
    ResponseTemplate::new(status).set_body_raw(body, "text/html")
}

#[rstest]
#[case(200)]
#[case(201)]
#[tokio::test]
async fn a_2xx_with_a_task_is_accepted(#[case] status: u16) {
    let outcome = submit_to(answer(status, TASK_JSON)).await;
    let SubmitOutcome::Accepted(report) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(report.id.as_str(), "task-unified-1772203771-yf1dxogh");
    assert_eq!(report.text, TASK_JSON);
}

#[rstest]
#[case(MediaKind::Video, "/v1/videos/generations")]
#[case(MediaKind::Image, "/v1/images/generations")]
#[case(MediaKind::Audio, "/v1/audios/generations")]
#[tokio::test]
async fn a_submit_carries_the_key_its_names_and_the_body_as_it_is(
    #[case] kind: MediaKind,
    #[case] at: &str,
) {
    let server = MockServer::start().await;
    let length = BODY.len().to_string();
    Mock::given(method("POST"))
        .and(path(at))
        .and(header("authorization", format!("Bearer {KEY}").as_str()))
        .and(header("content-type", "application/json"))
        .and(header("content-length", length.as_str()))
        .and(header(
            "idempotency-key",
            "task-unified-1772203771-aaaaaaaa",
        ))
        .and(header("x-request-id", "req-0123"))
        .and(header(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ))
        .and(header("tracestate", "vendor=7"))
        .and(body_string(BODY))
        .respond_with(answer(200, TASK_JSON))
        .expect(1)
        .mount(&server)
        .await;
    let call = SubmitCall { kind, ..call() };
    let client = client(&server.uri());
    let outcome = traced().around(client.submit(call)).await;
    assert!(matches!(outcome, SubmitOutcome::Accepted(_)), "{outcome:?}");
}

#[rstest]
#[case(400, "invalid_request_error", "invalid_parameter")]
#[case(404, "invalid_request_error", "model_not_found")]
#[case(413, "request_too_large_error", "request_too_large")]
#[case(422, "content_policy_violation", "content_filtered")]
#[tokio::test]
async fn a_refusal_is_passed_on_and_completed(
    #[case] status: u16,
    #[case] usual_kind: &str,
    #[case] usual_code: &str,
) {
    let said = r#"{"error":{"message":"No.","type":"their_type","code":"their_code"}}"#;
    for (body, kind, code) in [
        (said, "their_type", "their_code"),
        (r#"{"error":{"message":"No."}}"#, usual_kind, usual_code),
    ] {
        let outcome = submit_to(answer(status, body)).await;
        let SubmitOutcome::Refused {
            refusal,
            account: false,
        } = outcome
        else {
            panic!("{outcome:?}")
        };
        assert_eq!((refusal.status, &*refusal.message), (status, "No."));
        assert_eq!((&*refusal.kind, &*refusal.code), (kind, code));
    }
}

#[rstest]
#[case(401)]
#[case(402)]
#[case(403)]
#[tokio::test]
async fn what_is_said_of_our_account_is_marked_as_such(#[case] status: u16) {
    let body = r#"{"error":{"message":"Invalid token","type":"evo_api_error"}}"#;
    let outcome = submit_to(answer(status, body)).await;
    let SubmitOutcome::Refused {
        refusal,
        account: true,
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(refusal.kind, "evo_api_error");
}

#[rstest]
#[case(429, None, "Rate limit exceeded. Please retry after 45 seconds.", 45)]
#[case(
    429,
    Some("7"),
    "Rate limit exceeded. Please retry after 45 seconds.",
    7
)]
#[case(429, None, "Slow down", 60)]
#[case(503, Some("3"), "Unavailable", 3)]
#[case(503, None, "Unavailable", 30)]
#[tokio::test]
async fn busy_says_how_long_to_wait(
    #[case] status: u16,
    #[case] retry_after: Option<&str>,
    #[case] message: &str,
    #[case] seconds: u32,
) {
    let body = format!(r#"{{"error":{{"message":"{message}","type":"rate_limit_error"}}}}"#);
    let mut template = answer(status, &body);
    if let Some(value) = retry_after {
        template = template.insert_header("retry-after", value);
    }
    let outcome = submit_to(template).await;
    let SubmitOutcome::Busy { refusal, wait } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(wait, Duration::from_secs(seconds.into()));
    assert_eq!(refusal.retry_after, Some(seconds));
    assert_eq!((refusal.status, &*refusal.message), (status, message));
}

#[rstest]
#[case(400)]
#[case(401)]
#[case(403)]
#[case(404)]
#[case(408)]
#[case(409)]
#[case(418)]
#[case(422)]
#[case(429)]
#[case(500)]
#[case(502)]
#[case(503)]
#[case(504)]
#[case(520)]
#[case(200)]
#[tokio::test]
async fn a_page_of_some_proxy_says_nothing(#[case] status: u16) {
    let outcome = submit_to(page(status)).await;
    assert!(
        matches!(outcome, SubmitOutcome::Unknown { .. }),
        "{outcome:?}"
    );
}

#[rstest]
#[case(405)]
#[case(409)]
#[case(418)]
#[case(500)]
#[case(502)]
#[case(504)]
#[tokio::test]
async fn a_status_that_is_not_in_the_table_says_nothing_in_any_shape(#[case] status: u16) {
    let body = r#"{"error":{"message":"?","type":"x","code":"paid_outcome_unknown"}}"#;
    let outcome = submit_to(answer(status, body)).await;
    let SubmitOutcome::Unknown { why } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(why, format!("HTTP {status} (paid_outcome_unknown)"));
}

#[rstest]
#[case(200, "")]
#[case(200, r#"{"status":"pending"}"#)]
#[case(200, r#"{"id":"task-unified-1","status":"pend"#)]
#[case(200, r#"{"error":{"message":"No.","type":"x"}}"#)]
#[case(202, "null")]
#[case(204, "")]
#[case(400, r#"{"error":"No."}"#)]
#[case(422, r#"{"error":{"message":7}}"#)]
#[case(429, "")]
#[tokio::test]
async fn a_body_in_no_known_shape_says_nothing(#[case] status: u16, #[case] body: &str) {
    let outcome = submit_to(answer(status, body)).await;
    assert!(
        matches!(outcome, SubmitOutcome::Unknown { .. }),
        "{outcome:?}"
    );
}

#[rstest]
#[case(301)]
#[case(302)]
#[case(307)]
#[case(308)]
#[tokio::test]
async fn a_redirect_is_not_followed_and_says_nothing(#[case] status: u16) {
    let elsewhere = MockServer::start().await;
    let location = format!("{}/v1/videos/generations", elsewhere.uri());
    let outcome = submit_to(page(status).insert_header("location", location.as_str())).await;
    assert!(
        matches!(outcome, SubmitOutcome::Unknown { .. }),
        "{outcome:?}"
    );
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_late_is_not_sent() {
    let server = MockServer::start().await;
    let call = SubmitCall {
        not_after: NOW.plus(-1),
        ..call()
    };
    let outcome = client(&server.uri()).submit(call).await;
    assert!(matches!(outcome, SubmitOutcome::TooLate), "{outcome:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn the_last_moment_is_not_late() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(answer(200, TASK_JSON))
        .expect(1)
        .mount(&server)
        .await;
    let call = SubmitCall {
        not_after: NOW,
        ..call()
    };
    let outcome = client(&server.uri()).submit(call).await;
    assert!(matches!(outcome, SubmitOutcome::Accepted(_)), "{outcome:?}");
}

#[test]
fn no_print_shows_the_key() {
    let client = client("http://127.0.0.1:1");
    let shown = format!("{client:?} {:?} {:?}", client.0.submits, client.0.others);
    assert!(!shown.contains("0123456789abcdef"), "{shown}");
    assert!(shown.contains("http://127.0.0.1:1/v1"), "{shown}");
}
