//! What a proven token means here: whose it is, who uses it, and what it is good for.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evogate_models::TenantId;
use serde_json::{Map, Value};

use crate::auth::failure::Reason;
use crate::auth::presented::Print;
use crate::auth::principal::{Credential, Principal};
use crate::auth::{ClaimPath, Scopes};
use crate::config::Issuer;

/// The longest name of a user, in bytes (`sub` of `OpenID` Connect Core §2).
const LONGEST_NAME: usize = 255;

type Claims = Map<String, Value>;

/// Reads the claims as `issuer`'s settings say. `print` stands for tokens that don't say whose they are.
pub(super) fn principal(
    claims: &Claims,
    issuer: &Issuer,
    issuer_name: &Arc<str>,
    print: &Print,
) -> Result<Principal, Reason> {
    let tenant = tenant(claims, issuer)?;
    let user = name(issuer.user_claim.find(claims))?;
    let subject = name(claims.get("sub"))?.or_else(|| user.clone());
    let subject = subject.unwrap_or_else(|| format!("token-{}", URL_SAFE_NO_PAD.encode(print)));
    Ok(Principal {
        tenant,
        credential: Credential::Token {
            issuer: Arc::clone(issuer_name),
            subject: subject.into(),
        },
        user,
        scopes: scopes(claims, issuer),
        credit_cap: None,
    })
}

/// The tenant that the token names, else the one that its groups belong to. No tenant, no access; and of
/// several, nobody guesses which shall pay.
fn tenant(claims: &Claims, issuer: &Issuer) -> Result<TenantId, Reason> {
    if let Some(named) = find(issuer.tenant_claim.as_ref(), claims) {
        let id = named.as_str().and_then(|id| id.parse().ok());
        return id.ok_or(Reason::NoTenant);
    }
    let groups = texts(find(issuer.groups_claim.as_ref(), claims));
    let tenants = groups.filter_map(|group| issuer.group_tenants.get(group));
    let tenants: BTreeSet<_> = tenants.collect();
    let mut tenants = tenants.into_iter();
    match (tenants.next(), tenants.next()) {
        (Some(tenant), None) => Ok(tenant.clone()),
        _ => Err(Reason::NoTenant),
    }
}

/// What the scopes and the roles allow together. A provider that is to say it and says nothing allows
/// nothing; one that is not asked allows what a user needs.
fn scopes(claims: &Claims, issuer: &Issuer) -> Scopes {
    if issuer.scopes_claim.is_none() && issuer.roles_claim.is_none() {
        return Scopes::USER;
    }
    let scopes = texts(find(issuer.scopes_claim.as_ref(), claims));
    let words = scopes.flat_map(str::split_ascii_whitespace);
    let roles = texts(find(issuer.roles_claim.as_ref(), claims));
    let roles = roles.flat_map(str::split_ascii_whitespace);
    let meaning = |word: &str| match issuer.role_scopes.get(word) {
        Some(scopes) => *scopes,
        None => word.parse().into_iter().collect(),
    };
    words
        .chain(roles)
        .fold(Scopes::NONE, |all, word| all.union(meaning(word)))
}

fn find<'a>(path: Option<&ClaimPath>, claims: &'a Claims) -> Option<&'a Value> {
    path?.find(claims)
}

/// A text, or the texts of a list.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let one = value.and_then(Value::as_str);
    let many = value.and_then(Value::as_array).into_iter().flatten();
    one.into_iter().chain(many.filter_map(Value::as_str))
}

/// The name of somebody, if there is one.
fn name(value: Option<&Value>) -> Result<Option<String>, Reason> {
    let Some(value) = value else {
        return Ok(None);
    };
    let sound = |name: &&str| {
        (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control)
    };
    let name = value.as_str().filter(sound).ok_or(Reason::Claims)?;
    Ok(Some(name.to_owned()))
}
