//! `ledger verify` is for scripts that raise an alarm.

use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::session;
use crate::cli::Failure;
use crate::cli::admin::Order as _;
use crate::cli::admin::ledger::Command;
use crate::cli::remote::Problem;

async fn verify(violations: Value) -> Result<(), Problem> {
    let server = MockServer::start().await;
    let body = json!({"tenants": 2, "violations": violations, "platform_loss": 0});
    let answer = ResponseTemplate::new(200).set_body_json(body);
    let route = Mock::given(path("/admin/v1/ledger/verify"));
    route.respond_with(answer).mount(&server).await;
    Command::Verify.run(&session(&server.uri())).await
}

#[tokio::test]
async fn a_violation_ends_it_with_one() {
    verify(json!([])).await.unwrap();
    let wrong = json!([{"tenant": "studio", "what": "held is 1"}]);
    let failure = Failure::from(verify(wrong).await.unwrap_err());
    assert_eq!(failure.code, 1);
    assert!(
        failure.message.contains("(1 violations)"),
        "{}",
        failure.message
    );
}
