//! The keys that are minted here. They have no dots, which tells them from tokens.

use evogate_store::Random;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Separates this use of HMAC from every other.
const DOMAIN: &[u8] = b"evogate tenant key v1";

/// The digest by which a tenant's key is found: the key itself is never stored.
pub fn digest(key: &str) -> [u8; 32] {
    keyed(DOMAIN, key)
}

fn keyed(domain: &[u8], key: &str) -> [u8; 32] {
    // HMAC takes keys of every length, so this can't fail; the empty digest matches no key.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(domain) else {
        return [0; 32];
    };
    mac.update(key.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Separates admins' keys from tenants': neither is ever found among the others.
const ADMIN_DOMAIN: &[u8] = b"evogate admin key v1";

/// The digest by which an admin's key is found.
pub fn admin_digest(key: &str) -> [u8; 32] {
    keyed(ADMIN_DOMAIN, key)
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
