//! `auth`: the identity providers whose tokens are taken, and how often an address may fail.

mod settings;

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroU32;
use std::path::PathBuf;

use evogate_models::TenantId;
use jsonwebtoken::{Algorithm, AlgorithmFamily};
use url::Url;

use super::hosts::is_loopback;
use super::reader::Reader;
use crate::auth::jwks::KeySet;
use crate::auth::{ClaimPath, Scope, Scopes};
use crate::secret::Secret;
use settings::{Name, OldPeppers, OneOrMany, Table};

/// The shortest pepper: 128 bits in hexadecimal, or 256 where every character counts.
const PEPPER: usize = 32;
/// The shortest `hmac_secret`: 256 bits where every character counts (RFC 7518 §3.2).
const HMAC_SECRET: usize = 32;
/// Where a provider's metadata are, below the issuer's address (`OpenID` Connect Discovery 1.0 §4, RFC 8414).
const WELL_KNOWN: &str = "/.well-known/";

/// `auth`: who may call beside those with a key that was minted here.
#[derive(Debug, Clone)]
pub struct Auth {
    /// What minted keys are hashed under; `None`: under nothing that is secret.
    pub pepper: Option<Secret>,
    /// What keys may have been hashed under before; `None` among them: under nothing.
    pub old_peppers: Vec<Option<Secret>>,
    /// Failed authentications a minute, and at once, by one client address.
    pub failures_per_minute: NonZeroU32,
    /// The identity providers: no two with one name or one issuer.
    pub issuers: Vec<Issuer>,
}

/// One identity provider, and what its tokens mean here.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Its name, for logs and credentials.
    pub name: String,
    /// Exactly what its tokens say in `iss`.
    pub issuer: String,
    /// What `aud` must have one of.
    pub audience: Vec<String>,
    /// What its tokens may be signed by: either HMAC alone, or none of it.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are.
    pub keys: KeysFrom,
    /// Where a token says the tenant's id.
    pub tenant_claim: Option<ClaimPath>,
    /// Where it says which user of the tenant it is.
    pub user_claim: ClaimPath,
    /// Where it says the user's roles.
    pub roles_claim: Option<ClaimPath>,
    /// Where it says what the client may do.
    pub scopes_claim: Option<ClaimPath>,
    /// Where it says the user's groups, for [`Self::group_tenants`].
    pub groups_claim: Option<ClaimPath>,
    /// The tenants that groups belong to.
    pub group_tenants: BTreeMap<String, TenantId>,
    /// What the provider's words for roles and scopes mean here, where they are not the scopes' names.
    pub role_scopes: BTreeMap<String, Scopes>,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone)]
pub enum KeysFrom {
    /// At this address of the provider's.
    Jwks(Url),
    /// At the address that the provider's metadata name.
    Discovery(Url),
    /// In this file.
    File(PathBuf),
    /// It is the one secret that the provider shares with us.
    Secret(Secret),
}

impl Auth {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let pepper = from.secret("auth.pepper", PEPPER);
        let old_peppers = from.required("auth.old_peppers");
        let failures_per_minute = from.within("auth.failures_per_minute", 1..=10_000);
        let issuers = from.tables("auth.issuers", Issuer::read);
        let (failures_per_minute, issuers) = (failures_per_minute?, issuers?);
        let pepper = pepper?;
        let old_peppers: Vec<_> = Option::into_iter(old_peppers)
            .flat_map(|OldPeppers(peppers)| peppers)
            .collect();
        if pepper.is_some() && old_peppers.contains(&pepper) {
            from.problem("auth.old_peppers", "has the pepper of now");
        }
        let mut names = HashSet::new();
        let mut known = HashSet::new();
        for Issuer { name, issuer, .. } in &issuers {
            let key = format!("auth.issuers.{name}");
            if !names.insert(name) {
                from.problem(&format!("{key}.name"), "is the name of two issuers");
            }
            if !known.insert(issuer) {
                let reason = "is the issuer of two blocks; one block can take several audiences";
                from.problem(&format!("{key}.issuer"), reason);
            }
        }
        secrets_are_distinct(from, &issuers);
        Some(Self {
            pepper,
            old_peppers,
            failures_per_minute: NonZeroU32::new(failures_per_minute)?,
            issuers,
        })
    }
}

