//! Secrets at rest: what signs a tenant's webhooks is encrypted with a key from the configuration, so that
//! who reads the store alone can sign nothing.
//!
//! AES-256-GCM with a random nonce, bound to the tenant: a secret that is moved to another tenant's record
//! does not open. A record says which key sealed it, so that keys can be rotated. Without a key secrets are
//! kept as they are; those that were kept so before there was a key stay readable.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use evogate_models::TenantId;
use evogate_models::endpoint::StoredSecret;
use evogate_store::Random;
use sha2::{Digest as _, Sha256};

use super::SigningKey;
use crate::secret::Secret;

/// The length of secrets that are made here, in bytes.
const LENGTH: usize = 32;

/// Why a secret can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// It was sealed with a key that is not in the configuration.
    #[error("the secret was sealed with the key {0}, which webhooks.old_encryption_keys lacks")]
    NoKey(String),
    /// It does not open: the record was damaged, or is another tenant's.
    #[error("the secret does not open")]
    Damaged,
    /// It can't be sealed.
    #[error("the secret can't be sealed")]
    Unsealable,
    /// It protects nothing.
    #[error(transparent)]
    Weak(#[from] super::WeakKey),
}

/// A key that seals.
struct Key {
    id: String,
    key: LessSafeKey,
}

impl Key {
    /// The key that a setting's text stands for. Its id says nothing about it.
    fn of(text: &Secret) -> Option<Self> {
        let digest = |what: &str| {
            let mut digest = Sha256::new();
            digest.update(what.as_bytes());
            digest.update([0]);
            digest.update(text.expose().as_bytes());
            digest.finalize()
        };
        let key = UnboundKey::new(&AES_256_GCM, &digest("evogate webhook secrets: key")).ok()?;
        let id = digest("evogate webhook secrets: id");
        let id = id.iter().take(4);
        let id = id.fold(0_u32, |id, byte| (id << 8) | u32::from(*byte));
        Some(Self {
            id: format!("{id:08x}"),
            key: LessSafeKey::new(key),
        })
    }
}

/// Seals and opens secrets. Cheap to clone; prints the ids of its keys alone.
#[derive(Clone)]
pub struct Vault {
    current: Option<Arc<Key>>,
    old: Arc<[Key]>,
    random: Arc<dyn Random>,
}

impl Vault {
    /// A vault that seals with `current`, and opens what that or one of `old` sealed.
    pub fn new(current: Option<&Secret>, old: &[Secret], random: Arc<dyn Random>) -> Self {
        Self {
            current: current.and_then(Key::of).map(Arc::new),
            old: old.iter().filter_map(Key::of).collect(),
            random,
        }
    }

    /// A new secret of `tenant`'s: what is kept of it, and the key that it is.
    pub fn make(&self, tenant: &TenantId) -> Result<(StoredSecret, SigningKey), VaultError> {
        let mut bytes = vec![0; LENGTH];
        self.random.fill(&mut bytes);
        let key = SigningKey::new(&bytes)?;
        Ok((self.seal(tenant, bytes)?, key))
    }

    fn seal(&self, tenant: &TenantId, mut bytes: Vec<u8>) -> Result<StoredSecret, VaultError> {
        let Some(key) = &self.current else {
            return Ok(StoredSecret::plain(bytes));
        };
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce);
        let sealed = Nonce::assume_unique_for_key(nonce);
        key.key
            .seal_in_place_append_tag(sealed, aad(tenant), &mut bytes)
            .map_err(|_| VaultError::Unsealable)?;
        let mut stored = nonce.to_vec();
        stored.append(&mut bytes);
        Ok(StoredSecret {
            bytes: stored,
            sealed_with: Some(key.id.clone()),
            until: None,
        })
    }

    /// The key that a stored secret of `tenant`'s is.
    pub fn open(&self, tenant: &TenantId, stored: &StoredSecret) -> Result<SigningKey, VaultError> {
        let Some(id) = &stored.sealed_with else {
            return Ok(SigningKey::new(&stored.bytes)?);
        };
        let mut keys = self.current.as_deref().into_iter().chain(self.old.iter());
        let key = keys.find(|key| key.id == *id);
        let key = key.ok_or_else(|| VaultError::NoKey(id.clone()))?;
        let (nonce, sealed) = stored
            .bytes
            .split_at_checked(NONCE_LEN)
            .ok_or(VaultError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Damaged)?;
        let mut bytes = sealed.to_vec();
        let bytes = key.key.open_in_place(nonce, aad(tenant), &mut bytes);
        let bytes = bytes.map_err(|_| VaultError::Damaged)?;
        Ok(SigningKey::new(bytes)?)
    }
}

