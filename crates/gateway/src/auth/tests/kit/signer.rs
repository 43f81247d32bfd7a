//! Keys of every kind.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};

use super::base64;

/// The pinned RSA key of `corp`.
pub(in super::super) static RSA: LazyLock<Signer> = LazyLock::new(Signer::rsa);
/// Its other RSA key.
pub(in super::super) static RSA_OTHER: LazyLock<Signer> = LazyLock::new(Signer::rsa);
/// Its key on P-256.
pub(in super::super) static EC_256: LazyLock<Signer> = LazyLock::new(Signer::p256);
/// Its key on P-384.
pub(in super::super) static EC_384: LazyLock<Signer> = LazyLock::new(|| {
    Signer::Ec(
        EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
        48,
    )
});
/// Its key on Ed25519.
pub(in super::super) static ED: LazyLock<Signer> =
    LazyLock::new(|| Signer::Ed(Ed25519KeyPair::generate().unwrap()));
/// The key of another issuer, on P-256.
pub(in super::super) static AGENCY: LazyLock<Signer> = LazyLock::new(Signer::p256);

/// A private key.
pub(in super::super) enum Signer {
    Rsa(RsaKeyPair),
    /// With the bytes of a coordinate.
    Ec(EcdsaKeyPair, usize),
    Ed(Ed25519KeyPair),
    Secret(Vec<u8>),
}

impl Signer {
    fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(in super::super) fn p256() -> Self {
        Self::Ec(
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            32,
        )
    }

    pub(in super::super) fn secret(bytes: impl AsRef<[u8]>) -> Self {
        Self::Secret(bytes.as_ref().to_vec())
    }

    /// The public key, named `kid`.
    pub(in super::super) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(pair) => {
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                let (n, e) = (base64(parts.n), base64(parts.e));
                json!({ "kty": "RSA", "kid": kid, "use": "sig", "n": n, "e": e })
            }
            Self::Ec(pair, size) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = (base64(&point[..*size]), base64(&point[*size..]));
                let crv = if *size == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "kid": kid, "crv": crv, "x": x, "y": y })
            }
            Self::Ed(pair) => {
                let x = base64(pair.public_key());
                json!({ "kty": "OKP", "kid": kid, "crv": "Ed25519", "x": x })
            }
            Self::Secret(bytes) => json!({ "kty": "oct", "kid": kid, "k": base64(bytes) }),
        }
    }

    /// The public key as DER: what an attacker has, who takes a public key for a secret.
    pub(in super::super) fn public_der(&self) -> Vec<u8> {
        match self {
            Self::Rsa(pair) => {
                let der = pair.public_key().as_der().unwrap();
                der.as_ref().to_vec()
            }
            _ => unreachable!("only RSA keys are asked for"),
        }
    }

    pub(in super::super) fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding: &dyn aws_lc_rs::signature::RsaEncoding = match algorithm {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                pair.sign(padding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Self::Ec(pair, _) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Secret(bytes) => {
                let hash = match algorithm {
                    "HS384" => hmac::HMAC_SHA384,
                    "HS512" => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                let tag = hmac::sign(&hmac::Key::new(hash, bytes), message);
                tag.as_ref().to_vec()
            }
        }
    }

    /// A token: `header` and `claims` as they are written, signed by `algorithm`.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "rows of tests read better without"
    )]
    pub(in super::super) fn token(
        &self,
        algorithm: &str,
        header: impl ToString,
        claims: impl ToString,
    ) -> String {
        let (header, claims) = (header.to_string(), claims.to_string());
        let message = format!("{}.{}", base64(header), base64(claims));
        let signature = self.sign(algorithm, message.as_bytes());
        format!("{message}.{}", base64(signature))
    }
}
