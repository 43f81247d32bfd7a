//! A token that was found good costs nothing the next time, and lives no longer for it.

use axum::http::{HeaderMap, HeaderValue};
use serde_json::json;

use super::kit::*;
use crate::auth::failure::Reason;
use crate::auth::presented::Presented;

#[tokio::test]
async fn a_remembered_token_is_not_looked_into_again() {
    let kit = Kit::new().await;
    let token = good();
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    let headers = HeaderMap::from_iter([(axum::http::header::AUTHORIZATION, value)]);
    let presented = Presented::of(&headers).unwrap();
    // The same hash, and nothing that could be checked.
    let recalled = Presented {
        text: "no.token.at-all",
        print: presented.print,
    };
    let tokens = &kit.auth.tokens;
    assert!(tokens.judge(&recalled).await.is_err());
    let first = tokens.judge(&presented).await.unwrap();
    assert_eq!(tokens.judge(&recalled).await.unwrap(), first);
}

#[tokio::test]
async fn a_bad_token_is_not_remembered() {
    let kit = Kit::new().await;
    let token = of(with("nbf", NOW + 90));
    assert_eq!(kit.refused(&token).await, Reason::NotYetValid);
    kit.clock.advance(30_000);
    kit.present(&token).await.unwrap();
}

#[tokio::test]
async fn a_remembered_token_runs_out_with_its_leeway() {
    let kit = Kit::new().await;
    let token = good();
    kit.present(&token).await.unwrap();
    kit.clock.advance(359_999);
    kit.present(&token).await.unwrap();
    kit.clock.advance(1);
    assert_eq!(kit.refused(&token).await, Reason::Expired);
}

#[tokio::test]
async fn a_remembered_token_is_forgotten_with_its_key() {
    let provider = Provider::new(&corp_keys()).await;
    let kit = Kit::trusting(&provider.jwks_url()).await;
    let token = good();
    kit.present(&token).await.unwrap();
    // The key keeps its name, and is another one.
    provider.rotate(&json!({ "keys": [RSA_OTHER.jwk("rsa-1")] }));
    kit.present(&token).await.unwrap();
    kit.clock.advance(30_000);
    assert_eq!(
        kit.refused(&headed(header_with("kid", "unknown"))).await,
        Reason::SigningKey
    );
    assert_eq!(kit.refused(&token).await, Reason::Signature);
}

#[tokio::test]
async fn a_remembered_token_dies_when_there_are_no_keys_any_more() {
    let provider = Provider::new(&corp_keys()).await;
    let kit = Kit::trusting(&provider.jwks_url()).await;
    let token = good();
    kit.present(&token).await.unwrap();
    provider.rotate(&json!({ "keys": [] }));
    kit.clock.advance(30_000);
    kit.refused(&headed(header_with("kid", "unknown"))).await;
    assert_eq!(kit.refused(&token).await, Reason::SigningKey);
}

#[tokio::test]
async fn a_remembered_token_costs_the_provider_nothing() {
    let provider = Provider::new(&corp_keys()).await;
    let kit = Kit::trusting(&provider.jwks_url()).await;
    for _ in 0..20 {
        kit.present(&good()).await.unwrap();
        kit.clock.advance(10_000);
    }
    assert_eq!(provider.asked().await, 1);
}

#[tokio::test]
async fn a_tenant_that_appears_is_there_at_once() {
    let kit = Kit::new().await;
    let token = of(with("org", json!({ "id": "late" })));
    assert_eq!(kit.refused(&token).await, Reason::UnknownTenant);
    kit.make_tenant("late").await;
    kit.present(&token).await.unwrap();
}
