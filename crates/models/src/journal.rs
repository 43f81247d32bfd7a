//! The journal: every change of a tenant's account, append-only, and the proof that it tells the
//! same as the account.
//!
//! Old entries leave from the front, into the [`Opening`]: the account and the open holds as they were
//! after the last entry that left. Numbering goes on, and [`Rebuilt`] starts from the opening, so that
//! what is proven stays the same. When an entry may leave, [`crate::retention`] says.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::{Credits, TaskId, Timestamp};

/// What an entry does to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Posting {
    /// An admin granted credits (or took some back, when negative).
    #[n(0)]
    Granted {
        /// More (or less) of `granted` and `available`.
        #[n(0)]
        amount: Credits,
    },
    /// A task's hold was taken.
    #[n(1)]
    Held {
        /// The estimate.
        #[n(0)]
        amount: Credits,
    },
    /// A task's hold moved to what EvoLink reserved.
    #[n(2)]
    Moved {
        /// The hold before.
        #[n(0)]
        from: Credits,
        /// The hold from now on.
        #[n(1)]
        to: Credits,
    },
    /// A task ended and is paid.
    #[n(3)]
    Settled {
        /// What the tenant pays.
        #[n(0)]
        charged: Credits,
        /// The rest of the hold, given back.
        #[n(1)]
        released: Credits,
    },
    /// A task ended and is not paid.
    #[n(4)]
    Released {
        /// The whole hold, given back.
        #[n(0)]
        amount: Credits,
    },
}

/// A journal entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The tenant's own count of entries, from 1, without gaps.
    pub seq: u64,
    /// When, on the store's clock.
    pub at: Timestamp,
    /// What it did.
    #[serde(flatten)]
    pub posting: Posting,
    /// The task that it was for; grants have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The admin's note on a grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What the entries that have left come to: where the journal that is kept begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Opening {
    /// The number of the last entry that has left; the first that is kept has the next one.
    pub seq: u64,
    /// That entry's time.
    pub at: Timestamp,
    /// The four sums after that entry.
    pub account: Account,
    /// The holds that were open after that entry, task by task. What each of them came to is in the
    /// entries that are kept, or the task is still open.
    pub holds: BTreeMap<TaskId, Credits>,
}

impl Opening {
    /// Takes the next entry in. One that no correct journal contains is not taken, with the reason: an
    /// opening never hides what [`Rebuilt`] would find.
    pub fn take_in(&mut self, entry: &Entry) -> Result<(), String> {
        let at = self.at;
        let mut rebuilt = Rebuilt::from(std::mem::take(self));
        let fault = rebuilt.fault(entry);
        if fault.is_none() {
            rebuilt.apply(entry);
        }
        *self = Self {
            seq: rebuilt.seq,
            at: if fault.is_none() { entry.at } else { at },
            account: rebuilt.account,
            holds: rebuilt.holds,
        };
        fault.map_or(Ok(()), Err)
    }
}

/// A tenant's account as its journal tells it.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// The four sums.
    pub account: Account,
    /// The open holds, task by task.
    pub holds: BTreeMap<TaskId, Credits>,
    /// What each settled task paid.
    pub charges: BTreeMap<TaskId, Credits>,
    /// The last entry's number.
    pub seq: u64,
    ended: BTreeSet<TaskId>,
    /// What no correct journal contains, in words.
    pub violations: Vec<String>,
}

impl From<Opening> for Rebuilt {
    fn from(opening: Opening) -> Self {
        Self {
            account: opening.account,
            holds: opening.holds,
            seq: opening.seq,
            ..Self::default()
        }
    }
}

impl Rebuilt {
    /// Reads the next entry; a wrong one is noted and read all the same.
    pub fn read(&mut self, entry: &Entry) {
        self.violations.extend(self.fault(entry));
        self.apply(entry);
    }

    /// What is wrong with the next entry, in words.
    fn fault(&self, entry: &Entry) -> Option<String> {
        let expected = self.seq.saturating_add(1);
        if entry.seq != expected {
            return Some(format!("entry {} where {expected} was due", entry.seq));
        }
        if let Err(error) = self.account.post(&entry.posting) {
            return Some(format!("entry {}: {error}", entry.seq));
        }
        let task = entry.task.as_ref()?;
        let wrong = self.wrong(&entry.posting, task)?;
        Some(format!("entry {} ({task}): {wrong}", entry.seq))
    }

    /// Does one task's hold go its way: taken once, moved while open, ended once?
    fn wrong(&self, posting: &Posting, task: &TaskId) -> Option<&'static str> {
        let open = self.holds.get(task).copied();
        match *posting {
            Posting::Granted { .. } => Some("a grant that names a task"),
            Posting::Held { .. } => {
                (open.is_some() || self.ended.contains(task)).then_some("a second hold of one task")
            }
            Posting::Moved { from, .. } => {
                (open != Some(from)).then_some("a move of a hold that was not there")
            }
            Posting::Settled { charged, released } => (open.is_none()
                || open != charged.checked_add(released))
            .then_some("a settlement of a hold that was not there"),
            Posting::Released { amount } => {
                (open != Some(amount)).then_some("a release of a hold that was not there")
            }
        }
    }

    fn apply(&mut self, entry: &Entry) {
        self.seq = entry.seq;
        self.account = self.account.post(&entry.posting).unwrap_or(self.account);
        let Some(task) = &entry.task else { return };
        match entry.posting {
            Posting::Granted { .. } => {}
            Posting::Held { amount } => {
                self.holds.insert(task.clone(), amount);
            }
            Posting::Moved { to, .. } => {
                self.holds.insert(task.clone(), to);
            }
            Posting::Settled { charged, .. } => {
                self.end(task);
                self.charges.insert(task.clone(), charged);
            }
            Posting::Released { .. } => self.end(task),
        }
    }

    fn end(&mut self, task: &TaskId) {
        self.holds.remove(task);
        self.ended.insert(task.clone());
    }

    /// Compares with what the store keeps: the account, its number of entries, and the open hold of
    /// every task. Answers what differs, in words.
    pub fn compare(
        mut self,
        account: &Account,
        seq: u64,
        holds: &BTreeMap<TaskId, Credits>,
    ) -> Vec<String> {
        let mut violations = std::mem::take(&mut self.violations);
        let mut differs = |what: &str, journal: Credits, stored: Credits| {
            if journal != stored {
                violations.push(format!("{what} is {stored}, the journal says {journal}"));
            }
        };
        differs("granted", self.account.granted, account.granted);
        differs("available", self.account.available, account.available);
        differs("held", self.account.held, account.held);
        differs("spent", self.account.spent, account.spent);
        differs(
            "the sum of the open holds",
            self.account.held,
            holds.values().copied().sum(),
        );
        if self.seq != seq {
            violations.push(format!(
                "{seq} entries are counted, the journal ends with {}",
                self.seq
            ));
        }
        if !account.balances() {
            violations.push("granted is not available + held + spent".to_owned());
        }
        for (task, amount) in holds {
            if self.holds.get(task) != Some(amount) {
                violations.push(format!(
                    "{task} holds {amount}, which the journal does not say"
                ));
            }
        }
        for task in self.holds.keys().filter(|task| !holds.contains_key(*task)) {
            violations.push(format!("{task} holds nothing, the journal says it does"));
        }
        violations
    }
}

#[cfg(test)]
mod tests;
