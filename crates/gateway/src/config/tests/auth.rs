//! Identity providers: what makes a sound block, and every way to get one wrong.

use jsonwebtoken::Algorithm;
use rstest::rstest;

use super::*;
use crate::auth::Scopes;
use crate::config::{Issuer, KeysFrom};

/// A block that nothing is wrong with.
const BLOCK: &str = "
[[auth.issuers]]
name = 'corp'
issuer = 'https://sso.example.com/realms/corp'
audience = 'evogate'
algorithms = ['RS256', 'ES256']
jwks_url = 'https://sso.example.com/certs'
tenant_claim = 'org.id'
";

/// The key of a good RSA signer, as a JWK set.
const KEYS: &str = include_str!("../../auth/tests/keys.json");

fn issuer(settings: &str) -> Issuer {
    let mut issuers = sound(settings).auth.issuers;
    assert_eq!(issuers.len(), 1);
    issuers.remove(0)
}

/// The block, with `line` in the place of the line that begins as it does, or added.
fn with(line: &str) -> String {
    let (key, _) = line.split_once(' ').unwrap();
    let mut block: String = BLOCK
        .lines()
        .filter(|old| old.split_once(' ').is_none_or(|(old, _)| old != key))
        .flat_map(|line| [line, "\n"])
        .collect();
    block.push_str(line);
    block
}

fn without(key: &str) -> String {
    with(&format!("{key} = ''"))
        .lines()
        .filter(|line| !line.starts_with(key))
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[test]
fn a_block_is_read_as_it_is_written() {
    let read = issuer(BLOCK);
    assert_eq!(read.name, "corp");
    assert_eq!(read.issuer, "https://sso.example.com/realms/corp");
    assert_eq!(read.audience, ["evogate"]);
    assert_eq!(read.algorithms, [Algorithm::RS256, Algorithm::ES256]);
    assert!(matches!(read.keys, KeysFrom::Jwks(_)));
    assert_eq!(
        format!("{:?}", read.tenant_claim.unwrap()),
        r#"["org", "id"]"#
    );
    assert_eq!(format!("{:?}", read.user_claim), r#"["sub"]"#);
    assert!(read.roles_claim.is_none() && read.scopes_claim.is_none());
}

#[test]
fn every_key_may_be_given() {
    let read = issuer(&format!(
        "{}
        user_claim = 'email'
        roles_claim = ['resource_access', 'my.client', 'roles']
        scopes_claim = 'https://example.com/scopes'
        role_scopes = {{ editor = ['generate', 'read'], 'Team.Lead' = 'tenant_admin' }}
        groups_claim = 'groups'
        group_tenants = {{ '/Teams/Video.Team' = 'video' }}",
        with("audience = ['evogate', 'api://evogate']")
    ));
    assert_eq!(read.audience, ["evogate", "api://evogate"]);
    assert_eq!(
        format!("{:?}", read.roles_claim.unwrap()),
        r#"["resource_access", "my.client", "roles"]"#
    );
    assert_eq!(
        format!("{:?}", read.scopes_claim.unwrap()),
        r#"["https://example.com/scopes"]"#
    );
    assert_eq!(read.group_tenants["/Teams/Video.Team"].as_str(), "video");
    assert_eq!(
        format!("{:?}", read.role_scopes["editor"]),
        r#"{"generate", "read"}"#
    );
    assert_ne!(read.role_scopes["Team.Lead"], Scopes::NONE);
}

#[rstest]
#[case(
    "https://sso.example.com",
    "https://sso.example.com/.well-known/openid-configuration"
)]
#[case(
    "https://sso.example.com/realms/corp/",
    "https://sso.example.com/realms/corp/.well-known/openid-configuration"
)]
#[case(
    "https://sso.example.com/.well-known/oauth-authorization-server",
    "https://sso.example.com/.well-known/oauth-authorization-server"
)]
fn discovery_takes_the_issuers_address_or_the_documents(#[case] given: &str, #[case] used: &str) {
    let block = format!("{}discovery = '{given}'", without("jwks_url"));
    let KeysFrom::Discovery(url) = issuer(&block).keys else {
        panic!("no discovery");
    };
    assert_eq!(url.as_str(), used);
}

#[test]
fn several_providers_may_be_given_also_in_one_variable() {
    let other = BLOCK.replace("corp", "agency");
    assert_eq!(sound(&format!("{BLOCK}{other}")).auth.issuers.len(), 2);
    let variable = "[{name = 'corp', issuer = 'corp', audience = ['evogate'], algorithms = 'HS256', \
        hmac_secret = '0f1e2d3c4b5a69788796a5b4c3d2e1f0', tenant_claim = 'tenant'}]";
    let (config, _) = load(SOUND, &[("EVOGATE__AUTH__ISSUERS", variable)]).unwrap();
    assert!(matches!(config.auth.issuers[0].keys, KeysFrom::Secret(_)));
}

