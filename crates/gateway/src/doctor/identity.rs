//! The identity providers: can their keys be had, and is one of them for the algorithms of the settings?

use futures::future::join_all;

use super::Finding;
use crate::auth::jwks::usable_keys;
use crate::config::{Config, Issuer, KeysFrom};

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
            "set `algorithms` of this issuer to what the provider signs with, and see whether these are the keys that \
             it signs tokens with",
        ),
        Ok(keys) => Finding::ok(
            &check,
            format!("its keys can be had; {keys} usable for {algorithms}"),
        ),
        Err(why) => Finding::bad(
            &check,
            format!("its keys can't be had: {why}"),
            match &issuer.keys {
                KeysFrom::Discovery(_) => {
                    "see whether `discovery` of this issuer is right, and whether this machine may call it and what \
                     it names: a firewall, CA certificates; no proxy is used"
                }
                // A file was read with the settings, and a secret is one of them.
                KeysFrom::Jwks(_) | KeysFrom::File(_) | KeysFrom::Secret(_) => {
                    "see whether `jwks_url` of this issuer is right, and whether this machine may call it: a \
                     firewall, CA certificates; no proxy is used"
                }
            },
        ),
    }
}
