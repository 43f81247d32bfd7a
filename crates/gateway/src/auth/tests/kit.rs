//! Keys that sign, the tokens that they sign, and the gateway's side of it.

mod provider;
mod signer;

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evogate_models::Timestamp;
use evogate_store::{Actor, ManualClock, Store, Tenant};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(super) use provider::Provider;
pub(super) use signer::{AGENCY, EC_256, EC_384, ED, RSA, RSA_OTHER, Signer};

use crate::auth::failure::{AuthError, Reason};
use crate::auth::presented::Presented;
use crate::auth::{Auth, Principal};
use crate::background::Background;
use crate::config::Config;

/// The time at which everything begins, in seconds.
pub(super) const NOW: i64 = 1_772_203_771;
/// What issuers call themselves.
pub(super) const CORP: &str = "https://sso.example.com/realms/corp";
/// The secret of the issuer that shares one.
pub(super) const SECRET: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
/// The tenant that there is.
pub(super) const TENANT: &str = "video";

/// The gateway's side, with a clock that stands still.
pub(super) struct Kit {
    pub(super) auth: Auth,
    pub(super) store: Store,
    pub(super) clock: Arc<ManualClock>,
    pub(super) background: Background,
    pub(super) folder: TempDir,
}

impl Kit {
    /// A gateway that trusts three issuers with keys in files: `corp` (some algorithms), `wide` (the same
    /// keys, every algorithm) and `agency` (another key), and one that shares a secret (`shared`).
    pub(super) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let file = |name: &str, keys: &Value| {
            let path = folder.path().join(name);
            std::fs::write(&path, keys.to_string()).unwrap();
            format!("jwks_file = '{}'", path.display())
        };
        let corp = file("corp.json", &corp_keys());
        let agency = file("agency.json", &json!({ "keys": [AGENCY.jwk("agency-1")] }));
        let settings = [
            block("corp", CORP, "['RS256', 'PS256', 'ES256', 'EdDSA']", &corp),
            block(
                "wide",
                "wide",
                "['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA']",
                &corp,
            ),
            block("agency", "agency", "'ES256'", &agency),
            block(
                "shared",
                "shared",
                "['HS256', 'HS384', 'HS512']",
                &format!("hmac_secret = '{SECRET}'"),
            ),
        ];
        Self::with(folder, &settings.concat()).await
    }

    /// A gateway that trusts one issuer, `corp`, whose keys are where `keys` says.
    pub(super) async fn trusting(keys: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let block = block("corp", CORP, "['RS256', 'ES256']", keys);
        Self::with(folder, &block).await
    }

    /// A gateway with these settings beside what it can't be without.
    pub(super) async fn with(folder: TempDir, settings: &str) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(NOW)));
        let file = folder.path().join("store.redb");
        let store = Store::embedded(&file, 1 << 20, clock.clone()).unwrap();
        let settings = format!("evolink.api_key = 'sk-0123456789'\n{settings}");
        let (config, _) = Config::load_from_str(&settings).unwrap();
        let background = Background::default();
        let auth = Auth::new(&config.auth, clock.clone(), background.clone()).unwrap();
        let kit = Self {
            auth,
            store,
            clock,
            background,
            folder,
        };
        kit.make_tenant(TENANT).await;
        kit
    }

    /// Makes a tenant.
    pub(super) async fn make_tenant(&self, id: &str) {
        let tenant = Tenant::new(
            id.parse().unwrap(),
            id.to_owned(),
            self.store.now(),
            vec![7; 32],
        );
        let actor = Actor::local("test");
        self.store.create_tenant(tenant, &actor).await.unwrap();
    }

    /// What comes of a token in its usual place.
    pub(super) async fn present(&self, token: &str) -> Result<Principal, AuthError> {
        self.present_headers(&[("authorization", &format!("Bearer {token}"))])
            .await
    }

    /// What comes of these headers.
    pub(super) async fn present_headers(
        &self,
        headers: &[(&'static str, &str)],
    ) -> Result<Principal, AuthError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            map.append(HeaderName::from_static(name), value);
        }
        let presented = Presented::of(&map)?;
        self.auth.tenant(&self.store, &presented).await
    }

    /// Why a token is refused.
    pub(super) async fn refused(&self, token: &str) -> Reason {
        reason(self.present(token).await)
    }
}

/// Why it is refused. Panics when it is not, or when nobody can say.
pub(super) fn reason(found: Result<Principal, AuthError>) -> Reason {
    match found {
        Err(AuthError::Failed { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

fn block(name: &str, issuer: &str, algorithms: &str, keys: &str) -> String {
    format!(
        "[[auth.issuers]]
        name = '{name}'
        issuer = '{issuer}'
        audience = ['evogate', 'api://evogate']
        algorithms = {algorithms}
        tenant_claim = 'org.id'
        {keys}
        "
    )
}

/// The keys of `corp` and `wide`: one is pinned to an algorithm, the others are not.
pub(super) fn corp_keys() -> Value {
    let mut pinned = RSA.jwk("rsa-1");
    pinned["alg"] = json!("RS256");
    json!({ "keys": [
        pinned,
        RSA_OTHER.jwk("rsa-2"),
        EC_256.jwk("ec-256"),
        EC_384.jwk("ec-384"),
        ED.jwk("ed"),
    ] })
}

/// The claims of a token that nothing is wrong with.
pub(super) fn claims() -> Value {
    json!({
        "iss": CORP,
        "aud": "evogate",
        "exp": NOW + 300,
        "iat": NOW - 10,
        "sub": "alice",
        "org": { "id": TENANT },
    })
}

/// Good claims but for one.
pub(super) fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

/// Good claims without one.
pub(super) fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// The header of a good token.
pub(super) fn header() -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": "rsa-1" })
}

/// A good header but for one field.
pub(super) fn header_with(name: &str, value: impl Into<Value>) -> Value {
    let mut header = header();
    header[name] = value.into();
    header
}

/// A good token but for its claims.
pub(super) fn of(claims: impl ToString) -> String {
    RSA.token("RS256", header(), claims)
}

/// A good token but for its header.
pub(super) fn headed(header: impl ToString) -> String {
    RSA.token("RS256", header, claims())
}

/// A token without a flaw.
pub(super) fn good() -> String {
    of(claims())
}

pub(super) fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
