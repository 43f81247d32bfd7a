//! What the store keeps besides tasks.

use std::fmt;

use evogate_models::account::Account;
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
    /// An unlimited tenant's balance has no floor.
    #[serde(default)]
    pub unlimited: bool,
    /// The secret that signs its webhooks (the key itself, 32 bytes).
    pub webhook_secret: Vec<u8>,
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
    /// The keyed hash of the secret, by which it is found.
    pub digest: [u8; 32],
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
