//! What every handler and worker shares. One `Gateway` a process; cheap to clone.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts as RequestParts;
use evogate_models::address::AddressPolicy;
use evogate_store::{Random, Store};

use crate::auth::Auth;
use crate::background::Background;
use crate::breaker::Breaker;
use crate::config::Config;
use crate::content::Files;
use crate::drain::Drain;
use crate::durability::Watch;
use crate::evolink::EvoLink;
use crate::heal::Matcher;
use crate::load::Load;
use crate::metrics::ledger::Ledger;
use crate::reads::Reads;
use crate::recovery::Recovery;
use crate::shares::Shares;
use crate::token::Tokens;
use crate::webhooks::Vault;

/// See the module.
#[derive(Debug, Clone)]
pub struct Gateway(Arc<Parts>);

/// The parts of a gateway.
#[derive(Debug)]
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// Everything that must survive.
    pub store: Store,
    /// What the store can lose.
    pub durability: Arc<Watch>,
    /// Who may call.
    pub auth: Auth,
    /// The way to EvoLink.
    pub evolink: EvoLink,
    /// Who may submit there now.
    pub shares: Arc<Shares>,
    /// Whether submits go there now.
    pub breaker: Arc<Breaker>,
    /// Callback tokens; none without a `public_url`.
    pub tokens: Option<Tokens>,
    /// Whether the store went back in time, and what is done about it.
    pub recovery: Recovery,
    /// Clients' reads of tasks.
    pub reads: Reads,
    /// What is known of EvoLink's own list of tasks.
    pub matcher: Matcher,
    /// The way to finished results.
    pub files: Files,
    /// Where tenants' webhooks may go.
    pub targets: Arc<AddressPolicy>,
    /// What seals the secrets that sign webhooks.
    pub vault: Vault,
    /// What is under way.
    pub load: Arc<Load>,
    /// Whether this replica is on its way out.
    pub drain: Arc<Drain>,
    /// What the continuous check of the ledger knows.
    pub ledger: Ledger,
    /// Work that no request carries.
    pub background: Background,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

impl From<Parts> for Gateway {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for Gateway {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRequestParts<Self> for Gateway {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        _: &mut RequestParts,
        gateway: &Self,
    ) -> Result<Self, Self::Rejection> {
        Ok(gateway.clone())
    }
}
