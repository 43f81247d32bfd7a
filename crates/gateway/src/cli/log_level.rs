//! `evogate log-level`: what a running gateway logs, asked or changed.

use clap::Args;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use super::health::{LIMIT, read};
use super::remote::{Address, Problem, build, clean, client};
use super::{Failure, tell_user};
use crate::webhooks::guard::explain;

/// Which gateway, and what it shall log.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// `error`, `warn`, `info`, `debug` or `trace`, also by module: `info,evogate_store=debug`. Left out, it is
    /// only asked.
    level: Option<String>,
    /// Log again what the settings say.
    #[arg(long, conflicts_with = "level")]
    reset: bool,
    /// The gateway's ops listener.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    url: String,
}

/// Prints what the gateway logs (from now on).
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let address = Address::parse(&arguments.url, "--url", "/log-level")?;
    let client = build(
        client(&address, "evogate-log-level")
            .redirect(Policy::none())
            .timeout(LIMIT),
    )?;
    let request = match (arguments.level, arguments.reset) {
        (Some(level), _) => client.put(address.text()).json(&json!({ "level": level })),
        (None, true) => client.delete(address.text()),
        (None, false) => client.get(address.text()),
    };
    let failed = |error: reqwest::Error| {
        let why = format!("{}: {}", address.host(), explain(&error));
        Problem::new("unreachable", why)
    };
    let response = request.send().await.map_err(failed)?;
    let status = response.status();
    let body: Value = read(response).await.map_err(failed)?;
    let word = |path: &str| body.pointer(path)?.as_str().map(clean);
    if let (true, Some(level)) = (status.is_success(), word("/level")) {
        tell_user(level);
        return Ok(());
    }
    let said = word("/error/message").unwrap_or_default();
    let why = format!("{}: HTTP {}: {said}", address.host(), status.as_u16());
    Err(Problem::new("refused", why.trim_end_matches([':', ' '])).into())
}
