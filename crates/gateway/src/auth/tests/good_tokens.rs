//! Tokens that are good, and what they mean.

use rstest::rstest;
use serde_json::{Value, json};

use super::kit::*;
use crate::auth::{Scope, Scopes};

#[rstest]
#[case("RS256", "rsa-2", &*RSA_OTHER)]
#[case("RS384", "rsa-2", &*RSA_OTHER)]
#[case("RS512", "rsa-2", &*RSA_OTHER)]
#[case("PS256", "rsa-2", &*RSA_OTHER)]
#[case("PS384", "rsa-2", &*RSA_OTHER)]
#[case("PS512", "rsa-2", &*RSA_OTHER)]
#[case("RS256", "rsa-1", &*RSA)]
#[case("ES256", "ec-256", &*EC_256)]
#[case("ES384", "ec-384", &*EC_384)]
#[case("EdDSA", "ed", &*ED)]
#[tokio::test]
async fn a_token_of_each_algorithm_is_taken(
    #[case] algorithm: &str,
    #[case] kid: &str,
    #[case] signer: &Signer,
) {
    let header = json!({ "alg": algorithm, "kid": kid });
    let token = signer.token(algorithm, header, with("iss", "wide"));
    let principal = Kit::new().await.present(&token).await.unwrap();
    assert_eq!(principal.tenant.as_str(), TENANT);
}

#[rstest]
#[case("HS256")]
#[case("HS384")]
#[case("HS512")]
#[tokio::test]
async fn a_token_under_a_shared_secret_is_taken(#[case] algorithm: &str) {
    let kit = Kit::new().await;
    let signer = Signer::secret(SECRET);
    for header in [
        json!({ "alg": algorithm }),
        json!({ "alg": algorithm, "kid": "there is but one secret" }),
    ] {
        let token = signer.token(algorithm, header, with("iss", "shared"));
        kit.present(&token).await.unwrap();
    }
}

#[rstest]
#[case::one_of_several_audiences(of(with("aud", json!(["other", "api://evogate"]))))]
#[case::just_expired(of(with("exp", NOW - 59)))]
#[case::just_valid(of(with("nbf", NOW + 60)))]
#[case::clock_ahead(of(with("iat", NOW + 60)))]
#[case::years(of(with("exp", NOW + 5 * 365 * 86_400)))]
#[case::no_times_but_one(of(without("iat")))]
#[case::access_token(headed(header_with("typ", "at+jwt")))]
#[case::access_token_in_full(headed(header_with("typ", "application/AT+JWT")))]
#[case::no_type(headed(json!({ "alg": "RS256", "kid": "rsa-1" })))]
#[case::fingerprints_of_keys(headed(header_with("x5t", "9Gg6Zs3dSNqW8Tq0")))]
#[case::the_only_key_of_its_kind(EC_256.token("ES256", json!({ "alg": "ES256" }), claims()))]
#[tokio::test]
async fn what_a_token_need_not_be_it_may_be(#[case] token: String) {
    Kit::new().await.present(&token).await.unwrap();
}

#[tokio::test]
async fn a_token_may_come_as_an_api_key() {
    let kit = Kit::new().await;
    kit.present_headers(&[("x-api-key", &good())])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_token_says_the_tenant_the_user_and_what_it_is_good_for() {
    let principal = Kit::new().await.present(&good()).await.unwrap();
    assert_eq!(principal.tenant.as_str(), TENANT);
    assert_eq!(principal.user.as_deref(), Some("alice"));
    assert_eq!(principal.credential.to_string(), "jwt:corp:alice");
    assert_eq!(principal.scopes, Scopes::USER);
    let author = principal.author();
    assert_eq!((author.key, author.user.as_deref()), (None, Some("alice")));
}

#[tokio::test]
async fn a_token_of_nobody_has_a_credential_of_its_own() {
    let kit = Kit::new().await;
    let one = kit.present(&of(without("sub"))).await.unwrap();
    let mut other = without("sub");
    other["jti"] = json!("2");
    let other = kit.present(&of(other)).await.unwrap();
    assert_eq!(one.user, None);
    assert_ne!(one.credential, other.credential);
}

/// A gateway whose issuer has `settings` instead of a tenant's claim.
async fn meaning(settings: &str) -> Kit {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, corp_keys().to_string()).unwrap();
    let settings = format!(
        "[[auth.issuers]]
        name = 'corp'
        issuer = '{CORP}'
        audience = 'evogate'
        algorithms = ['RS256']
        jwks_file = '{}'
        {settings}",
        path.display()
    );
    Kit::with(folder, &settings).await
}

#[rstest]
#[case(json!({ "scope": "openid generate read" }), &[Scope::Generate, Scope::Read])]
#[case(json!({ "scope": ["read", "tenant_admin"] }), &[Scope::Read, Scope::TenantAdmin])]
#[case(json!({ "realm": { "roles": ["webhooks"] } }), &[Scope::Webhooks])]
#[case(json!({ "scope": "read", "realm": { "roles": ["lead"] } }), &[Scope::Generate, Scope::Read])]
#[case(json!({ "scope": "Read READ reads evogate:read" }), &[])]
#[case(json!({ "scope": 7, "realm": { "roles": { "read": true } } }), &[])]
#[case(json!({ "scope": ["generate", 7, null] }), &[Scope::Generate])]
#[case(json!({}), &[])]
#[tokio::test]
async fn a_token_is_good_for_what_it_says(#[case] more: Value, #[case] scopes: &[Scope]) {
    let kit = meaning(
        "tenant_claim = 'org.id'
        scopes_claim = 'scope'
        roles_claim = 'realm.roles'
        role_scopes = { lead = ['generate'] }",
    )
    .await;
    let mut claims = claims();
    let more = more.as_object().unwrap().clone();
    claims.as_object_mut().unwrap().extend(more);
    let principal = kit.present(&of(claims)).await.unwrap();
    assert_eq!(principal.scopes, scopes.iter().copied().collect());
}

#[tokio::test]
async fn another_claim_may_name_the_user() {
    let kit = meaning("tenant_claim = 'org.id'\nuser_claim = 'email'").await;
    let principal = kit
        .present(&of(with("email", "a@example.com")))
        .await
        .unwrap();
    assert_eq!(principal.user.as_deref(), Some("a@example.com"));
    assert_eq!(principal.credential.to_string(), "jwt:corp:alice");
}

#[rstest]
#[case(json!({ "groups": ["staff", "video-team"] }), true)]
#[case(json!({ "groups": "video-team" }), true)]
#[case(json!({ "groups": ["video-team", "film-team"] }), true)]
#[case::several_tenants(json!({ "groups": ["video-team", "brand"] }), false)]
#[case::foreign_groups(json!({ "groups": ["staff"] }), false)]
#[case::no_groups(json!({ "groups": [] }), false)]
#[case::no_list(json!({ "groups": { "video-team": true } }), false)]
#[case::other_case(json!({ "groups": ["Video-Team"] }), false)]
#[case::nothing(json!({}), false)]
#[tokio::test]
async fn groups_lead_to_one_tenant_or_to_none(#[case] more: Value, #[case] good: bool) {
    let kit = meaning(
        "groups_claim = 'groups'
        group_tenants = { video-team = 'video', film-team = 'video', brand = 'marketing' }",
    )
    .await;
    let mut claims = without("org");
    let more = more.as_object().unwrap().clone();
    claims.as_object_mut().unwrap().extend(more);
    let found = kit.present(&of(claims)).await;
    assert_eq!(found.is_ok(), good, "{found:?}");
}