impl Issuer {
    fn read(from: &mut Reader) -> Option<Self> {
        let name = from.required("auth.issuers.name");
        let issuer = from.required("auth.issuers.issuer");
        let audience = from.required("auth.issuers.audience");
        let algorithms = from.required("auth.issuers.algorithms");
        let keys = KeysFrom::read(from);
        let tenant_claim = from.optional("auth.issuers.tenant_claim");
        let user_claim = from.optional("auth.issuers.user_claim");
        let roles_claim = from.optional("auth.issuers.roles_claim");
        let scopes_claim = from.optional("auth.issuers.scopes_claim");
        let groups_claim = from.optional("auth.issuers.groups_claim");
        let group_tenants = from.optional("auth.issuers.group_tenants");
        let role_scopes = from.optional("auth.issuers.role_scopes");
        tables_have_claims(from);
        let Name(name) = name?;
        let OneOrMany(audience) = audience?;
        let OneOrMany(algorithms) = algorithms?;
        let (keys, user_claim) = (keys?, user_claim?);
        algorithms_fit_keys(from, &algorithms, &keys)?;
        let role_scopes = role_scopes?.map_or_else(BTreeMap::new, |Table(words)| words);
        let scopes = |OneOrMany(scopes): OneOrMany<Scope>| scopes.into_iter().collect();
        Some(Self {
            name,
            issuer: issuer?,
            audience,
            algorithms,
            keys,
            tenant_claim: tenant_claim?,
            user_claim: user_claim.or_else(|| ClaimPath::parse("sub"))?,
            roles_claim: roles_claim?,
            scopes_claim: scopes_claim?,
            groups_claim: groups_claim?,
            group_tenants: group_tenants?.map_or_else(BTreeMap::new, |Table(groups)| groups),
            role_scopes: role_scopes
                .into_iter()
                .map(|(word, given)| (word, scopes(given)))
                .collect(),
        })
    }
}

impl KeysFrom {
    /// Exactly one of four keys says where.
    fn read(from: &mut Reader) -> Option<Self> {
        let jwks = provider_url(from, "auth.issuers.jwks_url");
        let discovery = provider_url(from, "auth.issuers.discovery");
        let file: Option<Option<PathBuf>> = from.optional("auth.issuers.jwks_file");
        let secret = from.secret("auth.issuers.hmac_secret", HMAC_SECRET);
        let given = [
            jwks?.map(Self::Jwks),
            discovery?.map(|url| Self::Discovery(metadata_url(url))),
            file?.map(Self::File),
            secret?.map(Self::Secret),
        ];
        let mut given = given.into_iter().flatten();
        if let (Some(keys), None) = (given.next(), given.next()) {
            return Some(keys);
        }
        let reason = "needs exactly one of jwks_url, discovery, jwks_file and hmac_secret";
        from.problem("auth.issuers", reason);
        None
    }
}

/// An address that nobody on the way can change the answers of.
#[expect(
    clippy::option_option,
    reason = "a fault and an absent value are different things"
)]
fn provider_url(from: &mut Reader, key: &'static str) -> Option<Option<Url>> {
    let url: Option<Url> = from.optional(key)?;
    if url.as_ref().is_none_or(is_safe_provider) {
        return Some(url);
    }
    let reason = "must be an https address without a password; http is for this machine itself";
    from.problem(key, reason);
    None
}

/// May keys be fetched from there? By https, or from this machine.
pub(crate) fn is_safe_provider(url: &Url) -> bool {
    let encrypted = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
    encrypted && url.username().is_empty() && url.password().is_none()
}

