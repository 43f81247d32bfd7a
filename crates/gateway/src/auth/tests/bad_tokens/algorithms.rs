//! Whose signature it is, and how it was made.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

/// A token that says it is signed by `alg`, and has `signature`.
fn forged(alg: impl Into<Value>, signature: impl AsRef<[u8]>) -> String {
    let header = header_with("alg", alg);
    let parts = [
        base64(header.to_string()),
        base64(claims().to_string()),
        base64(signature),
    ];
    parts.join(".")
}

/// A token of `corp`'s that is signed by HMAC under `secret`.
fn hmac(secret: impl AsRef<[u8]>) -> String {
    Signer::secret(secret).token("HS256", header_with("alg", "HS256"), claims())
}

/// The public key of `corp`, as attackers find it.
fn public_pem() -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let text = STANDARD.encode(RSA.public_der());
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

/// A token of the issuer that shares a secret, signed under another one.
fn shared(secret: impl AsRef<[u8]>) -> String {
    Signer::secret(secret).token("HS256", json!({ "alg": "HS256" }), with("iss", "shared"))
}

/// A good token whose signature is replaced.
fn resigned(change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let (message, signature) = split(&good());
    format!("{message}.{}", base64(change(signature)))
}

/// A good token on P-256 whose signature is replaced.
fn es256(change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let header = json!({ "alg": "ES256", "kid": "ec-256" });
    let (message, signature) = split(&EC_256.token("ES256", header, claims()));
    format!("{message}.{}", base64(change(signature)))
}

fn split(token: &str) -> (String, Vec<u8>) {
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let (message, signature) = token.rsplit_once('.').unwrap();
    (
        message.to_owned(),
        URL_SAFE_NO_PAD.decode(signature).unwrap(),
    )
}

/// The signature in the other form of ECDSA's: DER.
fn der_signed() -> String {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let random = aws_lc_rs::rand::SystemRandom::new();
    es256(|_| pair.sign(&random, b"message").unwrap().as_ref().to_vec())
}

fn flipped(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[0] ^= 1;
    bytes
}

/// A good token with one of its first two segments taken from another good one.
fn mixed(header: &str, claims: &Value) -> String {
    let (message, signature) = split(&good());
    let (first, second) = message.split_once('.').unwrap();
    let first = if header.is_empty() {
        first.to_owned()
    } else {
        base64(header)
    };
    let second = if claims.is_null() {
        second.to_owned()
    } else {
        base64(claims.to_string())
    };
    format!("{first}.{second}.{}", base64(signature))
}

#[rstest]
#[case::none_without_signature(forged("none", ""), Reason::Malformed)]
#[case::none(forged("none", "x"), Reason::Algorithm)]
#[case::none_capitalised(forged("None", "x"), Reason::Algorithm)]
#[case::none_in_capitals(forged("NONE", "x"), Reason::Algorithm)]
#[case::none_in_mixed_case(forged("nOnE", "x"), Reason::Algorithm)]
#[case::none_with_a_space(forged("none ", "x"), Reason::Algorithm)]
#[case::none_with_a_good_signature(forged("none", RSA.sign("RS256", b"x")), Reason::Algorithm)]
#[case::empty(forged("", "x"), Reason::Algorithm)]
#[case::null(forged(Value::Null, "x"), Reason::Algorithm)]
#[case::number(forged(256, "x"), Reason::Algorithm)]
#[case::list(forged(json!(["RS256"]), "x"), Reason::Algorithm)]
#[case::object(forged(json!({ "RS256": true }), "x"), Reason::Algorithm)]
#[case::missing(headed(json!({ "typ": "JWT", "kid": "rsa-1" })), Reason::Algorithm)]
#[case::lower_case(headed(header_with("alg", "rs256")), Reason::Algorithm)]
#[case::space_after(headed(header_with("alg", "RS256 ")), Reason::Algorithm)]
#[case::unknown(headed(header_with("alg", "ES256K")), Reason::Algorithm)]
#[case::of_encryption(headed(header_with("alg", "RSA-OAEP")), Reason::Algorithm)]
#[case::not_the_issuers(
    RSA.token("RS512", header_with("alg", "RS512"), claims()), Reason::Algorithm)]
#[case::not_the_keys(
    RSA.token("PS256", header_with("alg", "PS256"), claims()), Reason::Algorithm)]
#[case::another_than_was_used(
    RSA_OTHER.token("RS256", json!({ "alg": "PS256", "kid": "rsa-2" }), claims()),
    Reason::Signature)]
#[case::for_another_kind_of_key(
    RSA.token("RS256", header_with("kid", "ec-256"), claims()), Reason::Algorithm)]
#[case::on_another_curve(
    EC_384.token("ES384", json!({ "alg": "ES256", "kid": "ec-384" }), claims()),
    Reason::Algorithm)]
#[case::public_key_as_a_secret(hmac(RSA.public_der()), Reason::Algorithm)]
#[case::public_pem_as_a_secret(hmac(public_pem()), Reason::Algorithm)]
#[case::public_jwk_as_a_secret(hmac(RSA.jwk("rsa-1").to_string()), Reason::Algorithm)]
#[case::modulus_as_a_secret(
    hmac(RSA.jwk("rsa-1")["n"].as_str().unwrap()), Reason::Algorithm)]
