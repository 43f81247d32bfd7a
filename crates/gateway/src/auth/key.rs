//! The keys that are minted here. They have no dots, which tells them from tokens.

use evogate_store::Random;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Separates this use of HMAC from every other.
const DOMAIN: &[u8] = b"evogate tenant key v1";

/// The digest by which a tenant's key is found: the key itself is never stored.
pub fn digest(key: &str) -> [u8; 32] {
    // HMAC takes keys of every length, so this can't fail; the empty digest matches no key.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(DOMAIN) else {
        return [0; 32];
    };
    mac.update(key.as_bytes());
    mac.finalize().into_bytes().into()
}

/// A new key: `sk-` and 192 random bits.
pub fn mint_key(random: &dyn Random) -> String {
    use base64::Engine as _;
    let mut bytes = [0; 24];
    random.fill(&mut bytes);
    format!(
        "sk-evogate-{}",
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    )
}
