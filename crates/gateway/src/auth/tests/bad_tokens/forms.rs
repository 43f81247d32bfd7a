//! What a token looks like, before anybody asks what it says.

use rstest::rstest;
use serde_json::json;

use super::*;

/// The three segments of a good token.
fn segments() -> [String; 3] {
    let token = good();
    let mut parts = token.split('.').map(str::to_owned);
    std::array::from_fn(|_| parts.next().unwrap())
}

/// A good token with its segments changed.
fn reshaped(change: impl FnOnce(&str, &str, &str) -> String) -> String {
    let [header, claims, signature] = segments();
    change(&header, &claims, &signature)
}

/// A good token but for its claims, which are no JSON perhaps.
fn saying(claims: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", base64(header().to_string()), base64(claims));
    let signature = RSA.sign("RS256", message.as_bytes());
    format!("{message}.{}", base64(signature))
}

/// Good claims, as text, with `more` in front.
fn claims_after(more: &str) -> String {
    saying(claims().to_string().replacen('{', &format!("{{{more},"), 1))
}

fn header_after(more: &str) -> String {
    headed(header().to_string().replacen('{', &format!("{{{more},"), 1))
}

/// A character that differs from the last one in bits that no byte of the signature has.
fn with_bits_to_spare() -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut token = good();
    let last = token.pop().unwrap();
    let at = ALPHABET.find(last).unwrap();
    token.push(ALPHABET.as_bytes()[at | 1].into());
    token
}

#[rstest]
#[case::one_segment(reshaped(|header, _, _| format!("{header}.")), Reason::Malformed)]
#[case::two_segments(reshaped(|header, claims, _| format!("{header}.{claims}")), Reason::Malformed)]
#[case::no_signature(reshaped(|header, claims, _| format!("{header}.{claims}.")), Reason::Malformed)]
#[case::no_header(reshaped(|_, claims, tail| format!(".{claims}.{tail}")), Reason::Malformed)]
#[case::no_claims(reshaped(|header, _, tail| format!("{header}..{tail}")), Reason::Malformed)]
#[case::four_segments(format!("{}.{}", good(), base64("x")), Reason::Malformed)]
#[case::dot_behind(format!("{}.", good()), Reason::Malformed)]
#[case::dot_in_front(format!(".{}", good()), Reason::Malformed)]
#[case::five_segments(format!("{}.eA.eA", good()), Reason::Malformed)]
#[case::dots_alone("..".to_owned(), Reason::Malformed)]
#[case::one_dot(".".to_owned(), Reason::Malformed)]
#[case::padding(format!("{}=", good()), Reason::Malformed)]
#[case::padded_claims(
    reshaped(|header, claims, tail| format!("{header}.{claims}==.{tail}")), Reason::Malformed)]
#[case::bits_to_spare(with_bits_to_spare(), Reason::Malformed)]
#[case::standard_base64(
    reshaped(|header, claims, _| format!("{header}.{claims}.+/+/")), Reason::Malformed)]
#[case::percent_encoded(good().replace('.', "%2E"), Reason::UnknownKey)]
#[case::foreign_characters(format!("{}!", good()), Reason::Malformed)]
#[case::space_within(good().replacen('.', ". ", 1), Reason::Header)]
#[case::a_mebibyte("x.".repeat(1 << 19), Reason::TooLarge)]
#[case::good_but_too_large(of(with("pad", "x".repeat(16 * 1024))), Reason::TooLarge)]
#[case::header_is_no_json(headed("alg=RS256"), Reason::Malformed)]
#[case::header_is_a_list(headed(r#"["RS256"]"#), Reason::Malformed)]
#[case::claims_are_no_json(saying("iss=corp"), Reason::Malformed)]
#[case::claims_are_a_list(saying(format!("[{}]", claims())), Reason::Malformed)]
#[case::claims_are_a_text(saying(r#""claims""#), Reason::Malformed)]
#[case::claims_are_null(saying("null"), Reason::Malformed)]
#[case::claims_with_more_behind(saying(format!("{}{{}}", claims())), Reason::Malformed)]
#[case::claims_cut_off(saying(&claims().to_string()[..60]), Reason::Malformed)]
#[case::claims_with_a_byte_order_mark(saying(format!("\u{feff}{}", claims())), Reason::Malformed)]
#[case::claims_in_another_encoding(
    saying([claims().to_string().as_bytes(), b"\xff"].concat()), Reason::Malformed)]
#[case::claims_with_a_comment(saying(format!("/**/{}", claims())), Reason::Malformed)]
#[case::endless_nesting(claims_after(&format!(r#""x":{}"#, "[".repeat(3000))), Reason::Malformed)]
#[case::a_token_within_a_token(saying(good()), Reason::Malformed)]
#[case::exp_twice(claims_after(r#""exp":9999999999"#), Reason::Malformed)]
#[case::aud_twice(claims_after(r#""aud":"other""#), Reason::Malformed)]
#[case::iss_twice_in_another_writing(claims_after(r#""\u0069ss":"agency""#), Reason::Malformed)]
#[case::tenant_twice(claims_after(r#""x":{"id":"video","id":"other"}"#), Reason::Malformed)]
#[case::alg_twice(header_after(r#""alg":"none""#), Reason::Malformed)]
#[case::kid_twice_in_another_writing(header_after(r#""k\u0069d":"ec-256""#), Reason::Malformed)]
#[tokio::test]
async fn form(#[case] token: String, #[case] expected: Reason) {
    assert_eq!(refused(&token).await, expected);
}

#[rstest]
#[case::jku("jku", json!("https://attacker.example.com/keys.json"))]
#[case::jku_of_the_issuer("jku", json!(format!("{CORP}/certs")))]
#[case::jwk("jwk", AGENCY.jwk("rsa-1"))]
#[case::jwk_of_the_issuer("jwk", RSA.jwk("rsa-1"))]
#[case::x5u("x5u", json!("https://attacker.example.com/cert.pem"))]
#[case::crit_unknown("crit", json!(["http://example.com/flag"]))]
#[case::crit_known("crit", json!(["exp"]))]
#[case::crit_empty("crit", json!([]))]
#[case::crit_is_a_text("crit", json!("exp"))]
#[case::crit_is_null("crit", json!(null))]
#[case::b64("b64", json!(false))]
#[case::zip("zip", json!("DEF"))]
#[case::enc("enc", json!("A256GCM"))]
#[case::typ_of_a_logout("typ", json!("logout+jwt"))]
#[case::typ_of_a_proof("typ", json!("dpop+jwt"))]
#[case::typ_of_encryption("typ", json!("JWE"))]
#[case::typ_is_empty("typ", json!(""))]
#[case::typ_is_null("typ", json!(null))]
#[case::typ_is_a_list("typ", json!(["JWT"]))]
#[case::typ_with_a_parameter("typ", json!("JWT; charset=utf-8"))]
#[tokio::test]
async fn header_that_is_refused(#[case] name: &str, #[case] value: serde_json::Value) {
    let token = headed(header_with(name, value));
    assert_eq!(refused(&token).await, Reason::TokenHeader);
}

#[tokio::test]
async fn key_that_the_token_brings_along() {
    let header = json!({ "alg": "ES256", "jwk": AGENCY.jwk("mine"), "kid": "mine" });
    let token = AGENCY.token("ES256", header, claims());
    assert_eq!(refused(&token).await, Reason::TokenHeader);
}
