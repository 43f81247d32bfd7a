//! What admins ask of the store.

use evogate_models::quota::Quota;
use evogate_models::{Credits, KeyId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::record::{KeyRecord, KeySecret, Tenant, TenantView};

/// A change of a tenant; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantChange {
    /// Its name.
    pub name: Option<String>,
    /// Suspended or not.
    pub suspended: Option<bool>,
    /// What it may do, as a whole.
    pub quota: Option<Quota>,
}

impl TenantChange {
    /// The tenant after the change, still with its version from before.
    pub(crate) fn apply(&self, mut tenant: Tenant) -> Tenant {
        let Self {
            name,
            suspended,
            quota,
        } = self.clone();
        tenant.name = name.unwrap_or(tenant.name);
        tenant.suspended = suspended.unwrap_or(tenant.suspended);
        tenant.quota = quota.unwrap_or(tenant.quota);
        tenant
    }
}

/// A grant, or a correction when it is negative.
#[derive(Debug, Clone)]
pub struct Grant {
    /// To whom.
    pub tenant: TenantId,
    /// How much.
    pub amount: Credits,
    /// Why.
    pub note: Option<String>,
    /// The admin's idempotency key: the same one with the same grant is granted once.
    pub idempotency_key: Option<String>,
}

/// A grant that was made under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRecord {
    /// How much.
    pub amount: Credits,
    /// Why.
    pub note: Option<String>,
}

/// What a grant did.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The tenant as it is now.
    pub view: TenantView,
    /// Was it granted before, under the same idempotency key?
    pub replay: bool,
}

/// A change of a key.
#[derive(Debug, Clone)]
pub enum KeyChange {
    /// A new secret; the ones before it count until `until`.
    Rotate {
        /// The digest of the new one.
        digest: [u8; 32],
        /// The end of the overlap.
        until: Timestamp,
    },
    /// It was used: not worth an audit entry.
    Used(Timestamp),
}

impl KeyChange {
    /// The key after the change.
    pub(crate) fn apply(&self, mut key: KeyRecord) -> KeyRecord {
        match *self {
            Self::Rotate { digest, until } => {
                for secret in &mut key.secrets {
                    secret.until = Some(secret.until.map_or(until, |old| old.min(until)));
                }
                key.secrets.push(KeySecret {
                    digest,
                    until: None,
                });
            }
            Self::Used(at) => key.last_used = key.last_used.max(Some(at)),
        }
        key
    }
}

/// What an admin may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Look, not change.
    Viewer,
}

/// An admin's key, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminRecord {
    /// The key's public id.
    pub id: KeyId,
    /// The admin's name, for the audit trail.
    pub name: String,
    /// What the admin may do.
    pub role: Role,
    /// When it was made.
    pub created: Timestamp,
    /// The keyed hash of the secret.
    pub digest: [u8; 32],
}
