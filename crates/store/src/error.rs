//! Why the store did not do what it was asked.

use evogate_models::account::LedgerError;
use evogate_models::life::LifeError;
use evogate_models::life::submit::HoldError;
use evogate_models::quota::Denied;
use evogate_models::{Credits, TaskId};

use crate::ledger::read::Fault;

/// The store itself failed. Unless it says otherwise, a mutation that failed so changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The engine can't be reached or can't write (disk full, I/O error, closed).
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The engine was asked and gave no answer: a mutation may have been applied, may yet be, or may
    /// not. Asked again with the same operation, it tells.
    #[error("the store did not answer: {0}")]
    Unanswered(String),
    /// Redis refused the call itself: a bug, or somebody else's data under our keys. Scripts check
    /// before they write, so that nothing of it was applied.
    #[error("the store refused: {code} {message}")]
    Refused {
        /// The first word of the reply, in capitals: `ERR`, `WRONGTYPE`, or a script's own.
        code: String,
        /// The rest of the reply.
        message: String,
    },
    /// A record can't be read: a bug, a damaged file, or a file of a newer version.
    #[error("the store holds a record that can't be read: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Every name that [`StoreError::name`] gives.
    pub const NAMES: [&str; 4] = ["unavailable", "unanswered", "refused", "corrupt"];

    /// Its kind, for metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Unanswered(_) => "unanswered",
            Self::Refused { .. } => "refused",
            Self::Corrupt(_) => "corrupt",
        }
    }
}

/// Why a submit did not get its hold.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// No such tenant.
    #[error("no such tenant")]
    NoTenant,
    /// The tenant is suspended.
    #[error("the tenant is suspended")]
    Suspended,
    /// The idempotency key was used with another request.
    #[error("the idempotency key was used with another request")]
    KeyMismatch,
    /// The caller said that nothing new may be made now, and the request is not a repeat.
    #[error("nothing new is taken at the moment")]
    NotNow,
    /// The tenant was changed since the caller looked: look again, then ask again.
    #[error("the tenant was changed meanwhile")]
    StalePolicy,
    /// The key was taken away or has run out.
    #[error("the key is gone")]
    NoKey,
    /// The quota or the balance does not admit it.
    #[error("the quota does not admit it: {denied:?}")]
    Denied {
        /// Which limit.
        denied: Denied,
        /// The estimate.
        required: Credits,
    },
    /// A task of that id exists (the ids are random: try another).
    #[error("{0} exists")]
    Exists(TaskId),
    /// The rule of holds refused.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a task did not move on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// The tenant has no such task.
    #[error("no such task")]
    NoTask,
    /// EvoLink's task belongs to another task of ours (invariant 12).
    #[error("EvoLink's task belongs to another task")]
    Claimed,
    /// The rules refused.
    #[error(transparent)]
    Life(#[from] LifeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a tenant, a key, a grant or an endpoint was not made or changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    /// No such tenant.
    #[error("no such tenant")]
    NoTenant,
    /// No such key.
    #[error("no such key")]
    NoKey,
    /// No such endpoint.
    #[error("no such endpoint")]
    NoEndpoint,
    /// The endpoint is disabled: nothing is sent to it.
    #[error("the endpoint is disabled")]
    Disabled,
    /// No such delivery.
    #[error("no such delivery")]
    NoDelivery,
    /// The tenant has as many as it may have.
    #[error("there are as many as there may be")]
    TooMany,
    /// It exists already.
    #[error("it exists already")]
    Exists,
    /// The admin's idempotency key was used with another grant.
    #[error("the idempotency key was used with another grant")]
    KeyMismatch,
    /// The account can't take the entry, or the tenant does not have what is to be taken back.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an import was not taken, or broke off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The store has a tenant.
    #[error("the store is not empty: it has tenants")]
    NotEmpty,
    /// An import is going on, or one broke off.
    #[error("an import is going on, or one broke off")]
    BrokenOff,
    /// A line that can't be taken.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Something of a tenant's is somebody else's already.
    #[error("{0}")]
    Taken(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An error that is either the store's own or a refusal by the rules.
pub(crate) trait Refusal: Sized {
    /// The store's own failure apart from a refusal.
    fn split(self) -> Result<Self, StoreError>;
}

macro_rules! refusal {
    ($($error:ident),*) => {
        $(impl Refusal for $error {
            fn split(self) -> Result<Self, StoreError> {
                match self {
                    Self::Store(error) => Err(error),
                    refusal => Ok(refusal),
                }
            }
        })*
    };
}

refusal!(SubmitError, TurnError, TenantError, ImportError);

/// Inside a transaction a store error fails the transaction, while a refusal is an answer.
pub(crate) fn refusals_are_answers<T, E: Refusal>(
    result: Result<T, E>,
) -> Result<Result<T, E>, StoreError> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(error) => error.split().map(Err),
    }
}
