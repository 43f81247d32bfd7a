//! A call to ourselves through `public_url`, which says whether EvoLink's callbacks would come: `evogate doctor`
//! makes a token that only the holder of `callbacks.secret` can make, and only another holder can answer it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evogate_models::{Millis, Timestamp};
use hmac::Mac as _;

use super::{MAX, TAG, Tokens};

/// How long a probe counts, in milliseconds: also where two clocks differ a little.
const VALID_FOR: Millis = 120_000;
/// What a probe's tag is made over, so that no callback's token is one, nor the other way round.
const PROBE: &[u8] = b"evogate probe v1\0";
/// The same for the answer.
const ANSWER: &[u8] = b"evogate probe answer v1\0";

/// A probe that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The URL to call.
    pub url: String,
    /// What proves that one of ours was reached.
    pub proof: String,
}

impl Tokens {
    /// A new probe. `nonce` is random.
    pub fn probe(&self, nonce: u128, now: Timestamp) -> Option<Probe> {
        let payload = format!("{nonce:032x}|{}", now.millis());
        let mut bytes = payload.clone().into_bytes();
        let tag = self.mac(PROBE, &bytes)?.finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        Some(Probe {
            url: self.at(&URL_SAFE_NO_PAD.encode(bytes)),
            proof: self.proof(payload.as_bytes())?,
        })
    }

    /// What a probe is to be answered with; none where the token is no probe of ours, or an old one.
    pub fn answer_probe(&self, token: &str, now: Timestamp) -> Option<String> {
        if token.len() > MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (payload, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
        self.mac(PROBE, payload)?.verify_slice(tag).ok()?;
        let (_, made) = std::str::from_utf8(payload).ok()?.split_once('|')?;
        let age = now.since(Timestamp::from_millis(made.parse().ok()?));
        if !(-VALID_FOR..=VALID_FOR).contains(&age) {
            return None;
        }
        self.proof(payload)
    }

    fn proof(&self, payload: &[u8]) -> Option<String> {
        let proof = self.mac(ANSWER, payload)?.finalize().into_bytes();
        Some(URL_SAFE_NO_PAD.encode(proof))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{claims, tokens};
    use super::*;
    use crate::secret::Secret;

    const NOW: Timestamp = Timestamp::from_seconds(1_772_203_771);

    fn token(probe: &Probe) -> &str {
        probe.url.rsplit('/').next().unwrap()
    }

    #[test]
    fn a_probe_is_answered_by_who_has_the_same_secret_and_soon() {
        let probe = tokens().probe(7, NOW).unwrap();
        assert!(
            probe
                .url
                .starts_with("https://evogate.example.com/callbacks/evolink/")
        );
        let answer = |now| tokens().answer_probe(token(&probe), now);
        assert_eq!(answer(NOW).as_ref(), Some(&probe.proof));
        assert_eq!(answer(NOW.plus(VALID_FOR)).as_ref(), Some(&probe.proof));
        assert_eq!(answer(NOW.plus(VALID_FOR + 1)), None);
        let other = Tokens {
            secret: Secret::new("another secret of thirty-two byte"),
            ..tokens()
        };
        assert_eq!(other.answer_probe(token(&probe), NOW), None);
        assert_ne!(tokens().probe(8, NOW).unwrap().proof, probe.proof);
    }

    #[test]
    fn a_probe_is_no_callback_and_a_callback_no_probe() {
        let probe = tokens().probe(7, NOW).unwrap();
        assert_eq!(tokens().check(token(&probe), NOW), None);
        let url = tokens().url(&claims()).unwrap();
        let callback = url.rsplit('/').next().unwrap();
        assert_eq!(tokens().answer_probe(callback, NOW), None);
    }
}
