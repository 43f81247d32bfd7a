//! `evogate health`: whether a gateway is ready, for containers and scripts that have no HTTP client.

use std::time::Duration;

use clap::Args;
use http::StatusCode;
use reqwest::Response;
use reqwest::redirect::Policy;
use serde_json::Value;

use super::remote::{Address, Problem, build, clean, client};
use super::{Failure, tell_user};
use crate::webhooks::guard::explain;

/// A gateway that takes longer is not well.
pub(super) const LIMIT: Duration = Duration::from_secs(3);
/// The most that is read of an answer, in bytes.
const LONGEST: usize = 64 << 10;

/// Which gateway.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Its ops listener. Without a path, `/readyz` is asked; `/healthz` asks only whether the process answers.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    url: String,
}

/// Ends well when the gateway is ready, and says why not when it is not.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let status = ask(&arguments.url).await?;
    tell_user(status);
    Ok(())
}

/// What a gateway says of itself that is well.
async fn ask(url: &str) -> Result<String, Problem> {
    let address = Address::parse(url, "--url", "/readyz")?;
    let client = build(
        client(&address, "evogate-health")
            .redirect(Policy::none())
            .timeout(LIMIT),
    )?;
    let failed = |error: reqwest::Error| {
        let why = format!("{}: {}", address.host(), explain(&error));
        Problem::new("unreachable", why)
    };
    let response = client.get(address.text()).send().await.map_err(failed)?;
    let status = response.status();
    let body = read(response).await.map_err(failed)?;
    let word = |name: &str| body.get(name)?.as_str().map(clean);
    match (status, word("status")) {
        (StatusCode::OK, Some(said)) => Ok(said),
        (_, said) => {
            let said = word("reason").or(said).unwrap_or_default();
            let why = format!("{}: HTTP {}: {said}", address.host(), status.as_u16());
            Err(Problem::new("not_ready", why.trim_end_matches([':', ' '])))
        }
    }
}

/// The body as JSON; null where it is none, or too long.
pub(super) async fn read(mut response: Response) -> reqwest::Result<Value> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > LONGEST.saturating_sub(body.len()) {
            return Ok(Value::Null);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    async fn gateway(
        status: u16,
        answer: ResponseTemplate,
    ) -> (MockServer, Result<String, Failure>) {
        let server = MockServer::start().await;
        let answer = Mock::given(path("/readyz")).respond_with(answer);
        answer.expect(1).mount(&server).await;
        let said = ask(&server.uri()).await.map_err(Failure::from);
        assert_eq!(said.is_ok(), status == 200, "{said:?}");
        (server, said)
    }

    #[tokio::test]
    async fn a_gateway_that_is_ready_is_well() {
        let body = json!({ "status": "ready", "breaker": "closed" });
        let (_server, said) = gateway(200, ResponseTemplate::new(200).set_body_json(body)).await;
        assert_eq!(said.unwrap(), "ready");
    }

    #[tokio::test]
    async fn one_that_is_not_ready_ends_with_one_and_its_reason() {
        let body = json!({ "status": "not ready", "reason": "the store\u{1b}[1m is\naway" });
        let (server, said) = gateway(503, ResponseTemplate::new(503).set_body_json(body)).await;
        let failure = said.unwrap_err();
        assert_eq!(failure.code, 1);
        let port = server.address().port();
        assert_eq!(
            failure.message,
            format!("evogate: 127.0.0.1:{port}: HTTP 503: the store [1m is away")
        );
    }

    #[tokio::test]
    async fn what_does_not_answer_as_a_gateway_is_not_well() {
        let elsewhere = ResponseTemplate::new(302).insert_header("location", "/healthz");
        let long = ResponseTemplate::new(200).set_body_string("x".repeat(LONGEST + 1));
        let page = ResponseTemplate::new(200).set_body_string("<html>");
        for (status, answer) in [(302, elsewhere), (0, long), (0, page)] {
            let (_server, said) = gateway(status, answer).await;
            assert_eq!(said.unwrap_err().code, 1);
        }
    }

    #[tokio::test]
    async fn nobody_there_ends_with_one_and_a_wrong_address_with_two() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let free = listener.local_addr().unwrap();
        drop(listener);
        for (url, code) in [
            (format!("http://{free}/healthz"), 1),
            ("there".to_owned(), 2),
        ] {
            let failure = Failure::from(ask(&url).await.unwrap_err());
            assert_eq!(failure.code, code, "{url}");
        }
    }
}
