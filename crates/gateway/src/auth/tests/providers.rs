//! Where keys come from, and what happens when they change or can't be had.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::kit::*;
use crate::auth::failure::{AuthError, Reason};

/// A token that names a key.
fn named(kid: &str) -> String {
    headed(header_with("kid", kid))
}

#[tokio::test]
async fn the_first_token_asks_for_the_keys_and_the_next_ones_do_not() {
    let provider = Provider::new(&corp_keys()).await;
    let kit = Kit::trusting(&provider.jwks_url()).await;
    assert_eq!(provider.asked().await, 0);
    for user in ["alice", "bob", "carol"] {
        kit.present(&of(with("sub", user))).await.unwrap();
    }
    assert_eq!(provider.asked().await, 1);
}

#[tokio::test]
async fn tokens_that_come_at_once_share_one_question() {
    let provider = Provider::new(&corp_keys()).await;
    let keys = ResponseTemplate::new(200).set_body_json(corp_keys());
    provider.answer(keys.set_delay(Duration::from_millis(100)));
    let kit = Kit::trusting(&provider.jwks_url()).await;
    let tokens: Vec<_> = (0..30)
        .map(|n| of(with("sub", format!("user-{n}"))))
        .collect();
    let presented = tokens.iter().map(|token| kit.present(token));
    for found in futures::future::join_all(presented).await {
        found.unwrap();
    }
    assert_eq!(provider.asked().await, 1);
}

#[tokio::test]
async fn a_new_key_is_found_at_once() {
    let provider = Provider::new(&json!({ "keys": [RSA_OTHER.jwk("rsa-2")] })).await;
    let kit = Kit::trusting(&provider.jwks_url()).await;
    let old = RSA_OTHER.token("RS256", header_with("kid", "rsa-2"), claims());
    kit.auth.tokens.start();
    while provider.asked().await < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    kit.present(&old).await.unwrap();
    provider.rotate(&corp_keys());
    kit.present(&good()).await.unwrap();
    assert_eq!(provider.asked().await, 2);
    kit.background.stop();
    assert!(kit.background.finished(Duration::from_secs(20)).await);
}

#[tokio::test]
async fn unknown_keys_ask_at_most_once_in_thirty_seconds() {
    let provider = Provider::new(&corp_keys()).await;
    let kit = Kit::trusting(&provider.jwks_url()).await;
    kit.present(&good()).await.unwrap();
    kit.clock.advance(30_000);
    let tokens: Vec<_> = (0..30).map(|n| named(&format!("unknown-{n}"))).collect();
    let presented = tokens.iter().map(|token| kit.refused(token));
    for reason in futures::future::join_all(presented).await {
        assert_eq!(reason, Reason::SigningKey);
    }
    assert_eq!(provider.asked().await, 2);
    kit.clock.advance(29_999);
    kit.refused(&named("unknown")).await;
    assert_eq!(provider.asked().await, 2);
    kit.clock.advance(1);
    kit.refused(&named("unknown")).await;
    assert_eq!(provider.asked().await, 3);
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_keep_new_keys_away() {
    let provider = Provider::new(&corp_keys()).await;
    let kit = Kit::trusting(&provider.jwks_url()).await;
    kit.present(&good()).await.unwrap();
    kit.clock.advance(-200_000);
    let token = RSA.token("RS256", header_with("kid", "unknown"), without("iat"));
    kit.refused(&token).await;
    assert_eq!(provider.asked().await, 2);
}

#[rstest]
#[case::wrong_audience(with("aud", "other"))]
#[case::expired(with("exp", NOW - 100))]
#[case::another_issuer(with("iss", "other"))]
#[tokio::test]
async fn a_token_that_is_bad_anyway_asks_nobody(#[case] claims: Value) {
    let provider = Provider::new(&corp_keys()).await;
    let kit = Kit::trusting(&provider.jwks_url()).await;
    kit.refused(&of(claims)).await;
    assert_eq!(provider.asked().await, 0);
}

#[rstest]
#[case::down(ResponseTemplate::new(503))]
#[case::gone(ResponseTemplate::new(404).set_body_json(json!({ "keys": [] })))]
#[case::an_error_page(ResponseTemplate::new(200).set_body_string("<html>Bad gateway</html>"))]
#[case::another_document(ResponseTemplate::new(200).set_body_json(json!({ "error": "x" })))]
#[case::far_too_large(ResponseTemplate::new(200).set_body_string(format!(
    "{{\"keys\":[],\"pad\":\"{}\"}}", "x".repeat(300_000))))]
#[case::a_redirect(ResponseTemplate::new(302).insert_header("location", "/elsewhere"))]
#[tokio::test]
async fn while_the_provider_is_away_its_keys_stay(#[case] answer: ResponseTemplate) {
    let provider = Provider::new(&corp_keys()).await;
    let kit = Kit::trusting(&provider.jwks_url()).await;
    kit.present(&good()).await.unwrap();
    provider.answer(answer);
    kit.clock.advance(30_000);
    assert_eq!(kit.refused(&named("unknown")).await, Reason::SigningKey);
    assert_eq!(provider.asked().await, 2);
    kit.present(&good()).await.unwrap();
    kit.present(&of(with("sub", "bob"))).await.unwrap();
}

#[tokio::test]
async fn before_there_are_keys_nobody_can_say_and_then_it_heals() {
    let provider = Provider::new(&corp_keys()).await;
    provider.answer(ResponseTemplate::new(500));
    let kit = Kit::trusting(&provider.jwks_url()).await;
    for _ in 0..3 {
        let found = kit.present(&good()).await;
        assert!(matches!(found, Err(AuthError::NoKeys { .. })), "{found:?}");
    }
    assert_eq!(provider.asked().await, 1);
    provider.rotate(&corp_keys());
    kit.clock.advance(30_000);
    kit.present(&good()).await.unwrap();
}

