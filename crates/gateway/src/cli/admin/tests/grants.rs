//! A grant is granted once, whatever happens on the way.

use clap::Parser;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::session;
use crate::cli::admin::grant::Arguments;
use crate::cli::admin::{Order, Session};
use crate::cli::{Failure, remote::Problem};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    grant: Arguments,
}

fn tenant() -> Value {
    json!({"id": "studio", "name": "Film studio", "created": 1, "suspended": false, "unlimited": false,
        "credits": {"granted": 500, "available": 500, "held": 0, "spent": 0}, "tasks_in_flight": 0, "quota": {}})
}

async fn gateway(answers: Vec<ResponseTemplate>) -> (MockServer, Session) {
    let server = MockServer::start().await;
    for answer in answers {
        let post = Mock::given(method("POST")).and(path("/admin/v1/tenants/studio/grants"));
        post.respond_with(answer)
            .up_to_n_times(1)
            .mount(&server)
            .await;
    }
    let session = session(&server.uri());
    (server, session)
}

async fn grant(session: &Session, more: &[&str]) -> Result<(), Problem> {
    let line = ["grant", "studio", "500.5", "--note", "it's November"];
    let line = Line::try_parse_from(line.iter().chain(more)).unwrap();
    line.grant.run(session).await
}

fn refusal(status: u16) -> ResponseTemplate {
    let error = json!({"error": {"message": "No.", "code": "why", "request_id": "req-1"}});
    ResponseTemplate::new(status)
        .insert_header("retry-after", "0")
        .set_body_json(error)
}

fn keys(requests: &[Request]) -> Vec<&str> {
    requests
        .iter()
        .map(|request| request.headers["idempotency-key"].to_str().unwrap())
        .collect()
}

#[tokio::test]
async fn when_nobody_knows_it_is_sent_again_with_the_same_key() {
    let good = ResponseTemplate::new(200).set_body_json(tenant());
    let cut = ResponseTemplate::new(502).set_body_string("<html>");
    let (server, session) = gateway(vec![refusal(503), cut, good]).await;
    grant(&session, &[]).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let keys = keys(&requests);
    assert!(keys[0].starts_with("evogate-grant-"), "{keys:?}");
    assert_eq!(keys, [keys[0]; 3]);
    let body: Value = requests[0].body_json().unwrap();
    assert_eq!(body, json!({"credits": 500.5, "note": "it's November"}));
}

#[tokio::test]
async fn when_nobody_knows_in_the_end_the_key_is_told() {
    let (server, session) = gateway(vec![refusal(500), refusal(500), refusal(503)]).await;
    let problem = grant(&session, &["--idempotency-key", "2026-11"])
        .await
        .unwrap_err();
    let failure = Failure::from(problem);
    assert_eq!(failure.code, 1);
    let again = "evogate grant studio 500.5 --note 'it'\\''s November' --idempotency-key 2026-11";
    assert!(failure.message.contains(again), "{}", failure.message);
    assert_eq!(
        keys(&server.received_requests().await.unwrap()),
        ["2026-11"; 3]
    );
}

#[tokio::test]
async fn a_refusal_and_a_gateway_that_is_not_there_are_final() {
    for status in [400, 403, 404, 422, 429] {
        let (server, session) = gateway(vec![refusal(status)]).await;
        let failure = Failure::from(grant(&session, &[]).await.unwrap_err());
        assert!(failure.message.contains("req-1"), "{}", failure.message);
        assert!(
            !failure.message.contains("Nobody knows"),
            "{}",
            failure.message
        );
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
    let failure = Failure::from(
        grant(&session("http://127.0.0.1:9"), &[])
            .await
            .unwrap_err(),
    );
    assert!(
        failure.message.contains("EVOGATE_URL"),
        "{}",
        failure.message
    );
}

#[test]
fn an_amount_is_a_decimal_number_with_six_digits_at_most() {
    let parse = |amount| Line::try_parse_from(["grant", "studio", amount, "--note", "x"]);
    for amount in ["1", "-120.5", "0.000001"] {
        assert!(parse(amount).is_ok(), "{amount}");
    }
    for amount in ["", "x", "1,5", "0.0000001", "1e30"] {
        assert!(parse(amount).is_err(), "{amount}");
    }
}
