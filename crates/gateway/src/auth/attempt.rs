//! One try to authenticate: what goes before it, and what comes of it.
//!
//! The answer to every failure is the same; the log and a metric say why.

use axum::http::request::Parts;

use super::failure::{AuthError, Reason};
use super::presented::Presented;
use crate::client_address::ClientAddress;
use crate::context::Context;
use crate::error::ApiError;
use crate::metrics::{AUTH_FAILURES, RATE_LIMITED};
use crate::state::Gateway;

pub(super) struct Attempt<'a> {
    /// What is to be judged.
    pub(super) presented: Presented<'a>,
    /// The request.
    pub(super) context: Context,
    client: ClientAddress,
    gateway: &'a Gateway,
}

impl<'a> Attempt<'a> {
    /// Takes the credential from the headers, unless the client's address has failed too often. A
    /// credential that was good a short while ago does not wait for others behind the same address.
    pub(super) fn begin(parts: &'a Parts, gateway: &'a Gateway) -> Result<Self, ApiError> {
        let client = ClientAddress::of(parts, &gateway.config.listen.trusted_proxies);
        let context = Context::of_request(parts);
        let failures = &gateway.auth.failures;
        let presented = Presented::of(&parts.headers);
        let print = presented.as_ref().ok().map(|presented| presented.print);
        if let Err(wait) = failures.may_try(client, print.as_ref()) {
            count(Reason::Limited);
            RATE_LIMITED.one(["address"]);
            tracing::debug!(request_id = context.request_id(), %client,
                "not authenticated: too many failures");
            return Err(ApiError::rate_limited(wait));
        }
        match presented {
            Ok(presented) => Ok(Self {
                presented,
                context,
                client,
                gateway,
            }),
            Err(reason) => Err(fail(gateway, &context, client, reason, None)),
        }
    }

    /// The answer to what was found.
    pub(super) fn end<T>(&self, found: Result<T, AuthError>) -> Result<T, ApiError> {
        let failures = &self.gateway.auth.failures;
        match found {
            Ok(found) => {
                failures.was_good(self.presented.print);
                Ok(found)
            }
            Err(AuthError::Failed { reason, issuer }) => {
                failures.was_bad(&self.presented.print);
                let (context, client) = (&self.context, self.client);
                Err(fail(
                    self.gateway,
                    context,
                    client,
                    reason,
                    issuer.as_deref(),
                ))
            }
            Err(AuthError::NoKeys { issuer }) => {
                tracing::warn!(request_id = self.context.request_id(), %issuer,
                    "a token can't be judged: the issuer's keys are not known yet");
                Err(ApiError::identity_unavailable())
            }
            Err(AuthError::Store(error)) => Err(error.into()),
        }
    }
}

fn fail(
    gateway: &Gateway,
    context: &Context,
    client: ClientAddress,
    reason: Reason,
    issuer: Option<&str>,
) -> ApiError {
    count(reason);
    tracing::info!(
        request_id = context.request_id(),
        reason = reason.as_str(),
        issuer,
        %client,
        "authentication failed"
    );
    match gateway.auth.failures.note(client) {
        Ok(()) => ApiError::unauthorized(),
        Err(wait) => {
            RATE_LIMITED.one(["address"]);
            ApiError::rate_limited(wait)
        }
    }
}

fn count(reason: Reason) {
    AUTH_FAILURES.one([reason.as_str()]);
}
