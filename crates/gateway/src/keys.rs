//! A tenant's keys, for admins and for the tenant's own `tenant_admin` alike: mint, list, rotate,
//! delete. A secret is shown once, when it is minted.

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use evogate_models::credits::Decimal;
use evogate_models::{Credits, Fault, KeyId, TenantId, Timestamp};
use evogate_store::{Actor, KeyChange, KeyRecord, Scope};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::admin;
use crate::auth::{Principal, Scopes, mint_key};
use crate::error::ApiError;
use crate::openapi::schemas;
use crate::state::Gateway;

/// The longest overlap of a rotation: 30 days, in seconds.
const MAX_OVERLAP: u32 = 30 * 24 * 3600;
/// The overlap where none is asked for: an hour.
const OVERLAP: u32 = 3600;
/// The longest life of a key, in seconds: ten years.
const MAX_LIFE: u64 = 10 * 366 * 24 * 3600;

/// A key to be minted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "batch jobs", "user": "render-farm", "scopes": ["generate", "read"]}))]
pub(crate) struct NewKey {
    /// For people; `key` unless given.
    #[schema(value_type = Option<schemas::ShortText>)]
    name: Option<String>,
    /// Whom the key stands for: its submits count as this user's.
    #[schema(value_type = Option<schemas::ShortText>)]
    user: Option<String>,
    /// `generate` and `read` unless given; none that you lack yourself.
    #[schema(value_type = Option<schemas::Scopes>)]
    scopes: Option<Vec<Scope>>,
    /// Seconds from now, up to ten years; for ever unless given.
    #[schema(minimum = 1, maximum = 316_224_000)]
    expires_in: Option<u64>,
    /// Credits that may ever be spent and held with it; never more than your own cap.
    credit_cap: Option<Decimal>,
}

/// A new secret for a key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyRotation)]
pub(crate) struct Rotation {
    /// Seconds for which the old secret still counts, up to 30 days.
    #[schema(maximum = 2_592_000, default = 3600)]
    overlap: Option<u32>,
}

/// A key, without its secret. Times are Unix seconds.
#[derive(Serialize, ToSchema)]
pub(crate) struct Key {
    /// `key`
    object: &'static str,
    #[schema(value_type = String)]
    id: KeyId,
    #[schema(value_type = String)]
    tenant: TenantId,
    name: String,
    /// Whom it stands for.
    #[schema(required = true)]
    user: Option<String>,
    #[schema(value_type = schemas::Scopes)]
    scopes: Vec<Scope>,
    created: i64,
    /// Null: never.
    #[schema(required = true)]
    expires: Option<i64>,
    /// To the minute; null: never.
    #[schema(required = true)]
    last_used: Option<i64>,
    #[schema(required = true)]
    credit_cap: Option<Decimal>,
    /// One, or during a rotation's overlap two.
    secrets: Vec<KeySecret>,
}

/// Until when a secret counts.
#[derive(Serialize, ToSchema)]
struct KeySecret {
    /// Null: as long as the key.
    #[schema(required = true)]
    until: Option<i64>,
}

/// A key with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct MintedKey {
    #[serde(flatten)]
    shown: Key,
    /// The secret itself: `sk-evogate-…`.
    key: String,
}

fn shown(key: &KeyRecord) -> Key {
    let seconds = |at: Option<Timestamp>| at.map(Timestamp::seconds);
    let secret = |until| KeySecret {
        until: seconds(until),
    };
    Key {
        object: "key",
        id: key.id.clone(),
        tenant: key.tenant.clone(),
        name: key.name.clone(),
        user: key.user.clone(),
        scopes: key.scopes.clone(),
        created: key.created.seconds(),
        expires: seconds(key.expires),
        last_used: seconds(key.last_used),
        credit_cap: key.credit_cap.map(Decimal),
        secrets: key.secrets.iter().map(|s| secret(s.until)).collect(),
    }
}

