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
mod read_rate;
mod recent;
mod scope;
mod tenants;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use evogate_models::{TenantId, Timestamp};
use evogate_store::{Actor, Clock, KeyChange, KeyRecord, Store, StoreError, Tenant};

use crate::background::Background;
use crate::config;
use crate::error::ApiError;
use crate::metrics::RATE_LIMITED;
use failure::AuthError;
use failures::Failures;
use jwt::Verifier;
use presented::Presented;
use read_rate::ReadRates;
use recent::{Moment, RecentlyGood};
use tenants::KnownTenants;

pub use claim_path::ClaimPath;
pub(crate) use failure::Reason;
pub use key::{Found, Peppers, mint_admin_key, mint_key};
pub use principal::{Admin, Credential, Principal, Scoped, Viewer};
pub use scope::{
    Generate, Needed, Read, Scope, Scopes, TenantAdmin, UnknownScope, Usage, Webhooks,
};

/// A key's last use is noted at most this often, in milliseconds.
const USED_EVERY: i64 = 60_000;

/// What credentials are judged by.
#[derive(Debug)]
pub struct Auth {
    peppers: Peppers,
    tokens: Verifier,
    tenants: KnownTenants,
    failures: Failures,
    reads: ReadRates,
    recent: RecentlyGood,
    background: Background,
}

impl Auth {
    /// Judges by the settings. Nobody is asked for anything yet.
    pub fn new(
        config: &config::Auth,
        clock: Arc<dyn Clock>,
        background: Background,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            peppers: Peppers::new(config),
            tokens: Verifier::new(&config.issuers, clock, background.clone())?,
            tenants: KnownTenants::default(),
            failures: Failures::new(config.failures_per_minute),
            reads: ReadRates::default(),
            recent: RecentlyGood::default(),
            background,
        })
    }

    /// Keeps the providers' keys fresh and the memory small, until the shutdown begins. Keys that can't
    /// be had now are asked for again; nobody waits for them here.
    pub async fn run(&self, background: Background) {
        self.tokens.start();
        self.failures.run(&background).await;
    }

    /// A tenant and what it may do, as it was at most two seconds ago.
    pub async fn policy(
        &self,
        store: &Store,
        id: &TenantId,
    ) -> Result<Option<Arc<Tenant>>, StoreError> {
        self.tenants.get(store, id).await
    }

    /// What minted keys are hashed under.
    pub fn peppers(&self) -> &Peppers {
        &self.peppers
    }

    /// Forgets what is remembered of a tenant that turned out to have changed.
    pub fn forget(&self, id: &TenantId) {
        self.tenants.forget(id);
    }

    /// The tenant that a credential belongs to.
    async fn tenant(
        &self,
        store: &Store,
        presented: &Presented<'_>,
    ) -> Result<Principal, AuthError> {
        let moment = self.moment(store);
        let (principal, end) = if presented.is_token() {
            self.of_token(store, presented).await?
        } else {
            self.of_key(store, presented, moment).await?
        };
        let print = presented.print;
        self.recent.remember(print, &principal, moment, end);
        Ok(principal)
    }

    /// The tenant that a token names, and until when the token is good.
    async fn of_token(
        &self,
        store: &Store,
        presented: &Presented<'_>,
    ) -> Result<(Principal, Option<Timestamp>), AuthError> {
        let (principal, until) = self.tokens.judge(presented).await?;
        if self.tenants.get(store, &principal.tenant).await?.is_some() {
            return Ok((principal, Some(until)));
        }
        let issuer = match principal.credential {
            Credential::Token { issuer, .. } => Some(issuer),
            Credential::Key(_) => None,
        };
        Err(AuthError::Failed {
            reason: Reason::UnknownTenant,
            issuer,
        })
    }

    /// The tenant that a key belongs to, and until when one that ends is good.
    async fn of_key(
        &self,
        store: &Store,
        presented: &Presented<'_>,
        moment: Moment,
    ) -> Result<(Principal, Option<Timestamp>), AuthError> {
        let key = self.peppers.find_key(store, presented.text).await?;
        let key = key.ok_or(AuthError::from(Reason::UnknownKey))?;
        self.note_use(store, &key);
        let record = key.record;
        let ends = record.secrets.iter().filter_map(|secret| secret.until);
        let ends = ends.chain(record.expires);
        let end = ends.filter(|end| *end > moment.now).min();
        Ok((Principal::of_key(record), end))
    }

    /// The tenant that a credential belongs to which was good a moment ago.
    fn recent(&self, store: &Store, presented: &Presented<'_>) -> Option<Principal> {
        self.recent.recall(&presented.print, self.moment(store))
    }

    /// Now, and what credentials are judged by now.
    fn moment(&self, store: &Store) -> Moment {
        Moment {
            now: store.now(),
            version: store.access_version().wrapping_add(self.tokens.version()),
        }
    }

    /// Notes when a key was last used, to the minute, beside the request.
    fn note_use(&self, store: &Store, found: &Found<KeyRecord>) {
        let (now, key) = (store.now(), &found.record);
        if key.last_used.is_some_and(|at| now.since(at) < USED_EVERY) {
            return;
        }
        if found.outdated {
            tracing::info!(key = %key.id, tenant = %key.tenant,
                "a key was hashed under an earlier pepper: rotate it");
        }
        let (store, tenant, id) = (store.clone(), key.tenant.clone(), key.id.clone());
        self.background.spawn(async move {
            let used = KeyChange::Used(now);
            let noted = store
                .change_key(&tenant, &id, used, &Actor::default())
                .await;
            if let Err(error) = noted {
                tracing::debug!(key = %id, %error, "a key's use could not be noted");
            }
        });
    }

    /// Lets a tenant read, within its quota.
    pub async fn may_read(&self, store: &Store, id: &TenantId) -> Result<(), ApiError> {
        let tenant = self
            .policy(store, id)
            .await?
            .ok_or_else(ApiError::unauthorized)?;
        let Some(per_minute) = tenant.quota.reads_per_minute else {
            return Ok(());
        };
        self.reads
            .pass(id, per_minute, store.now())
            .map_err(|state| {
                RATE_LIMITED.one(["tenant_reads"]);
                let seconds = state.retry.max(0).unsigned_abs().div_ceil(1000);
                ApiError::rate_limited(u32::try_from(seconds).unwrap_or(u32::MAX).max(1))
            })
    }
}