#[rstest]
#[case("name = ''", "1.name")]
#[case("name = 'Corp SSO'", "2.name")]
#[case("name = 7", "1.name")]
#[case("issuer = ''", "corp.issuer")]
#[case("issuer = ['a']", "corp.issuer")]
#[case("audience = []", "corp.audience")]
#[case("audience = ['']", "corp.audience")]
#[case("audience = 7", "corp.audience")]
#[case("algorithms = []", "corp.algorithms")]
#[case("algorithms = ['none']", "corp.algorithms")]
#[case("algorithms = ['RS256', 'NonE']", "corp.algorithms")]
#[case("algorithms = ['rs256']", "corp.algorithms")]
#[case("algorithms = ['ES512']", "corp.algorithms")]
#[case("algorithms = ['RSA-OAEP']", "corp.algorithms")]
#[case("algorithms = ['HS256']", "corp.algorithms")]
#[case("algorithms = ['RS256', 'HS256']", "corp.algorithms")]
#[case("jwks_url = 'http://sso.example.com/certs'", "corp.jwks_url")]
#[case(
    "jwks_url = 'https://user:hunter2@sso.example.com/certs'",
    "corp.jwks_url"
)]
#[case("jwks_url = 'ftp://sso.example.com/certs'", "corp.jwks_url")]
#[case("jwks_url = 'sso.example.com'", "corp.jwks_url")]
#[case("discovery = 'https://sso.example.com'", "corp")]
#[case("jwks_file = 'keys.json'", "corp")]
#[case("hmac_secret = '0f1e2d3c4b5a69788796a5b4c3d2e1f0'", "corp")]
#[case("hmac_secret = 'too short'", "corp.hmac_secret")]
#[case("hmac_secret = ''", "corp.hmac_secret")]
#[case("tenant_claim = 'org..id'", "corp.tenant_claim")]
#[case("tenant_claim = 7", "corp.tenant_claim")]
#[case("user_claim = []", "corp.user_claim")]
#[case("groups_claim = 'groups'", "corp.groups_claim")]
#[case("group_tenants = {video = 'video'}", "corp.group_tenants")]
#[case("role_scopes = {editor = 'read'}", "corp.role_scopes")]
#[case("tenant = 'org'", "corp.tenant")]
#[case("tenant_claims = 'org'", "corp.tenant_claims")]
fn a_wrong_block_names_itself_and_its_key(#[case] line: &str, #[case] key: &str) {
    // The number of a block without a usable name is its place in the file.
    let before = key
        .starts_with('2')
        .then(|| BLOCK.replace("corp", "agency"));
    let settings = format!("{}{}", before.unwrap_or_default(), with(line));
    let (found, reason) = problem(&settings);
    assert_eq!(found, format!("auth.issuers.{key}"), "{reason}");
    assert!(!reason.contains("hunter2"), "{reason}");
}

#[rstest]
#[case("name", "auth.issuers.1.name")]
#[case("issuer", "auth.issuers.corp.issuer")]
#[case("audience", "auth.issuers.corp.audience")]
#[case("algorithms", "auth.issuers.corp.algorithms")]
#[case("jwks_url", "auth.issuers.corp")]
#[case("tenant_claim", "auth.issuers.corp")]
fn what_a_block_can_not_be_without_is_named(#[case] key: &str, #[case] named: &str) {
    let (found, reason) = problem(&without(key));
    assert_eq!(found, named, "{reason}");
    assert!(
        reason.contains("required") || reason.contains("needs"),
        "{reason}"
    );
}

#[rstest]
#[case("groups_claim = 'groups'\ngroup_tenants = {}", "group_tenants")]
#[case(
    "groups_claim = 'groups'\ngroup_tenants = {video = 'Video Team'}",
    "group_tenants"
)]
#[case("groups_claim = 'groups'\ngroup_tenants = ['video']", "group_tenants")]
#[case(
    "roles_claim = 'roles'\nrole_scopes = {editor = 'write'}",
    "role_scopes"
)]
#[case("roles_claim = 'roles'\nrole_scopes = {editor = []}", "role_scopes")]
fn a_wrong_table_names_its_key(#[case] lines: &str, #[case] key: &str) {
    let (found, _) = problem(&format!("{BLOCK}{lines}"));
    assert_eq!(found, format!("auth.issuers.corp.{key}"));
}

#[test]
fn a_table_says_which_of_its_entries_is_wrong() {
    let lines = "groups_claim = 'groups'\ngroup_tenants = {video = 'Video Team'}";
    let (_, reason) = problem(&format!("{BLOCK}{lines}"));
    assert!(
        reason.starts_with("`video`: a tenant's id must be"),
        "{reason}"
    );
}

