//! `public_url`: would EvoLink's callbacks come? A probe is sent there that only a gateway with the same
//! `callbacks.secret` can answer (see [`Tokens::probe`]). Where no gateway listens yet, this check listens in its
//! place meanwhile.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use evogate_models::address::AddressPolicy;
use evogate_models::time::millis;
use evogate_store::{Clock as _, Random as _, SystemClock, SystemRandom};
use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use super::Finding;
use crate::background::Background;
use crate::callbacks::Probed;
use crate::config::Config;
use crate::token::{Probe, Tokens};
use crate::webhooks::guard::explain;

const CHECK: &str = "callbacks";
/// The longest that the call may take.
const WITHIN: Duration = Duration::from_secs(8);
/// The longest answer that is read, in bytes.
const LONGEST: usize = 64 << 10;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let (Some(url), Some(secret)) = (&config.callbacks.public_url, &config.callbacks.secret) else {
        let found = "public_url is not set: finished tasks are found by polling alone";
        return vec![Finding::off(CHECK, found)];
    };
    let tokens = Tokens::new(secret.clone(), url.clone(), millis(config.tasks.deadline));
    let Some(probe) = tokens.probe(SystemRandom.bits(), SystemClock.now()) else {
        return vec![Finding::bad(
            CHECK,
            "no probe could be made",
            "set another callbacks.secret",
        )];
    };
    let address = config.listen.callbacks.unwrap_or(config.listen.api);
    let stand_in = StandIn::at(address, &tokens).await;
    let called = call(&probe).await;
    let alone = stand_in.is_some();
    if let Some(stand_in) = stand_in {
        stand_in.leave().await;
    }
    let mut found = vec![judge(called, &probe, address, alone)];
    found.extend(private(url).await);
    found
}

/// Listens where a gateway would.
struct StandIn {
    background: Background,
    closing: CancellationToken,
}

impl StandIn {
    /// None where somebody listens already, most likely a gateway.
    async fn at(address: SocketAddr, tokens: &Tokens) -> Option<Self> {
        let listener = TcpListener::bind(address).await.ok()?;
        let router = Router::new()
            .route("/callbacks/evolink/{token}", post(answer))
            .with_state(tokens.clone());
        let (background, closing) = (Background::default(), CancellationToken::new());
        let closed = closing.clone().cancelled_owned();
        let serving = axum::serve(listener, router).with_graceful_shutdown(closed);
        let serving = async move {
            // What goes wrong with it shows in the call.
            let _ = serving.await;
        };
        background.spawn(serving);
        Some(Self {
            background,
            closing,
        })
    }

    async fn leave(self) {
        self.closing.cancel();
        self.background.stop();
        self.background.finished(Duration::from_secs(2)).await;
    }
}

async fn answer(State(tokens): State<Tokens>, Path(token): Path<String>) -> Response {
    match tokens.answer_probe(&token, SystemClock.now()) {
        Some(proof) => axum::Json(Probed { proof }).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What the call came to: a status with a body, or why there was none.
async fn call(probe: &Probe) -> Result<(u16, Vec<u8>), String> {
    let client = Client::builder()
        .user_agent(concat!("evogate-doctor/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .timeout(WITHIN)
        .build()
        .map_err(|error| error.to_string())?;
    let sent = client.post(&probe.url).body("{}").send().await;
    let mut response = sent.map_err(|error| explain(&error.without_url()))?;
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await
        && body.len() < LONGEST
    {
        body.extend_from_slice(&chunk);
    }
    Ok((response.status().as_u16(), body))
}

fn judge(
    called: Result<(u16, Vec<u8>), String>,
    probe: &Probe,
    address: SocketAddr,
    alone: bool,
) -> Finding {
    let (status, body) = match called {
        Ok(answered) => answered,
        Err(why) => {
            let to_do = "see whether the name in public_url resolves, its certificate is good, and a proxy \
                         that leads here listens there";
            return Finding::bad(CHECK, format!("public_url can't be called: {why}"), to_do);
        }
    };
    let proven = serde_json::from_slice(&body).is_ok_and(|Probed { proof }| proof == probe.proof);
    if proven {
        let who = if alone {
            "this check, or another gateway with the same secret"
        } else {
            "a gateway that runs"
        };
        return Finding::ok(CHECK, format!("a call to public_url reached {who}"));
    }
    let to_do = match status {
        301..=308 => {
            "let public_url be the address itself: EvoLink may not follow a redirect".to_owned()
        }
        502..=504 => format!("let the proxy in front of public_url lead to {address}"),
        401 | 403 => {
            "let the proxy in front of public_url pass /callbacks/evolink/ without credentials"
                .to_owned()
        }
        _ => format!(
            "let public_url lead to {address}, and callbacks.secret be the same on every gateway behind it"
        ),
    };
    let found =
        format!("public_url answers with HTTP {status}, and it is not a gateway with this secret");
    Finding::bad(CHECK, found, to_do)
}

/// A name that leads to a private address from here may lead to a public one from outside, or not.
async fn private(url: &Url) -> Option<Finding> {
    let Some(Host::Domain(name)) = url.host() else {
        return None;
    };
    let port = url.port_or_known_default().unwrap_or(443);
    let looked_up = tokio::net::lookup_host((name, port)).await.ok()?;
    let addresses: Vec<IpAddr> = looked_up.map(|address| address.ip()).collect();
    let policy = AddressPolicy::default();
    let is_public = |ip: &IpAddr| policy.judge_ip(name, port, *ip).is_ok();
    let first = addresses
        .first()
        .filter(|_| !addresses.iter().any(is_public))?;
    Some(Finding::warning(
        CHECK,
        format!("from here, {name} is {first}, which the internet can't reach"),
        "make sure that it is another address outside; this check can't see that",
    ))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::Status;
    use super::*;

    fn probe() -> Probe {
        Probe {
            url: "https://evogate.example.com/callbacks/evolink/abc".to_owned(),
            proof: "proof".to_owned(),
        }
    }

    fn judged(called: Result<(u16, &str), &str>) -> Finding {
        let called = called.map(|(status, body)| (status, body.as_bytes().to_vec()));
        let address = "10.0.0.7:8081".parse().unwrap();
        judge(called.map_err(str::to_owned), &probe(), address, false)
    }

    #[rstest]
    #[case(200, "{\"success\":true}", "10.0.0.7:8081")]
    #[case(200, "{\"proof\":\"another\"}", "callbacks.secret")]
    #[case(301, "", "redirect")]
    #[case(401, "", "credentials")]
    #[case(404, "", "callbacks.secret")]
    #[case(502, "<html>", "10.0.0.7:8081")]
    fn what_does_not_prove_itself_is_bad(
        #[case] status: u16,
        #[case] body: &str,
        #[case] remedy: &str,
    ) {
        let found = judged(Ok((status, body)));
        assert_eq!(found.status, Status::Bad);
        assert!(found.to_do.unwrap().contains(remedy));
    }

    #[test]
    fn the_proof_is_well_and_silence_is_bad() {
        assert_eq!(
            judged(Ok((200, "{\"proof\":\"proof\"}"))).status,
            Status::Ok
        );
        assert_eq!(judged(Err("it did not answer in time")).status, Status::Bad);
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_worth_a_word() {
        let found = private(&Url::parse("https://localhost/").unwrap()).await;
        assert_eq!(found.unwrap().status, Status::Warning);
        let literal = Url::parse("http://127.0.0.1:1/").unwrap();
        assert_eq!(
            private(&literal).await,
            None,
            "the settings say that already"
        );
    }
}