/// The issuer's own address will do for `discovery`.
fn metadata_url(mut url: Url) -> Url {
    if !url.path().contains(WELL_KNOWN) {
        let path = url.path().trim_end_matches('/');
        url.set_path(&format!("{path}{WELL_KNOWN}openid-configuration"));
    }
    url
}

/// One that leaks must not open a second door.
fn secrets_are_distinct(from: &mut Reader, issuers: &[Issuer]) {
    let others = [
        "evolink.api_key",
        "callbacks.secret",
        "admin.bootstrap_key",
        "auth.pepper",
    ];
    let mut seen: Vec<(&Secret, &str)> = Vec::new();
    for Issuer { name, keys, .. } in issuers {
        let KeysFrom::Secret(secret) = keys else {
            continue;
        };
        let shared = others.into_iter().find(|other| {
            let other = from.peek::<String>(other);
            other.is_some_and(|other| secret.matches(other))
        });
        let known = seen.iter().find(|(known, _)| *known == secret);
        if let Some(other) = shared.or(known.map(|(_, name)| *name)) {
            let key = format!("auth.issuers.{name}.hmac_secret");
            from.problem(&key, format!("must not be the same as {other}'s"));
        }
        seen.push((secret, name));
    }
}

/// RFC 8725 §3.1 and §3.2: a public key must never be taken for a secret, nor a secret for a public key.
fn algorithms_fit_keys(from: &mut Reader, algorithms: &[Algorithm], keys: &KeysFrom) -> Option<()> {
    let key = "auth.issuers.algorithms";
    let is_hmac = |algorithm: &Algorithm| algorithm.family() == AlgorithmFamily::Hmac;
    let hmac = algorithms.iter().any(is_hmac);
    let fault = match keys {
        _ if hmac && !algorithms.iter().all(is_hmac) => {
            Some("mixes HS… with public keys; make two issuers of it")
        }
        KeysFrom::Secret(_) if !hmac => Some("must be HS… where there is an hmac_secret"),
        KeysFrom::Secret(_) => None,
        _ if hmac => Some("may be HS… only with an hmac_secret"),
        _ => None,
    };
    if let Some(fault) = fault {
        from.problem(key, fault);
        return None;
    }
    if let KeysFrom::File(path) = keys {
        let read = std::fs::read(path).map_err(|why| format!("can't be read: {why}"));
        let fault = match read.and_then(|text| KeySet::parse(&text)) {
            Ok(set) if set.usable_for(algorithms) > 0 => return Some(()),
            Ok(_) => "has no key for any of the algorithms".to_owned(),
            Err(why) => why,
        };
        from.problem("auth.issuers.jwks_file", fault);
        return None;
    }
    Some(())
}

/// A token must be able to lead to a tenant, and no table may be without what is looked up in it.
fn tables_have_claims(from: &mut Reader) {
    let given = |key| from.is_given(key);
    let tenant = given("auth.issuers.tenant_claim");
    let groups = given("auth.issuers.groups_claim");
    let group_tenants = given("auth.issuers.group_tenants");
    let words = given("auth.issuers.roles_claim") || given("auth.issuers.scopes_claim");
    let role_scopes = given("auth.issuers.role_scopes");
    if !tenant && !groups {
        let reason = "needs tenant_claim, or groups_claim with group_tenants: no tenant, no access";
        from.problem("auth.issuers", reason);
    }
    if groups && !group_tenants {
        from.problem(
            "auth.issuers.groups_claim",
            "needs the table group_tenants beside it",
        );
    }
    if group_tenants && !groups {
        from.problem("auth.issuers.group_tenants", "needs groups_claim beside it");
    }
    if role_scopes && !words {
        from.problem(
            "auth.issuers.role_scopes",
            "needs roles_claim or scopes_claim beside it",
        );
    }
}
