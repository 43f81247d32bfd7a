//! The journal: every change of a tenant's account, append-only, and the proof that it tells the
//! same as the account.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::{Credits, TaskId, Timestamp};

/// What an entry does to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Posting {
    /// An admin granted credits (or took some back, when negative).
    Granted {
        /// More (or less) of `granted` and `available`.
        amount: Credits,
    },
    /// A task's hold was taken.
    Held {
        /// The estimate.
        amount: Credits,
    },
    /// A task's hold moved to what EvoLink reserved.
    Moved {
        /// The hold before.
        from: Credits,
        /// The hold from now on.
        to: Credits,
    },
    /// A task ended and is paid.
    Settled {
        /// What the tenant pays.
        charged: Credits,
        /// The rest of the hold, given back.
        released: Credits,
    },
    /// A task ended and is not paid.
    Released {
        /// The whole hold, given back.
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
    ended: BTreeMap<TaskId, Timestamp>,
    /// What no correct journal contains, in words.
    pub violations: Vec<String>,
}

impl Rebuilt {
    /// Reads the next entry; a wrong one is noted and read all the same.
    pub fn read(&mut self, entry: &Entry) {
        let expected = self.seq.saturating_add(1);
        if entry.seq != expected {
            self.violations
                .push(format!("entry {} where {expected} was due", entry.seq));
        }
        self.seq = entry.seq;
        match self.account.post(&entry.posting) {
            Ok(account) => self.account = account,
            Err(error) => self
                .violations
                .push(format!("entry {}: {error}", entry.seq)),
        }
        if let Some(task) = &entry.task {
            self.follow(entry, task);
        }
    }

    /// Follows one task's hold: taken once, moved while open, ended once.
    fn follow(&mut self, entry: &Entry, task: &TaskId) {
        let open = self.holds.get(task).copied();
        let wrong = match entry.posting {
            Posting::Granted { .. } => Some("a grant that names a task"),
            Posting::Held { amount } => {
                self.holds.insert(task.clone(), amount);
                if open.is_some() || self.ended.contains_key(task) {
                    Some("a second hold of one task")
                } else {
                    None
                }
            }
            Posting::Moved { from, to } => {
                self.holds.insert(task.clone(), to);
                (open != Some(from)).then_some("a move of a hold that was not there")
            }
            Posting::Settled { charged, released } => {
                self.end(task, entry.at);
                self.charges.insert(task.clone(), charged);
                (open.is_none() || open != charged.checked_add(released))
                    .then_some("a settlement of a hold that was not there")
            }
            Posting::Released { amount } => {
                self.end(task, entry.at);
                (open != Some(amount)).then_some("a release of a hold that was not there")
            }
        };
        if let Some(wrong) = wrong {
            self.violations
                .push(format!("entry {} ({task}): {wrong}", entry.seq));
        }
    }

    fn end(&mut self, task: &TaskId, at: Timestamp) {
        self.holds.remove(task);
        self.ended.insert(task.clone(), at);
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
                "{seq} entries are counted, the journal has {}",
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