fn aad(tenant: &TenantId) -> Aad<String> {
    Aad::from(format!("evogate webhook secret of {tenant}"))
}

impl fmt::Debug for Vault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = |keys: &[Key]| keys.iter().map(|key| key.id.clone()).collect::<Vec<_>>();
        out.debug_struct("Vault")
            .field("current", &self.current.as_ref().map(|key| &key.id))
            .field("old", &ids(&self.old))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use evogate_store::SystemRandom;

    use super::*;

    fn vault(current: Option<&str>, old: &[&str]) -> Vault {
        let secret = |text: &str| Secret::new(text.to_owned());
        let old: Vec<_> = old.iter().map(|text| secret(text)).collect();
        let current = current.map(secret);
        Vault::new(current.as_ref(), &old, Arc::new(SystemRandom))
    }

    fn tenant(id: &str) -> TenantId {
        id.parse().unwrap()
    }

    const ONE: &str = "the first key, with enough characters";
    const TWO: &str = "the second key, with enough characters";

    #[test]
    fn what_is_sealed_opens_for_its_tenant_and_holds_nothing_of_the_secret() {
        let vault = vault(Some(ONE), &[]);
        let (stored, key) = vault.make(&tenant("demo")).unwrap();
        let opened = vault.open(&tenant("demo"), &stored).unwrap();
        assert_eq!(opened.shown(), key.shown());
        let other = vault.open(&tenant("other"), &stored);
        assert_eq!(other.unwrap_err(), VaultError::Damaged);
        let again = vault.seal(&tenant("demo"), vec![7; 32]).unwrap();
        assert!(!again.bytes.windows(8).any(|bytes| bytes == [7; 8]));
        assert_ne!(again, vault.seal(&tenant("demo"), vec![7; 32]).unwrap());
    }

    #[test]
    fn a_secret_of_an_old_key_opens_as_long_as_the_key_is_there() {
        let (stored, key) = vault(Some(ONE), &[]).make(&tenant("demo")).unwrap();
        let rotated = vault(Some(TWO), &[ONE]);
        let opened = rotated.open(&tenant("demo"), &stored).unwrap();
        assert_eq!(opened.shown(), key.shown());
        let gone = vault(Some(TWO), &[]).open(&tenant("demo"), &stored);
        let id = stored.sealed_with.unwrap();
        assert_eq!(gone.unwrap_err(), VaultError::NoKey(id));
    }

    #[test]
    fn without_a_key_secrets_are_kept_as_they_are_and_stay_readable_with_one() {
        let (stored, key) = vault(None, &[]).make(&tenant("demo")).unwrap();
        assert_eq!(stored.sealed_with, None);
        let opened = vault(Some(ONE), &[]).open(&tenant("demo"), &stored);
        assert_eq!(opened.unwrap().shown(), key.shown());
    }

    #[test]
    fn a_damaged_secret_does_not_open() {
        let vault = vault(Some(ONE), &[]);
        let (stored, _) = vault.make(&tenant("demo")).unwrap();
        for at in 0..stored.bytes.len() {
            let mut damaged = stored.clone();
            damaged.bytes[at] ^= 1;
            let opened = vault.open(&tenant("demo"), &damaged);
            assert_eq!(opened.unwrap_err(), VaultError::Damaged, "byte {at}");
        }
        let short = StoredSecret {
            bytes: vec![1; 5],
            ..stored
        };
        let opened = vault.open(&tenant("demo"), &short);
        assert_eq!(opened.unwrap_err(), VaultError::Damaged);
    }

    #[test]
    fn a_vault_prints_no_key() {
        let shown = format!("{:?}", vault(Some(ONE), &[TWO]));
        assert!(!shown.contains("enough"), "{shown}");
    }
}
