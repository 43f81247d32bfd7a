//! The admins' routes: tenants, quotas, grants, keys, the ledger's proof, reports, unknown submits. One
//! file a subject.

pub mod admins;
pub mod audit;
pub mod grants;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod quota;
pub mod reports;
pub mod tenants;
pub mod unknown;
pub mod webhooks;

mod query;

use axum::extract::{FromRequestParts, Path, Request};
use axum::http::request::Parts;
use evogate_models::{Fault, KeyId, TenantId, Timestamp};
use evogate_store::Actor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::auth::Admin;
use crate::body;
use crate::client_address::ClientAddress;
use crate::context::Context;
use crate::error::ApiError;
use crate::state::Gateway;

pub use query::{Cursor, Paged};

/// The largest body of an admin's request, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// The longest name or note, in characters.
pub(crate) const MAX_TEXT: usize = 200;

/// The tenant that the path names. A text that can't be a tenant's id is no tenant.
#[derive(Debug, Clone)]
pub struct TenantPath(pub TenantId);

impl FromRequestParts<Gateway> for TenantPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, gateway).await;
        let id = path.ok().and_then(|path| path.0.parse().ok());
        id.map(Self).ok_or_else(ApiError::tenant_not_found)
    }
}

/// The tenant and the key that the path names.
#[derive(Debug, Clone)]
pub struct KeyPath(pub TenantId, pub KeyId);

impl FromRequestParts<Gateway> for KeyPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, gateway).await;
        let (tenant, key) = path.map_err(|_| ApiError::route_not_found())?.0;
        let tenant = tenant.parse().map_err(|_| ApiError::tenant_not_found())?;
        Ok(Self(
            tenant,
            key.parse().map_err(|_| ApiError::key_not_found())?,
        ))
    }
}

/// Where a change comes from, for the audit trail.
#[derive(Debug, Clone)]
pub struct By {
    from: Option<String>,
    request_id: String,
}

impl FromRequestParts<Gateway> for By {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let context = Context::from_request_parts(parts, gateway)
            .await
            .unwrap_or_else(|never| match never {});
        let from = ClientAddress::of(parts, &gateway.config.listen.trusted_proxies);
        Ok(Self {
            from: Some(from.to_string()),
            request_id: context.request_id().to_owned(),
        })
    }
}

impl By {
    /// The change is by `admin`.
    pub fn actor(self, admin: &Admin) -> Actor {
        self.named(admin.name.clone())
    }

    /// The change is by whoever has this name.
    pub fn named(self, who: String) -> Actor {
        Actor {
            who,
            from: self.from,
            request_id: Some(self.request_id),
        }
    }
}

/// The request's body as JSON. Fields that we don't know are refused: an admin's typing error must
/// not be a silent default.
pub(crate) async fn json<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    parse(&body::read(request, MAX_BODY).await?)
}

/// The same where a request without a body means one with nothing in it.
pub(crate) async fn json_or_nothing<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    let bytes = body::read(request, MAX_BODY).await?;
    parse(if bytes.is_empty() { b"{}" } else { &bytes })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let fault = |message: String| ApiError::faults(vec![Fault::json(message)]);
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| fault(format!("The request body is not valid JSON: {error}")))?;
    if !value.is_object() {
        return Err(fault("The request body must be a JSON object".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| ApiError::invalid("body", error.to_string()))
}

/// A name or a note: not blank, not long, no control characters.
pub(crate) fn text(param: &str, text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let length = text.chars().count();
    if !(1..=MAX_TEXT).contains(&length) || text.chars().any(char::is_control) {
        let message = format!("{param} must have 1 to {MAX_TEXT} characters, none of them control");
        return Err(ApiError::invalid(param, message));
    }
    Ok(text.to_owned())
}

/// A record whose `at` people read.
fn with_time(record: &impl Serialize, at: Timestamp) -> Result<Value, serde_json::Error> {
    let mut shown = serde_json::to_value(record)?;
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("at".to_owned(), time(at).into());
    }
    Ok(shown)
}

/// A time as people read it.
pub(crate) fn time(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.millis());
    at.map_or_else(
        |_| String::new(),
        |at| at.strftime("%FT%T%.3fZ").to_string(),
    )
}
