//! What a submit meets: the tenant, and the counters of all limits that concern it. Submits are judged by it
//! in the step that takes the hold, estimates by a look that takes nothing.

use evogate_models::account::Account;
use evogate_models::quota::{Admission, Demand, Rate, Usage, Windows, admit};
use evogate_models::task::Spec;
use evogate_models::{Credits, Timestamp};

use crate::error::SubmitError;
use crate::record::{KeyRecord, Tenant};

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Prospect {
    /// The tenant.
    pub tenant: Tenant,
    /// Its account.
    pub account: Account,
    /// Its unfinished tasks.
    pub in_flight: u32,
    /// The state of its rate of submits.
    pub rate: Rate,
    /// What its windows have counted.
    pub usage: Usage,
    /// What the user's have, where the credential names one.
    pub user: Option<Usage>,
    /// The key and what its windows have counted, where the credential is one. No record: it is gone.
    pub key: Option<(Option<KeyRecord>, Usage)>,
}

impl Prospect {
    /// Would a submit of `spec` for `amount` be given its hold at `now`? Counts nothing.
    pub fn judge(
        &self,
        spec: &Spec,
        amount: Credits,
        windows: &Windows,
        now: Timestamp,
    ) -> Result<Admission, SubmitError> {
        if self.tenant.suspended {
            return Err(SubmitError::Suspended);
        }
        let key = match &self.key {
            None => None,
            // Taken away or run out since it was looked at.
            Some((record, usage)) => {
                let record = record.as_ref().filter(|key| key.is_live(now));
                let cap = record.ok_or(SubmitError::NoKey)?.credit_cap;
                Some((*usage, cap))
            }
        };
        let demand = Demand {
            amount,
            model: &spec.model,
            duration: spec.duration,
            quality: spec.quality.as_deref(),
            starts: windows.at(now),
            in_flight: self.in_flight,
            rate: self.rate,
            tenant: self.usage,
            user: self.user,
            key,
        };
        admit(&self.tenant.quota, &self.account, &demand, now).map_err(|denied| {
            SubmitError::Denied {
                denied,
                required: amount,
            }
        })
    }
}