#[rstest]
#[case("auth.issuers = 'corp'")]
#[case("[auth.issuers]\nname = 'corp'")]
#[case("auth.issuers = ['corp']")]
fn the_issuers_are_a_list_of_tables(#[case] settings: &str) {
    let found = problems(settings);
    assert!(!found.is_empty());
    assert!(
        found.iter().all(|(key, _)| key.starts_with("auth.issuers")),
        "{found:?}"
    );
}

#[test]
fn two_blocks_must_not_share_a_name_or_an_issuer() {
    let other = BLOCK.replace("realms/corp", "realms/agency");
    let (key, reason) = problem(&format!("{BLOCK}{other}"));
    assert_eq!(
        (key.as_str(), reason.as_str()),
        ("auth.issuers.corp.name", "is the name of two issuers")
    );
    let other = BLOCK.replace("'corp'", "'agency'");
    assert_eq!(
        problem(&format!("{BLOCK}{other}")).0,
        "auth.issuers.agency.issuer"
    );
}

#[test]
fn a_shared_secret_is_for_hmac_alone_and_for_nothing_else() {
    let with_secret = |algorithms: &str, name: &str| {
        let block = BLOCK
            .replace("corp", name)
            .replace("['RS256', 'ES256']", algorithms);
        block.replace(
            "jwks_url = 'https://sso.example.com/certs'",
            &format!("hmac_secret = '{SECRET}'"),
        )
    };
    let good = with_secret("['HS256', 'HS512']", "corp");
    sound(&good);
    assert_eq!(
        problem(&with_secret("['RS256']", "corp")).0,
        "auth.issuers.corp.algorithms"
    );
    assert_eq!(
        problem(&with_secret("['HS256', 'RS256']", "corp")).0,
        "auth.issuers.corp.algorithms"
    );
    let twice = format!("{good}{}", with_secret("'HS256'", "agency"));
    assert_eq!(problem(&twice).0, "auth.issuers.agency.hmac_secret");
    let shared = format!("admin.bootstrap_key = '{SECRET}'\n{good}");
    assert_eq!(problem(&shared).0, "auth.issuers.corp.hmac_secret");
}

#[test]
fn a_file_of_keys_must_be_there_and_have_a_key_for_the_algorithms() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let block = format!(
        "{}jwks_file = '{}'",
        without("jwks_url"),
        file.path().display()
    );
    for (text, fault) in [
        ("", "is not a JWK set"),
        ("{\"keys\": {}}", "is not a JWK set"),
        ("{\"keys\": []}", "has no key"),
        (&KEYS.replace("RSA", "oct"), "has no key"),
        (&KEYS.replace("\"sig\"", "\"enc\""), "has no key"),
    ] {
        std::fs::write(file.path(), text).unwrap();
        let (key, reason) = problem(&block);
        assert_eq!(key, "auth.issuers.corp.jwks_file");
        assert!(reason.starts_with(fault), "{reason}");
    }
    std::fs::write(file.path(), KEYS).unwrap();
    sound(&block);
    drop(file);
    assert!(problem(&block).1.starts_with("can't be read"));
}

#[test]
fn the_secret_is_not_printed() {
    let block = BLOCK.replace("['RS256', 'ES256']", "'HS256'").replace(
        "jwks_url = 'https://sso.example.com/certs'",
        "hmac_secret = 'hunter2hunter2hunter2hunter2hunter2'",
    );
    let shown = format!("{:?}", sound(&block));
    assert!(
        shown.contains("corp") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn the_examples_of_the_page_on_identity_are_sound() {
    let page = include_str!("../../../../../docs/identity.md");
    let blocks = page.split("```toml\n").skip(1);
    let mut issuers = 0;
    for block in blocks.filter_map(|rest| rest.split("```").next()) {
        issuers += sound(&block.replace('…', SECRET)).auth.issuers.len();
    }
    assert_eq!(issuers, 5);
}

#[test]
fn a_secret_that_can_be_guessed_is_warned_about() {
    let block = |secret: &str| {
        let block = BLOCK.replace("['RS256', 'ES256']", "'HS256'");
        block.replace(
            "jwks_url = 'https://sso.example.com/certs'",
            &format!("hmac_secret = '{secret}'"),
        )
    };
    assert!(!warned(&block(SECRET)).contains(&"auth.issuers"));
    assert!(warned(&block(&"ab".repeat(20))).contains(&"auth.issuers"));
}

#[rstest]
#[case("auth.failures_per_minute = 0")]
#[case("auth.failures_per_minute = 'many'")]
fn failures_have_a_limit(#[case] settings: &str) {
    assert_eq!(problem(settings).0, "auth.failures_per_minute");
}
