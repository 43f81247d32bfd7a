//! The keys that are minted here. They have no dots, which tells them from tokens.
//!
//! A key is kept as a keyed hash, under the pepper of the settings (`auth.pepper`): who has the store alone
//! can neither use a key nor add one. Keys that were hashed under an earlier pepper are found as long as
//! that one is among `auth.old_peppers`.

use evogate_store::{AdminRecord, KeyRecord, Random, Store, StoreError};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::config;
use crate::secret::Secret;

/// Separates this use of HMAC from every other.
const DOMAIN: &[u8] = b"evogate tenant key v1";

/// Separates admins' keys from tenants': neither is ever found among the others.
const ADMIN_DOMAIN: &[u8] = b"evogate admin key v1";

/// What keys are hashed under: the pepper of now, then those of before. None is the time without one.
#[derive(Debug, Clone)]
pub struct Peppers {
    now: Option<Secret>,
    before: Vec<Option<Secret>>,
}

/// A record that was found by a key.
#[derive(Debug)]
pub struct Found<R> {
    /// The record.
    pub record: R,
    /// Was the key hashed under an earlier pepper? Then it should be rotated.
    pub outdated: bool,
}

impl Peppers {
    /// Those of the settings.
    pub fn new(config: &config::Auth) -> Self {
        Self {
            now: config.pepper.clone(),
            before: config.old_peppers.clone(),
        }
    }

    /// The digest by which a tenant's key is found: the key itself is never stored.
    pub fn digest(&self, key: &str) -> [u8; 32] {
        digest(DOMAIN, self.now.as_ref(), key)
    }

    /// The digest by which an admin's key is found.
    pub fn admin_digest(&self, key: &str) -> [u8; 32] {
        digest(ADMIN_DOMAIN, self.now.as_ref(), key)
    }

    /// The tenant's key with this text, if there is one that counts.
    pub async fn find_key(
        &self,
        store: &Store,
        key: &str,
    ) -> Result<Option<Found<KeyRecord>>, StoreError> {
        for (digest, outdated) in self.digests(DOMAIN, key) {
            if let Some(record) = store.key_by_digest(&digest).await? {
                return Ok(Some(Found { record, outdated }));
            }
        }
        Ok(None)
    }

    /// The admin's key with this text, if there is one.
    pub async fn find_admin(
        &self,
        store: &Store,
        key: &str,
    ) -> Result<Option<Found<AdminRecord>>, StoreError> {
        for (digest, outdated) in self.digests(ADMIN_DOMAIN, key) {
            if let Some(record) = store.admin_by_digest(&digest).await? {
                return Ok(Some(Found { record, outdated }));
            }
        }
        Ok(None)
    }

    /// The digests that a key may be stored under, and whether each is one of before.
    fn digests(&self, domain: &[u8], key: &str) -> Vec<([u8; 32], bool)> {
        let before = self.before.iter().map(|pepper| (pepper, true));
        std::iter::once((&self.now, false))
            .chain(before)
            .map(|(pepper, outdated)| (digest(domain, pepper.as_ref(), key), outdated))
            .collect()
    }
}

fn digest(domain: &[u8], pepper: Option<&Secret>, key: &str) -> [u8; 32] {
    let Some(pepper) = pepper else {
        return hmac(domain, &[key.as_bytes()]);
    };
    // The domain has a fixed length, so that no key can move the border between the two.
    hmac(pepper.expose().as_bytes(), &[domain, key.as_bytes()])
}

fn hmac(secret: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of every length, so this can't fail; the empty digest matches no key.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return [0; 32];
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// A new key of an admin's: `admin-` and 192 random bits.
pub fn mint_admin_key(random: &dyn Random) -> String {
    mint("admin-", random)
}

/// A new key: `sk-` and 192 random bits.
pub fn mint_key(random: &dyn Random) -> String {
    mint("sk-evogate-", random)
}

fn mint(prefix: &str, random: &dyn Random) -> String {
    use base64::Engine as _;
    let mut bytes = [0; 24];
    random.fill(&mut bytes);
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    format!("{prefix}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peppers(now: Option<&str>, before: &[Option<&str>]) -> Peppers {
        let secret = |text: &str| Secret::new(text);
        Peppers {
            now: now.map(secret),
            before: before.iter().map(|pepper| pepper.map(secret)).collect(),
        }
    }

    /// Is the key that was stored so found, and as one of before?
    fn found(peppers: &Peppers, stored: [u8; 32]) -> Option<bool> {
        let digests = peppers.digests(DOMAIN, "sk-key");
        let found = digests.into_iter().find(|(digest, _)| *digest == stored);
        found.map(|(_, outdated)| outdated)
    }

    #[test]
    fn a_key_is_found_under_the_pepper_of_now_and_those_of_before_and_no_other() {
        let first = peppers(None, &[]).digest("sk-key");
        let second = peppers(Some("one"), &[]).digest("sk-key");
        let third = peppers(Some("two"), &[]).digest("sk-key");
        let now = peppers(Some("two"), &[Some("one")]);
        assert_eq!(found(&now, third), Some(false));
        assert_eq!(found(&now, second), Some(true));
        assert_eq!(found(&now, first), None);
        let since_ever = peppers(Some("two"), &[Some("one"), None]);
        assert_eq!(found(&since_ever, first), Some(true));
        assert_eq!(found(&peppers(Some("two"), &[]), second), None);
    }

    #[test]
    fn a_tenants_key_is_never_an_admins_under_any_pepper() {
        for now in [None, Some("one")] {
            let peppers = peppers(now, &[]);
            assert_ne!(peppers.digest("key"), peppers.admin_digest("key"));
        }
    }
}
