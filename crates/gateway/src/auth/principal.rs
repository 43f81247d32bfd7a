//! Who a good credential belongs to, and what it may do.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use evogate_models::task::Author;
use evogate_models::{Credits, KeyId, TenantId};
use evogate_store::{KeyRecord, Role};

use super::attempt::Attempt;
use super::failure::{AuthError, Reason};
use super::key::Found;
use super::scope::{Needed, Scope, Scopes};
use crate::context::Context;
use crate::error::ApiError;
use crate::load::{Kind, TenantPlace};
use crate::state::Gateway;

/// An authenticated tenant. A handler that takes one runs for every credential of the tenant's; one that
/// takes a [`Scoped`] only for those that are good for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The tenant.
    pub tenant: TenantId,
    /// By what it was recognised.
    pub credential: Credential,
    /// The tenant's user, where the credential names one.
    pub user: Option<String>,
    /// What the credential is good for.
    pub scopes: Scopes,
    /// What may ever be spent and held with it; a token has no cap.
    pub credit_cap: Option<Credits>,
}

/// A name for the credential, and no secret: always the same for one key, and for all tokens of one user.
/// Shown in logs, and part of what makes two requests the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A key that was minted here.
    Key(KeyId),
    /// A token of an identity provider.
    Token {
        /// The provider's name in the settings.
        issuer: Arc<str>,
        /// Whom the token is about.
        subject: Arc<str>,
    },
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::Token { issuer, subject } => write!(f, "jwt:{issuer}:{subject}"),
        }
    }
}

impl Principal {
    /// The principal of a key that was minted here.
    pub fn of_key(key: KeyRecord) -> Self {
        Self {
            tenant: key.tenant,
            credential: Credential::Key(key.id),
            user: key.user,
            scopes: key.scopes.into_iter().collect(),
            credit_cap: key.credit_cap,
        }
    }

    /// Who submits, as tasks remember it.
    pub fn author(&self) -> Author {
        let key = match &self.credential {
            Credential::Key(id) => Some(id.clone()),
            Credential::Token { .. } => None,
        };
        Author {
            key,
            user: self.user.clone(),
        }
    }

    /// Is the credential good for what `N` needs?
    pub fn may<N: Needed>(&self) -> Result<(), ApiError> {
        if N::is_met_by(self.scopes) {
            return Ok(());
        }
        let scope = N::SCOPE;
        tracing::info!(tenant = %self.tenant, credential = %self.credential, %scope,
            "permission denied");
        Err(ApiError::permission_denied(scope.as_str()))
    }
}

/// A principal whose credential is good for the scope `N`: `Scoped<Read>` in a handler's signature.
/// It has its place among its tenant's requests until it is dropped.
#[derive(Debug)]
pub struct Scoped<N> {
    principal: Principal,
    place: TenantPlace,
    scope: PhantomData<N>,
}

impl<N> Scoped<N> {
    /// The place alone, for an answer that goes on when its handler has ended.
    pub fn into_place(self) -> TenantPlace {
        self.place
    }
}

impl<N> Deref for Scoped<N> {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

/// An admin who may change things.
#[derive(Debug, Clone)]
pub struct Admin {
    /// The admin's name, for the audit trail.
    pub name: String,
}

/// An admin who may look, whatever else.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// The admin's name.
    pub name: String,
    role: Role,
}

impl FromRequestParts<Gateway> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let attempt = Attempt::begin(parts, gateway)?;
        let recent = gateway.auth.recent(&gateway.store, &attempt.presented);
        if let Some(principal) = recent {
            attempt.context.set_caller(&principal);
            return Ok(principal);
        }
        let found = gateway
            .auth
            .tenant(&gateway.store, &attempt.presented)
            .await;
        let principal = attempt.end(found)?;
        attempt.context.set_caller(&principal);
        Ok(principal)
    }
}

impl<N: Needed> FromRequestParts<Gateway> for Scoped<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let principal = Principal::from_request_parts(parts, gateway).await?;
        principal.may::<N>()?;
        let load = &gateway.load;
        let tenant = load.tenant(&principal.tenant);
        let place = load.enter_as(&tenant, Kind::of(&parts.method, parts.uri.path()))?;
        Context::of_request(parts).set_load(load, tenant);
        if N::SCOPE == Scope::Read {
            gateway
                .auth
                .may_read(&gateway.store, &principal.tenant)
                .await?;
        }
        Ok(Self {
            principal,
            place,
            scope: PhantomData,
        })
    }
}

impl FromRequestParts<Gateway> for Viewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let attempt = Attempt::begin(parts, gateway)?;
        let key = gateway.config.admin.bootstrap_key.as_ref();
        let found = if key.is_some_and(|key| key.matches(attempt.presented.text)) {
            Ok(Self {
                name: "bootstrap".to_owned(),
                role: Role::Admin,
            })
        } else {
            let peppers = gateway.auth.peppers();
            let found = peppers
                .find_admin(&gateway.store, attempt.presented.text)
                .await;
            match found {
                Ok(Some(Found { record, .. })) => Ok(Self {
                    name: record.name,
                    role: record.role,
                }),
                Ok(None) => Err(AuthError::from(Reason::AdminKey)),
                Err(error) => Err(AuthError::from(error)),
            }
        };
        attempt.end(found)
    }
}

impl FromRequestParts<Gateway> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, ApiError> {
        let viewer = Viewer::from_request_parts(parts, gateway).await?;
        match viewer.role {
            Role::Admin => Ok(Self { name: viewer.name }),
            Role::Viewer => Err(ApiError::permission_denied("admin")),
        }
    }
}
