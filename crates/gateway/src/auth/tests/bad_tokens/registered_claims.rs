//! Who made a token, for whom, and from when until when.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

#[rstest]
#[case::missing(without("iss"))]
#[case::another(with("iss", "https://attacker.example.com"))]
#[case::empty(with("iss", ""))]
#[case::null(with("iss", Value::Null))]
#[case::number(with("iss", 7))]
#[case::list(with("iss", json!([CORP])))]
#[case::object(with("iss", json!({ "0": CORP })))]
#[case::with_a_slash_behind(with("iss", format!("{CORP}/")))]
#[case::with_a_space_behind(with("iss", format!("{CORP} ")))]
#[case::in_capitals(with("iss", CORP.to_uppercase()))]
#[case::part(with("iss", &CORP[..20]))]
#[case::name_in_the_settings(with("iss", "corp"))]
#[case::zero_byte(with("iss", format!("{CORP}\u{0}")))]
#[tokio::test]
async fn issuer(#[case] claims: Value) {
    assert_eq!(refused(&of(claims)).await, Reason::Issuer);
}

#[tokio::test]
async fn issuer_whose_key_did_not_sign() {
    let claims = with("iss", "agency");
    let header = json!({ "alg": "ES256", "kid": "agency-1" });
    let token = EC_256.token("ES256", header, claims);
    assert_eq!(refused(&token).await, Reason::Signature);
}

#[tokio::test]
async fn issuer_that_does_not_have_the_key() {
    let token = EC_256.token(
        "ES256",
        json!({ "alg": "ES256", "kid": "ec-256" }),
        with("iss", "agency"),
    );
    assert_eq!(refused(&token).await, Reason::SigningKey);
}

#[rstest]
#[case::missing(without("aud"))]
#[case::another(with("aud", "other"))]
#[case::empty(with("aud", ""))]
#[case::null(with("aud", Value::Null))]
#[case::number(with("aud", 7))]
#[case::bool(with("aud", true))]
#[case::object(with("aud", json!({ "evogate": true })))]
#[case::empty_list(with("aud", json!([])))]
#[case::list_of_others(with("aud", json!(["other", "another"])))]
#[case::list_with_a_number(with("aud", json!(["evogate", 7])))]
#[case::list_in_a_list(with("aud", json!([["evogate"]])))]
#[case::longer(with("aud", "evogate-staging"))]
#[case::shorter(with("aud", "evo"))]
#[case::in_capitals(with("aud", "Evogate"))]
#[case::several_in_one_text(with("aud", "other evogate"))]
#[case::wildcard(with("aud", "*"))]
#[tokio::test]
async fn audience(#[case] claims: Value) {
    assert_eq!(refused(&of(claims)).await, Reason::Audience);
}

#[rstest]
#[case::missing(without("exp"), Reason::Claims)]
#[case::null(with("exp", Value::Null), Reason::Claims)]
#[case::text(with("exp", (NOW + 300).to_string()), Reason::Claims)]
#[case::empty_text(with("exp", ""), Reason::Claims)]
#[case::date(with("exp", "2099-01-01T00:00:00Z"), Reason::Claims)]
#[case::bool(with("exp", true), Reason::Claims)]
#[case::list(with("exp", json!([NOW + 300])), Reason::Claims)]
#[case::object(with("exp", json!({ "$date": NOW + 300 })), Reason::Claims)]
#[case::float(with("exp", 1_772_204_000.5), Reason::Claims)]
#[case::whole_float(with("exp", 1_772_204_000.0), Reason::Claims)]
#[case::negative(with("exp", -1), Reason::Claims)]
#[case::most_negative(with("exp", i64::MIN), Reason::Claims)]
#[case::milliseconds(with("exp", NOW * 1000), Reason::Claims)]
#[case::in_a_hundred_years(with("exp", NOW + 100 * 365 * 86_400), Reason::Claims)]
#[case::most(with("exp", i64::MAX), Reason::Claims)]
#[case::most_unsigned(with("exp", u64::MAX), Reason::Claims)]
#[case::more_than_any_integer(with("exp", 1e300), Reason::Claims)]
#[case::zero(with("exp", 0), Reason::Expired)]
#[case::long_past(with("exp", NOW - 86_400), Reason::Expired)]
#[case::past_by_the_leeway(with("exp", NOW - 60), Reason::Expired)]
#[tokio::test]
async fn expiry(#[case] claims: Value, #[case] expected: Reason) {
    assert_eq!(refused(&of(claims)).await, expected);
}

#[tokio::test]
async fn expiry_with_an_exponent() {
    let claims = claims().to_string();
    let claims = claims.replace(&(NOW + 300).to_string(), "1.8e9");
    assert_eq!(refused(&of(claims)).await, Reason::Claims);
}

#[rstest]
#[case::later("nbf", json!(NOW + 61), Reason::NotYetValid)]
#[case::far_later("nbf", json!(i64::MAX / 1000), Reason::NotYetValid)]
#[case::most("nbf", json!(i64::MAX), Reason::Claims)]
#[case::text("nbf", json!("0"), Reason::Claims)]
#[case::null("nbf", json!(null), Reason::Claims)]
#[case::float("nbf", json!(0.5), Reason::Claims)]
#[case::negative("nbf", json!(-1), Reason::Claims)]
#[case::made_later("iat", json!(NOW + 61), Reason::NotYetValid)]
#[case::made_at_a_text("iat", json!("yesterday"), Reason::Claims)]
#[case::made_at_a_list("iat", json!([NOW]), Reason::Claims)]
#[case::made_before_time("iat", json!(-1), Reason::Claims)]
#[tokio::test]
async fn begin(#[case] name: &str, #[case] value: Value, #[case] expected: Reason) {
    assert_eq!(refused(&of(with(name, value))).await, expected);
}
