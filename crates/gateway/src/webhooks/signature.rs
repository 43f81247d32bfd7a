//! Signatures by Standard Webhooks, version 1 of the symmetric scheme: HMAC-SHA-256 over
//! `id.timestamp.body`, so that a receiver knows who sent it, that nobody changed it, and that it is
//! not an old one played back.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evogate_models::{EventId, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::secret::Secret;

/// How a secret begins when it is shown (Standard Webhooks, "Signature scheme").
const PREFIX: &str = "whsec_";

/// The bytes that a key may have (Standard Webhooks: between 192 and 512 bits).
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// A key that is too short to protect anything, or too long for receivers' libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret must have 24 to 64 bytes, this one has {0}")]
pub struct WeakKey(usize);

/// The key that signs a tenant's webhooks. Prints as `***`.
#[derive(Clone)]
pub struct SigningKey {
    bytes: Vec<u8>,
    mac: Hmac<Sha256>,
}

impl SigningKey {
    /// The key of these bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, WeakKey> {
        let weak = WeakKey(bytes.len());
        if !LENGTHS.contains(&bytes.len()) {
            return Err(weak);
        }
        let mac = Hmac::new_from_slice(bytes).map_err(|_| weak)?;
        let bytes = bytes.to_vec();
        Ok(Self { bytes, mac })
    }

    /// As a receiver's library takes it: `whsec_<base64>`.
    pub fn shown(&self) -> Secret {
        Secret::new(format!("{PREFIX}{}", STANDARD.encode(&self.bytes)))
    }

    /// The value of `webhook-signature` for a body sent at `at`, which goes with it as
    /// `webhook-timestamp` in seconds.
    pub fn sign(&self, id: &EventId, at: Timestamp, body: &str) -> String {
        let mut mac = self.mac.clone();
        mac.update(format!("{id}.{}.", at.seconds()).as_bytes());
        mac.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The value of `webhook-signature` with every key that signs at present, separated by spaces: a receiver
/// that knows one of them is content.
pub fn signatures(keys: &[SigningKey], id: &EventId, at: Timestamp, body: &str) -> String {
    let each = keys.iter().map(|key| key.sign(id, at, body));
    each.collect::<Vec<_>>().join(" ")
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The secret of the specification's examples and of its reference libraries' tests.
    const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn key() -> SigningKey {
        SigningKey::new(&STANDARD.decode(SECRET).unwrap()).unwrap()
    }

    #[rstest]
    #[case(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        r#"{"test": 2432232314}"#,
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )]
    fn the_reference_libraries_signatures_are_ours(
        #[case] id: &str,
        #[case] seconds: i64,
        #[case] body: &str,
        #[case] signature: &str,
    ) {
        let at = Timestamp::from_millis(seconds * 1000 + 999);
        assert_eq!(key().sign(&id.parse().unwrap(), at, body), signature);
    }

    #[test]
    fn a_key_is_shown_as_receivers_take_it_and_printed_as_stars() {
        assert_eq!(key().shown().expose(), format!("whsec_{SECRET}"));
        assert_eq!(format!("{:?}", key()), "***");
    }

    #[rstest]
    #[case(0)]
    #[case(23)]
    #[case(65)]
    fn a_key_that_protects_nothing_is_refused(#[case] length: usize) {
        assert_eq!(
            SigningKey::new(&vec![7; length]).unwrap_err(),
            WeakKey(length)
        );
    }
}
