//! What the store keeps besides tasks.

use std::fmt;
use std::str::FromStr;

use evogate_models::account::Account;
use evogate_models::endpoint::{StoredSecret, secrets};
use evogate_models::quota::{Quota, Usage};
use evogate_models::{Credits, KeyId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// A tenant: a team that spends.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name, for people.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// A suspended tenant submits nothing; it reads and finishes what it has.
    #[serde(default)]
    pub suspended: bool,
    /// What it may do.
    #[serde(default)]
    pub quota: Quota,
    /// Grows with every change of what is above: who remembers an older one knows that it is stale.
    #[serde(default)]
    pub version: u64,
    /// What signs the webhooks to its requests' `callback_url`s, the newest last.
    #[serde(alias = "webhook_secret", deserialize_with = "secrets")]
    pub webhook_secrets: Vec<StoredSecret>,
}

impl Tenant {
    /// A new tenant, limited by nothing but its balance.
    pub fn new(
        id: TenantId,
        name: String,
        created: Timestamp,
        webhook_secret: impl Into<StoredSecret>,
    ) -> Self {
        Self {
            id,
            name,
            created,
            suspended: false,
            quota: Quota::default(),
            version: 1,
            webhook_secrets: vec![webhook_secret.into()],
        }
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A tenant with its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantView {
    /// The tenant.
    pub tenant: Tenant,
    /// Its account.
    pub account: Account,
    /// Its unfinished tasks.
    pub tasks_in_flight: u32,
    /// What its quota windows have counted.
    pub usage: Usage,
}

/// A key minted for a tenant, as it is kept: never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The key's public id.
    pub id: KeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name, for people.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// The tenant's user that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What its holder may do.
    pub scopes: Vec<Scope>,
    /// Until when it counts; none for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// What may ever be spent and held with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_cap: Option<Credits>,
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// Its secrets: one, or for a while after a rotation two.
    pub secrets: Vec<KeySecret>,
}

impl KeyRecord {
    /// A key that may do everything a tenant may, for ever.
    pub fn new(
        id: KeyId,
        tenant: TenantId,
        name: String,
        created: Timestamp,
        digest: [u8; 32],
    ) -> Self {
        Self {
            id,
            tenant,
            name,
            created,
            user: None,
            scopes: Scope::ALL.to_vec(),
            expires: None,
            credit_cap: None,
            last_used: None,
            secrets: vec![KeySecret {
                digest,
                until: None,
            }],
        }
    }

    /// Does the key count at `now`?
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// Does the key count at `now`, for who has the secret with this digest?
    pub fn accepts(&self, digest: &[u8; 32], now: Timestamp) -> bool {
        let current = |secret: &KeySecret| secret.until.is_none_or(|until| now < until);
        self.is_live(now)
            && self
                .secrets
                .iter()
                .any(|secret| secret.digest == *digest && current(secret))
    }
}

/// What a key's holder may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Submit and cancel tasks.
    Generate,
    /// Read tasks, credits, models and usage.
    Read,
    /// Manage webhooks.
    Webhooks,
    /// Manage the tenant's keys and see all of its usage.
    TenantAdmin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [
        Self::Generate,
        Self::Read,
        Self::Webhooks,
        Self::TenantAdmin,
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Read => "read",
            Self::Webhooks => "webhooks",
            Self::TenantAdmin => "tenant_admin",
        }
    }
}

/// A text that names no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of generate, read, webhooks, tenant_admin")]
pub struct UnknownScope;

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let mut all = Self::ALL.into_iter();
        all.find(|scope| scope.as_str() == text).ok_or(UnknownScope)
    }
}

/// A secret of a key, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySecret {
    /// The keyed hash of the secret, by which the key is found.
    pub digest: [u8; 32],
    /// Until when it counts; none for the newest. A rotation lets the old one count for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What a check of the whole ledger found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// Tenants checked.
    pub tenants: u64,
    /// What is wrong; empty is healthy.
    pub violations: Vec<Violation>,
    /// What EvoLink bills beyond what the tenants paid.
    pub platform_loss: Credits,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// With whose account; none for the platform's own books.
    pub tenant: Option<TenantId>,
    /// What, in words.
    pub what: String,
}
