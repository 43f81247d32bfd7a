//! A provider's keys: what RFC 7517 calls a JWK set, reduced to the keys that can check signatures here,
//! each pinned to the algorithms that fit it (RFC 8725 §3.1).

mod download;
mod source;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub(crate) use source::{KeySource, Missing, usable_keys};

use crate::secret::Secret;

/// Keys that are looked at in one set.
const MOST: usize = 100;
/// The smallest RSA modulus, in bytes (RFC 7518 §3.3).
const RSA_MODULUS: usize = 256;

const RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// What tells a key from every other, in any set: a hash of all that matters of it.
pub(crate) type KeyPrint = [u8; 32];

/// A key that signatures are checked with.
#[derive(Debug, Clone)]
pub(crate) struct SigningKey {
    /// What tells it from others.
    pub(crate) print: KeyPrint,
    /// The key itself.
    pub(crate) key: DecodingKey,
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
}

/// Why a set has no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// No key has the name: a newer set may have one.
    Absent,
    /// The key of that name is for other algorithms.
    Misfit,
    /// The token names no key, and several would fit.
    Ambiguous,
}

/// A set of keys. What in it can't be used here is left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeySet(Vec<SigningKey>);

/// One key of a set, as far as it matters here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a set. Keys of other kinds, for other uses, or of unknown form are left out one by one:
    /// a provider may have keys for others, too.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document =
            serde_json::from_slice(text).map_err(|_| "is not a JWK set: {\"keys\": […]}")?;
        let keys = document.keys.into_iter().take(MOST);
        let usable = keys.filter_map(|key| SigningKey::of(&serde_json::from_value(key).ok()?));
        Ok(Self(usable.collect()))
    }

    /// The one key of a provider that shares a secret with us.
    pub(crate) fn of_secret(secret: &Secret, algorithms: &[Algorithm]) -> Self {
        Self(vec![SigningKey {
            print: Sha256::digest(secret.expose()).into(),
            key: DecodingKey::from_secret(secret.expose().as_bytes()),
            kid: None,
            algorithms: algorithms.to_vec(),
        }])
    }

    /// The key for a token that names `kid`, or none, and is signed by `algorithm`.
    pub(crate) fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&SigningKey, NoKey> {
        let fits = |key: &&SigningKey| key.algorithms.contains(&algorithm);
        let Some(kid) = kid else {
            let mut fitting = self.0.iter().filter(fits);
            let key = fitting.next().ok_or(NoKey::Absent)?;
            return match fitting.next() {
                None => Ok(key),
                Some(_) => Err(NoKey::Ambiguous),
            };
        };
        let mut named = self.0.iter().filter(|key| key.kid.as_deref() == Some(kid));
        let first = named.next().ok_or(NoKey::Absent)?;
        let mut named = std::iter::once(first).chain(named);
        named.find(fits).ok_or(NoKey::Misfit)
    }

    /// Is this key still among them?
    pub(crate) fn holds(&self, print: &KeyPrint) -> bool {
        self.0.iter().any(|key| key.print == *print)
    }

    /// How many keys could check a signature by one of `algorithms`.
    pub(crate) fn usable_for(&self, algorithms: &[Algorithm]) -> usize {
        let fits = |key: &&SigningKey| key.algorithms.iter().any(|own| algorithms.contains(own));
        self.0.iter().filter(fits).count()
    }
}

impl SigningKey {
    /// `None`: a key that checks no signature here.
    fn of(jwk: &Jwk) -> Option<Self> {
        let signs = jwk.usage.as_deref().is_none_or(|usage| usage == "sig");
        let verifies = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
        if !signs || !jwk.key_ops.as_ref().is_none_or(verifies) {
            return None;
        }
        let (key, mut algorithms) = jwk.key()?;
        if let Some(pinned) = &jwk.alg {
            let pinned: Algorithm = pinned.parse().ok()?;
            algorithms.retain(|algorithm| *algorithm == pinned);
        }
        (!algorithms.is_empty()).then(|| Self {
            print: jwk.print(),
            key,
            kid: jwk.kid.clone(),
            algorithms,
        })
    }
}

impl Jwk {
    /// The key, and the algorithms that its type allows.
    fn key(&self) -> Option<(DecodingKey, Vec<Algorithm>)> {
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
        let crv = self.crv.as_deref();
        match (self.kty.as_str(), crv) {
            ("RSA", None) => {
                let (n, e) = (bytes(&self.n)?, bytes(&self.e)?);
                let significant = n.iter().skip_while(|byte| **byte == 0).count();
                let key = DecodingKey::from_rsa_raw_components(&n, &e);
                (significant >= RSA_MODULUS).then(|| (key, RSA.to_vec()))
            }
            ("EC", Some("P-256")) => self.point(32, Algorithm::ES256),
            ("EC", Some("P-384")) => self.point(48, Algorithm::ES384),
            ("OKP", Some("Ed25519")) if bytes(&self.x)?.len() == 32 => {
                let key = DecodingKey::from_ed_components(self.x.as_deref()?).ok()?;
                Some((key, vec![Algorithm::EdDSA]))
            }
            _ => None,
        }
    }

    /// A point on a curve, whose coordinates have `length` bytes each.
    fn point(&self, length: usize, algorithm: Algorithm) -> Option<(DecodingKey, Vec<Algorithm>)> {
        let (x, y) = (self.x.as_deref()?, self.y.as_deref()?);
        let sized = |text: &str| Some(URL_SAFE_NO_PAD.decode(text).ok()?.len() == length);
        if !sized(x)? || !sized(y)? {
            return None;
        }
        let key = DecodingKey::from_ec_components(x, y).ok()?;
        Some((key, vec![algorithm]))
    }

    fn print(&self) -> KeyPrint {
        let Self {
            kid,
            alg,
            crv,
            n,
            e,
            x,
            y,
            ..
        } = self;
        let mut hash = Sha256::new();
        hash.update(&self.kty);
        for part in [kid, alg, crv, n, e, x, y] {
            // A byte that base64 and names don't have keeps neighbours apart.
            hash.update([0xff]);
            hash.update(part.as_deref().unwrap_or_default());
        }
        hash.finalize().into()
    }
}
