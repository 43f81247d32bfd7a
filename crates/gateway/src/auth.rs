//! Who calls. Authentication is a type: a handler that takes a [`Principal`] runs only for a tenant, one
//! that takes a [`Scoped`] only for a credential that is good for what it does, one that takes an
//! [`Admin`] only for an admin; and every tenant key in the store is made from the principal's tenant.
//!
//! A tenant's credential is a key that was minted here, or a token of one of the identity providers in the
//! settings (`docs/identity.md`). A failure says nothing of its cause; the log does.

mod attempt;
mod claim_path;
mod failure;
mod failures;
mod json;
pub(crate) mod jwks;
mod jwt;
mod key;
mod presented;
mod principal;
mod scope;
mod tenants;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use evogate_store::{Clock, Store};

use crate::background::Background;
use crate::config;
use failure::{AuthError, Reason};
use failures::Failures;
use jwt::Verifier;
use presented::Presented;
use tenants::KnownTenants;

pub use claim_path::ClaimPath;
pub use key::{digest, mint_key};
pub use principal::{Admin, Credential, Principal, Scoped};
pub use scope::{Generate, Needed, Read, Scope, Scopes, TenantAdmin, UnknownScope, Webhooks};

/// What credentials are judged by.
#[derive(Debug)]
pub struct Auth {
    tokens: Verifier,
    tenants: KnownTenants,
    failures: Failures,
}

impl Auth {
    /// Judges by the settings. Nobody is asked for anything yet.
    pub fn new(
        config: &config::Auth,
        clock: Arc<dyn Clock>,
        background: Background,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            tokens: Verifier::new(&config.issuers, clock, background)?,
            tenants: KnownTenants::default(),
            failures: Failures::new(config.failures_per_minute),
        })
    }

    /// Keeps the providers' keys fresh and the memory small, until the shutdown begins. Keys that can't
    /// be had now are asked for again; nobody waits for them here.
    pub async fn run(&self, background: Background) {
        self.tokens.start();
        self.failures.run(&background).await;
    }

    /// The tenant that a credential belongs to.
    async fn tenant(
        &self,
        store: &Store,
        presented: &Presented<'_>,
    ) -> Result<Principal, AuthError> {
        if presented.is_token() {
            let principal = self.tokens.judge(presented).await?;
            if self.tenants.exists(store, &principal.tenant).await? {
                return Ok(principal);
            }
            let issuer = match principal.credential {
                Credential::Token { issuer, .. } => Some(issuer),
                Credential::Key(_) => None,
            };
            return Err(AuthError::Failed {
                reason: Reason::UnknownTenant,
                issuer,
            });
        }
        let key = store.key_by_digest(&digest(presented.text)).await?;
        key.map(Principal::of_key)
            .ok_or(AuthError::from(Reason::UnknownKey))
    }
}
