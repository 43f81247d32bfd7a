//! Who calls. Authentication is a type: a handler that takes a [`Principal`] runs only for a tenant,
//! one that takes an [`Admin`] only for an admin, and every tenant key in the store is made from the
//! principal's tenant.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use evogate_models::task::Author;
use evogate_models::{KeyId, TenantId};
use evogate_store::Random;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::context::Context;
use crate::error::ApiError;
use crate::state::Gateway;

/// Separates this use of HMAC from every other.
const DOMAIN: &[u8] = b"evogate tenant key v1";

/// A tenant's credential that was found good.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The tenant.
    pub tenant: TenantId,
    /// The key.
    pub key: KeyId,
}

impl Principal {
    /// Who submits, as tasks remember it.
    pub fn author(&self) -> Author {
        Author {
            key: Some(self.key.clone()),
            user: None,
        }
    }
}

/// An admin.
#[derive(Debug, Clone)]
pub struct Admin {
    /// The admin's name, for the audit trail.
    pub name: String,
}

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

/// The credential in `Authorization: Bearer …`, else in `x-api-key`. Two of one kind are none.
fn credential(headers: &HeaderMap) -> Option<&str> {
    let single = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let value = values.next();
        if values.next().is_some() {
            None
        } else {
            value.and_then(|value| value.to_str().ok())
        }
    };
    if headers.contains_key(AUTHORIZATION) {
        let (scheme, token) = single(AUTHORIZATION.as_str())?.split_once(' ')?;
        return scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim());
    }
    single("x-api-key").map(str::trim)
}

impl FromRequestParts<Gateway> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let Some(token) = credential(&parts.headers).filter(|token| !token.is_empty()) else {
            tracing::info!("authentication failed: no credential");
            return Err(ApiError::unauthorized());
        };
        let Some(key) = gateway.store.key_by_digest(&digest(token)).await? else {
            tracing::info!("authentication failed: unknown key");
            return Err(ApiError::unauthorized());
        };
        let context = Context::from_request_parts(parts, gateway)
            .await
            .unwrap_or_else(|e| match e {});
        context.set_tenant(&key.tenant);
        Ok(Self {
            tenant: key.tenant,
            key: key.id,
        })
    }
}

impl FromRequestParts<Gateway> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let token = credential(&parts.headers);
        match (&gateway.config.admin.bootstrap_key, token) {
            (Some(key), Some(token)) if key.matches(token) => Ok(Self {
                name: "bootstrap".to_owned(),
            }),
            _ => {
                tracing::info!("authentication failed: no admin key");
                Err(ApiError::unauthorized())
            }
        }
    }
}