#[tokio::test]
async fn a_provider_that_is_not_there_does_not_keep_the_gateway_from_starting() {
    let kit = Kit::trusting("jwks_url = 'http://127.0.0.1:1/certs'").await;
    kit.auth.tokens.start();
    let found = kit.present(&good()).await;
    assert!(matches!(found, Err(AuthError::NoKeys { .. })), "{found:?}");
    kit.background.stop();
    assert!(kit.background.finished(Duration::from_secs(20)).await);
}

#[tokio::test]
async fn the_metadata_lead_to_the_keys() {
    let provider = Provider::new(&corp_keys()).await;
    provider.describe(&json!({ "issuer": CORP, "jwks_uri": provider.url("/certs") }));
    let kit = Kit::trusting(&format!("discovery = '{}'", provider.url(""))).await;
    kit.present(&good()).await.unwrap();
}

#[rstest]
#[case::of_another_issuer(json!({ "issuer": "https://attacker.example.com", "jwks_uri": "CERTS" }))]
#[case::of_nobody(json!({ "jwks_uri": "CERTS" }))]
#[case::without_keys(json!({ "issuer": CORP }))]
#[case::by_http(json!({ "issuer": CORP, "jwks_uri": "http://sso.example.com/certs" }))]
#[case::of_a_file(json!({ "issuer": CORP, "jwks_uri": "file:///etc/passwd" }))]
#[case::with_a_password(json!({ "issuer": CORP, "jwks_uri": "https://a:b@sso.example.com/" }))]
#[tokio::test]
async fn other_metadata_lead_nowhere(#[case] metadata: Value) {
    let provider = Provider::new(&corp_keys()).await;
    let text = metadata
        .to_string()
        .replace("CERTS", &provider.url("/certs"));
    provider.describe(&serde_json::from_str(&text).unwrap());
    let kit = Kit::trusting(&format!("discovery = '{}'", provider.url(""))).await;
    let found = kit.present(&good()).await;
    assert!(matches!(found, Err(AuthError::NoKeys { .. })), "{found:?}");
    assert_eq!(provider.asked().await, 0);
}

#[tokio::test]
async fn a_file_of_keys_is_read_again_when_it_changes() {
    let kit = Kit::new().await;
    let path = kit.folder.path().join("corp.json");
    let token = good();
    kit.present(&token).await.unwrap();
    let other = json!({ "keys": [RSA_OTHER.jwk("rsa-9")] });
    std::fs::write(&path, other.to_string()).unwrap();
    kit.clock.advance(2_000);
    assert_eq!(kit.refused(&token).await, Reason::SigningKey);
    let new = RSA_OTHER.token("RS256", header_with("kid", "rsa-9"), claims());
    kit.present(&new).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_missing_or_broken_leaves_the_keys_as_they_were() {
    let kit = Kit::new().await;
    let path = kit.folder.path().join("corp.json");
    std::fs::write(&path, "{\"keys\": [").unwrap();
    kit.clock.advance(2_000);
    kit.present(&good()).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    kit.clock.advance(2_000);
    kit.present(&of(with("sub", "bob"))).await.unwrap();
    std::fs::write(&path, json!({ "keys": [] }).to_string()).unwrap();
    kit.clock.advance(2_000);
    assert_eq!(kit.refused(&good()).await, Reason::SigningKey);
}

/// The keys of `corp`, each after it was changed.
fn changed(change: impl Fn(&mut serde_json::Map<String, Value>)) -> Value {
    let mut keys = corp_keys();
    for key in keys["keys"].as_array_mut().unwrap() {
        change(key.as_object_mut().unwrap());
    }
    keys
}

#[rstest]
#[case::for_encryption(changed(|key| { key.insert("use".into(), json!("enc")); }))]
#[case::for_signing_alone(changed(|key| { key.insert("key_ops".into(), json!(["sign"])); }))]
#[case::for_another_algorithm(changed(|key| { key.insert("alg".into(), json!("PS512")); }))]
#[case::for_no_signatures(changed(|key| { key.insert("alg".into(), json!("RSA-OAEP")); }))]
#[case::of_another_kind(changed(|key| { key.insert("kty".into(), json!("oct")); }))]
#[case::without_a_modulus(changed(|key| { key.remove("n"); }))]
#[case::with_a_small_modulus(changed(|key| { key.insert("n".into(), json!(base64([0xc5; 128]))); }))]
#[case::without_a_name(changed(|key| { key.remove("kid"); }))]
#[case::secrets(json!({ "keys": [Signer::secret(SECRET).jwk("rsa-1")] }))]
#[tokio::test]
async fn a_key_that_is_not_for_this_is_not_used(#[case] keys: Value) {
    let provider = Provider::new(&keys).await;
    let kit = Kit::trusting(&provider.jwks_url()).await;
    let reason = kit.refused(&good()).await;
    assert!(
        matches!(reason, Reason::SigningKey | Reason::Algorithm),
        "{reason:?}"
    );
}

#[tokio::test]
async fn a_key_of_unknown_form_does_not_spoil_the_others() {
    let mut keys = corp_keys();
    let list = keys["keys"].as_array_mut().unwrap();
    list.insert(0, json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "x" }));
    list.insert(0, json!({ "kty": 7 }));
    list.insert(0, json!("rsa-1"));
    let provider = Provider::new(&keys).await;
    let kit = Kit::trusting(&provider.jwks_url()).await;
    kit.present(&good()).await.unwrap();
}
