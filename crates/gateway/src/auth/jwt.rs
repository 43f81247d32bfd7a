//! Tokens of the company's identity providers: JWTs, judged by RFC 8725.
//!
//! What is cheap is judged before what is dear, and a provider is asked for keys only for a token that is
//! good in every other way. A token that was found good is remembered until it runs out, so that its next
//! use costs no signature check; it is forgotten with the key that signed it.

mod claims;
mod compact;
mod identity;

use std::sync::Arc;
use std::time::Duration;

use evogate_models::Timestamp;
use evogate_store::Clock;
use jsonwebtoken::crypto::{self, aws_lc};
use moka::sync::Cache;

use super::failure::{AuthError, Reason};
use super::jwks::{KeyPrint, KeySource, Missing, NoKey};
use super::presented::{Presented, Print};
use super::principal::Principal;
use crate::background::Background;
use crate::config::Issuer;
use compact::Compact;

/// Tokens that are remembered.
const REMEMBERED: u64 = 50_000;
/// How long after its last use a token is forgotten, also before it runs out.
const IDLE: Duration = Duration::from_hours(1);

/// Judges tokens.
#[derive(Debug)]
pub(super) struct Verifier {
    issuers: Vec<Arc<Trusted>>,
    remembered: Cache<Print, Arc<Remembered>>,
    clock: Arc<dyn Clock>,
    background: Background,
}

/// An issuer, and its keys.
#[derive(Debug)]
struct Trusted {
    config: Issuer,
    name: Arc<str>,
    keys: Arc<KeySource>,
}

/// What is known of a token that was found good.
#[derive(Debug)]
struct Remembered {
    principal: Principal,
    issuer: Arc<Trusted>,
    key: KeyPrint,
    until: Timestamp,
}

impl Verifier {
    /// Trusts `issuers`. Their providers are not asked for keys yet.
    pub(super) fn new(
        issuers: &[Issuer],
        clock: Arc<dyn Clock>,
        background: Background,
    ) -> Result<Self, reqwest::Error> {
        // The first in the process counts, and all are the same.
        let _ = aws_lc::DEFAULT_PROVIDER.install_default();
        let trusted = |config: &Issuer| {
            Ok(Arc::new(Trusted {
                name: config.name.as_str().into(),
                keys: Arc::new(KeySource::new(config, Arc::clone(&clock))?),
                config: config.clone(),
            }))
        };
        Ok(Self {
            issuers: issuers.iter().map(trusted).collect::<Result<_, _>>()?,
            remembered: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_idle(IDLE)
                .build(),
            clock,
            background,
        })
    }

    /// Begins to keep the issuers' keys fresh.
    pub(super) fn start(&self) {
        for issuer in &self.issuers {
            let keys = Arc::clone(&issuer.keys);
            self.background.spawn(keys.run(self.background.clone()));
        }
    }

    /// Grows with the issuers' keys: what was judged by an earlier one may be judged otherwise now.
    pub(super) fn version(&self) -> u64 {
        let issuers = self.issuers.iter();
        issuers.map(|issuer| issuer.keys.version()).sum()
    }

    /// Who presents the token, and until when it is good. Whether the tenant exists is not known here.
    pub(super) async fn judge(
        &self,
        presented: &Presented<'_>,
    ) -> Result<(Principal, Timestamp), AuthError> {
        if let Some(known) = self.recall(&presented.print).await {
            return Ok(known);
        }
        let token = Compact::parse(presented.text)?;
        let issuer = self.issuer(&token)?;
        let failed = |reason| AuthError::Failed {
            reason,
            issuer: Some(Arc::clone(&issuer.name)),
        };
        let (algorithm, kid) = (token.header.algorithm, token.header.kid.as_deref());
        if !issuer.config.algorithms.contains(&algorithm) {
            return Err(failed(Reason::Algorithm));
        }
        let until = claims::check(&token.claims, &issuer.config.audience, self.clock.now());
        let until = until.map_err(failed)?;
        let found = issuer.keys.find(kid, algorithm, &self.background).await;
        let key = found.map_err(|missing| match missing {
            Missing::NoKeys => AuthError::NoKeys {
                issuer: Arc::clone(&issuer.name),
            },
            Missing::Key(NoKey::Misfit) => failed(Reason::Algorithm),
            Missing::Key(NoKey::Absent | NoKey::Ambiguous) => failed(Reason::SigningKey),
        })?;
        let message = token.message.as_bytes();
        let good = crypto::verify(token.signature, message, &key.key, algorithm);
        if !good.unwrap_or(false) {
            return Err(failed(Reason::Signature));
        }
        let principal = identity::principal(
            &token.claims,
            &issuer.config,
            &issuer.name,
            &presented.print,
        );
        let principal = principal.map_err(failed)?;
        let remembered = Remembered {
            principal: principal.clone(),
            issuer: Arc::clone(issuer),
            key: key.print,
            until,
        };
        self.remembered
            .insert(presented.print, Arc::new(remembered));
        Ok((principal, until))
    }

    /// What is remembered of a token that is still good.
    async fn recall(&self, print: &Print) -> Option<(Principal, Timestamp)> {
        let known = self.remembered.get(print)?;
        if self.clock.now() < known.until && known.issuer.keys.holds(&known.key).await {
            return Some((known.principal.clone(), known.until));
        }
        self.remembered.invalidate(print);
        None
    }

    /// The issuer that the token names: a text, and exactly the one that the settings have.
    fn issuer(&self, token: &Compact<'_>) -> Result<&Arc<Trusted>, Reason> {
        let named = token.claims.get("iss").and_then(|iss| iss.as_str());
        let named = named.ok_or(Reason::Issuer)?;
        let mut known = self.issuers.iter();
        known
            .find(|issuer| issuer.config.issuer == named)
            .ok_or(Reason::Issuer)
    }
}