fn minted(key: &KeyRecord, secret: String, status: StatusCode) -> Response {
    let body = MintedKey {
        shown: shown(key),
        key: secret,
    };
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// The most that somebody may give a key: nobody gives more than they have.
#[derive(Debug, Clone)]
pub struct Most {
    /// These scopes.
    pub scopes: Scopes,
    /// A credit cap of this size; without one the key may be without one too.
    pub credit_cap: Option<Credits>,
}

impl Most {
    /// An admin may give everything.
    pub const ALL: Self = Self {
        scopes: Scopes::ALL,
        credit_cap: None,
    };

    /// What `principal` has.
    pub const fn of(principal: &Principal) -> Self {
        Self {
            scopes: principal.scopes,
            credit_cap: principal.credit_cap,
        }
    }

    /// The scopes of a key for which none were asked: to submit and to read.
    fn usual(&self) -> Vec<Scope> {
        let usual = [Scope::Generate, Scope::Read].into_iter();
        usual.filter(|scope| self.scopes.contains(*scope)).collect()
    }

    fn scope_fault(&self, scopes: &[Scope]) -> Option<Fault> {
        if !scopes.is_empty() && scopes.iter().all(|scope| self.scopes.contains(*scope)) {
            return None;
        }
        let names: Vec<_> = self.scopes.iter().map(Scope::as_str).collect();
        let message = format!("scopes must be some of: {}", names.join(", "));
        Some(Fault::parameter("scopes", message))
    }

    fn cap_fault(&self, cap: Option<Credits>) -> Option<Fault> {
        let message = match (cap, self.credit_cap) {
            (Some(cap), _) if cap.is_negative() => "credit_cap must not be negative".to_owned(),
            (Some(cap), Some(most)) if cap > most => {
                format!("credit_cap must be at most {}, your own", most.to_decimal())
            }
            (None, Some(most)) => {
                let most = most.to_decimal();
                format!("credit_cap is required, and at most {most}, your own")
            }
            _ => return None,
        };
        Some(Fault::parameter("credit_cap", message))
    }
}

/// Mints a key, with at most `most`.
pub async fn create(
    gateway: &Gateway,
    tenant: TenantId,
    by: &Actor,
    most: &Most,
    request: Request,
) -> Result<Response, ApiError> {
    let new: NewKey = admin::json_or_nothing(request).await?;
    let mut faults = Vec::new();
    let scopes = new.scopes.unwrap_or_else(|| most.usual());
    faults.extend(most.scope_fault(&scopes));
    if new
        .expires_in
        .is_some_and(|seconds| !(1..=MAX_LIFE).contains(&seconds))
    {
        let message = format!("expires_in must be between 1 and {MAX_LIFE} seconds");
        faults.push(Fault::parameter("expires_in", message));
    }
    faults.extend(most.cap_fault(new.credit_cap.map(|cap| cap.0)));
    if !faults.is_empty() {
        return Err(ApiError::faults(faults));
    }
    let name = admin::text("name", new.name.as_deref().unwrap_or("key"))?;
    let user = new
        .user
        .as_deref()
        .map(|user| admin::text("user", user))
        .transpose()?;
    let now = gateway.store.now();
    let secret = mint_key(&*gateway.random);
    let id = KeyId::mint(gateway.random.bits());
    let mut key = KeyRecord::new(
        id,
        tenant,
        name,
        now,
        gateway.auth.peppers().digest(&secret),
    );
    key.user = user;
    key.scopes = scopes;
    let life = new
        .expires_in
        .and_then(|seconds| i64::try_from(seconds).ok());
    key.expires = life.map(|seconds| now.plus(seconds.saturating_mul(1000)));
    key.credit_cap = new.credit_cap.map(|cap| cap.0);
    gateway.store.add_key(key.clone(), by).await?;
    Ok(minted(&key, secret, StatusCode::CREATED))
}

/// Lists the tenant's keys.
pub async fn list(gateway: &Gateway, tenant: &TenantId) -> Result<Response, ApiError> {
    gateway
        .store
        .tenant(tenant)
        .await?
        .ok_or_else(ApiError::tenant_not_found)?;
    let data: Vec<_> = gateway
        .store
        .keys(tenant)
        .await?
        .iter()
        .map(shown)
        .collect();
    Ok(Json(json!({ "object": "list", "total": data.len(), "data": data })).into_response())
}

/// Gives a key a new secret; the old one counts for a while. The key may have at most `most`: whoever gets
/// a secret must not gain by it.
pub async fn rotate(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &KeyId,
    by: &Actor,
    most: &Most,
    request: Request,
) -> Result<Response, ApiError> {
    let rotation: Rotation = admin::json_or_nothing(request).await?;
    let overlap = rotation.overlap.unwrap_or(OVERLAP);
    if overlap > MAX_OVERLAP {
        let message = format!("overlap must be between 0 and {MAX_OVERLAP} seconds");
        return Err(ApiError::invalid("overlap", message));
    }
    let keys = gateway.store.keys(tenant).await?;
    if let Some(key) = keys.iter().find(|key| key.id == *id) {
        let mut scopes = key.scopes.iter();
        if let Some(scope) = scopes.find(|scope| !most.scopes.contains(**scope)) {
            return Err(ApiError::permission_denied(scope.as_str()));
        }
        if most.cap_fault(key.credit_cap).is_some() {
            return Err(ApiError::beyond_own_cap());
        }
    }
    let secret = mint_key(&*gateway.random);
    let until = gateway
        .store
        .now()
        .plus(i64::from(overlap).saturating_mul(1000));
    let change = KeyChange::Rotate {
        digest: gateway.auth.peppers().digest(&secret),
        until,
    };
    let key = gateway.store.change_key(tenant, id, change, by).await?;
    Ok(minted(&key, secret, StatusCode::OK))
}

/// Deletes a key; it is worth nothing from now on.
pub async fn delete(
    gateway: &Gateway,
    tenant: &TenantId,
    id: &KeyId,
    by: &Actor,
) -> Result<Response, ApiError> {
    gateway.store.delete_key(tenant, id, by).await?;
    Ok(Json(json!({ "object": "key", "id": id, "deleted": true })).into_response())
}