#[case::empty_secret(hmac(""), Reason::Algorithm)]
#[case::zero_byte_as_a_secret(hmac([0]), Reason::Algorithm)]
#[case::secret_of_another_issuer(hmac(SECRET), Reason::Algorithm)]
#[tokio::test]
async fn algorithm(#[case] token: String, #[case] expected: Reason) {
    assert_eq!(refused(&token).await, expected);
}

#[rstest]
#[case::empty_secret(shared(""), Reason::Signature)]
#[case::guessed_secret(shared("secret"), Reason::Signature)]
#[case::part_of_the_secret(shared(&SECRET[..31]), Reason::Signature)]
#[case::secret_and_more(shared(format!("{SECRET}0")), Reason::Signature)]
#[case::padded_secret(shared(format!("{SECRET}\n")), Reason::Signature)]
#[case::public_key(
    RSA.token("RS256", header(), with("iss", "shared")), Reason::Algorithm)]
#[tokio::test]
async fn shared_secret(#[case] token: String, #[case] expected: Reason) {
    assert_eq!(refused(&token).await, expected);
}

#[rstest]
#[case::empty(resigned(|_| Vec::new()), Reason::Malformed)]
#[case::one_byte(resigned(|_| vec![0]), Reason::Signature)]
#[case::zeros(resigned(|bytes| vec![0; bytes.len()]), Reason::Signature)]
#[case::cut_off(resigned(|bytes| bytes[..255].to_vec()), Reason::Signature)]
#[case::with_more_behind(resigned(|bytes| [bytes, vec![0]].concat()), Reason::Signature)]
#[case::changed(resigned(flipped), Reason::Signature)]
#[case::of_another_token(resigned(|_| RSA.sign("RS256", b"another")), Reason::Signature)]
#[case::of_another_key(RSA_OTHER.token("RS256", header(), claims()), Reason::Signature)]
#[case::of_another_issuers_key(
    AGENCY.token("ES256", json!({ "alg": "ES256", "kid": "ec-256" }), claims()),
    Reason::Signature)]
#[case::ecdsa_zeros(es256(|_| vec![0; 64]), Reason::Signature)]
#[case::ecdsa_half(es256(|bytes| bytes[..32].to_vec()), Reason::Signature)]
#[case::ecdsa_first_half_zero(
    es256(|bytes| [vec![0; 32], bytes[32..].to_vec()].concat()), Reason::Signature)]
#[case::ecdsa_der(der_signed(), Reason::Signature)]
#[case::ecdsa_longer(es256(|bytes| [bytes, vec![0; 32]].concat()), Reason::Signature)]
#[case::ecdsa_changed(es256(flipped), Reason::Signature)]
#[case::eddsa_of_another_message(
    ED.token("EdDSA", json!({ "alg": "EdDSA", "kid": "ed" }), claims()).replacen(
        &base64(claims().to_string()), &base64(with("sub", "bob").to_string()), 1),
    Reason::Signature)]
#[case::for_other_claims(mixed("", &with("org", json!({ "id": "other" }))), Reason::Signature)]
#[case::for_another_header(
    mixed(r#"{"kid":"rsa-1","alg":"RS256"}"#, &Value::Null), Reason::Signature)]
#[tokio::test]
async fn signature(#[case] token: String, #[case] expected: Reason) {
    assert_eq!(refused(&token).await, expected);
}

#[rstest]
#[case::unknown("rsa-9", Reason::SigningKey)]
#[case::empty("", Reason::SigningKey)]
#[case::other_case("RSA-1", Reason::SigningKey)]
#[case::space_after("rsa-1 ", Reason::SigningKey)]
#[case::traversal("../../../../etc/passwd", Reason::SigningKey)]
#[case::device("/dev/null", Reason::SigningKey)]
#[case::file_url("file:///etc/passwd", Reason::SigningKey)]
#[case::sql("' OR '1'='1' --", Reason::SigningKey)]
#[case::union("x' UNION SELECT 'secret' --", Reason::SigningKey)]
#[case::command("rsa-1; curl http://127.0.0.1/ |sh", Reason::SigningKey)]
#[case::url("http://127.0.0.1:1/keys.json", Reason::SigningKey)]
#[case::zero_byte("rsa-1\u{0}", Reason::SigningKey)]
#[case::of_another_issuer("agency-1", Reason::SigningKey)]
#[case::null(Value::Null, Reason::TokenHeader)]
#[case::number(1, Reason::TokenHeader)]
#[case::list(json!(["rsa-1"]), Reason::TokenHeader)]
#[case::object(json!({ "rsa-1": "rsa-1" }), Reason::TokenHeader)]
#[tokio::test]
async fn key_id(#[case] kid: impl Into<Value>, #[case] expected: Reason) {
    assert_eq!(refused(&headed(header_with("kid", kid))).await, expected);
}

#[tokio::test]
async fn without_a_key_id_nobody_guesses_which_of_two_keys_it_is() {
    let token = headed(json!({ "alg": "RS256" }));
    // One of the two is pinned to RS256, the other is for all of RSA.
    assert_eq!(refused(&token).await, Reason::SigningKey);
}
