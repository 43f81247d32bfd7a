//! The identity providers: can their keys be had, and is one of them for the algorithms of the settings?

use futures::future::join_all;

use super::Finding;
use crate::auth::jwks::usable_keys;
use crate::config::{Config, Issuer};

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let issuers = &config.auth.issuers;
    if issuers.is_empty() {
        return vec![Finding::off(
            "identity",
            "no identity provider is set: keys are the only credentials",
        )];
    }
    join_all(issuers.iter().map(one)).await
}

async fn one(issuer: &Issuer) -> Finding {
    let check = format!("identity:{}", issuer.name);
    let algorithms: Vec<String> = issuer
        .algorithms
        .iter()
        .map(|algorithm| format!("{algorithm:?}"))
        .collect();
    let algorithms = algorithms.join(", ");
    match usable_keys(issuer).await {
        Ok(0) => Finding::bad(
            &check,
            format!("it has no key for {algorithms}"),
            "set `algorithms` of this issuer to what the provider signs with",
        ),
        Ok(keys) => Finding::ok(
            &check,
            format!("it has {keys} usable keys for {algorithms}"),
        ),
        Err(why) => Finding::bad(
            &check,
            format!("its keys can't be had: {why}"),
            "see whether the address or the file is right, and whether this machine can reach it",
        ),
    }
}
