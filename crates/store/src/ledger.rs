//! The books as lines of text: what an export is made of, and an import reads.
//!
//! An export is a header, then tenant after tenant, then the admins, then a trailer. A tenant begins with
//! [`Line::Tenant`] and is whole with its [`Line::Account`]; all between belongs to the account at that one
//! number of the journal. Tenants go on working meanwhile: a task that comes twice counts as it came last,
//! and after [`Line::Again`] the tenant's lines before don't count.
//!
//! What must hold: what was cut, damaged or put together by hand is never imported as if it were books
//! ([`read`]); nothing is written over anything ([`import`]).

pub mod export;
pub mod import;
pub mod read;

use std::collections::BTreeMap;

use evogate_models::account::Account;
use evogate_models::endpoint::Endpoint;
use evogate_models::idempotency;
use evogate_models::journal::{Entry, Opening, Rebuilt};
use evogate_models::note::Note;
use evogate_models::quota::{Rate, Usage};
use evogate_models::retention::Departed;
use evogate_models::task::Task;
use evogate_models::{Credits, TaskId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::admin::{AdminRecord, GrantRecord};
use crate::census::OpenTasks;
use crate::record::{KeyRecord, Tenant};
use crate::usage::{Day, SeenUser, Sums};

/// What an export calls itself.
pub const FORMAT: &str = "evogate-ledger";
/// The version of the lines. An import takes only this one.
pub const VERSION: u32 = 1;

/// One line of an export: `{"record":"…","data":{…}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", content = "data", rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Header(Header),
    /// The beginning of a tenant: name, quota, secrets as they are stored.
    Tenant(Tenant),
    /// A key of the tenant's: the digests, never the secrets.
    Key(KeyRecord),
    /// An endpoint of the tenant's, with its secrets as they are stored.
    Endpoint(Endpoint),
    /// A task with its timeline.
    Task(Box<TaskRecord>),
    /// A grant that was made under an admin's idempotency key.
    Grant(GrantKey),
    /// What the windows of one of the tenant's users or keys have counted.
    Usage(Counted),
    /// Sums of one day.
    Day(DaySums),
    /// A user that was seen.
    User(SeenUser),
    /// What the entries that have left the journal come to.
    Opening(Opening),
    /// An entry of the journal.
    Entry(Entry),
    /// The tenant moved on too far: it begins anew after this line, its keys and endpoints included.
    Again,
    /// The tenant's account, which makes the tenant whole.
    Account(Standing),
    /// An admin's key.
    Admin(AdminRecord),
    /// The last line: without it the file was cut.
    Trailer(Trailer),
}

/// What an export says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// When it was begun, on the store's clock.
    pub at: Timestamp,
    /// The engine that it comes from: `embedded` or `redis`.
    pub engine: String,
    /// How many tenants there were then.
    pub tenants: u64,
    /// How many admins there were then.
    pub admins: u64,
}

/// A task with all that goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// The task.
    pub task: Task,
    /// Its timeline.
    pub notes: Vec<Note>,
    /// What is kept under its client's idempotency key, where that leads to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<idempotency::KeyRecord>,
}

/// A grant by the admin's idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantKey {
    /// The key.
    pub key: String,
    /// What was granted under it.
    pub grant: GrantRecord,
}

/// What the windows of a user (`u:…`) or a key (`k:…`) have counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Whose.
    pub name: String,
    /// How much.
    pub usage: Usage,
}

/// What one user did with one key and one model on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaySums {
    /// The day.
    pub day: Day,
    /// User, key and model, as the store puts them together.
    pub name: String,
    /// The sums.
    pub sums: Sums,
}

/// A tenant's account with what is counted beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whose.
    pub tenant: TenantId,
    /// The four sums.
    pub account: Account,
    /// The number of the last entry of the journal.
    pub seq: u64,
    /// The state of its rate of submits.
    pub rate: Rate,
    /// What its windows have counted.
    pub usage: Usage,
    /// What its tasks that have left come to.
    pub departed: Departed,
    /// Was the tenant told that its balance is low?
    pub low: bool,
    /// What was given back of its holds, ever.
    #[serde(default)]
    pub refunded: Credits,
}

/// How many lines of each kind there are, all lines of a kind counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Tenants.
    pub tenants: u64,
    /// Keys.
    pub keys: u64,
    /// Endpoints.
    pub endpoints: u64,
    /// Tasks.
    pub tasks: u64,
    /// Entries of journals.
    pub entries: u64,
    /// Admins.
    pub admins: u64,
    /// All lines, the header included and the trailer not.
    pub lines: u64,
}

impl Counts {
    fn count(&mut self, line: &Line) {
        let kind = match line {
            Line::Tenant(_) => Some(&mut self.tenants),
            Line::Key(_) => Some(&mut self.keys),
            Line::Endpoint(_) => Some(&mut self.endpoints),
            Line::Task(_) => Some(&mut self.tasks),
            Line::Entry(_) => Some(&mut self.entries),
            Line::Admin(_) => Some(&mut self.admins),
            _ => None,
        };
        if let Some(kind) = kind {
            *kind = kind.saturating_add(1);
        }
        self.lines = self.lines.saturating_add(1);
    }
}

/// What an export says last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trailer {
    /// The lines before.
    pub counts: Counts,
    /// Each tenant's four sums.
    pub accounts: BTreeMap<TenantId, Account>,
}

/// All that is one tenant's, at one number of its journal.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantBooks {
    /// The tenant.
    pub tenant: Tenant,
    /// Its account.
    pub standing: Standing,
    /// Its keys.
    pub keys: Vec<KeyRecord>,
    /// Its endpoints.
    pub endpoints: Vec<Endpoint>,
    /// What the entries that have left the journal come to.
    pub opening: Option<Opening>,
    /// The journal.
    pub entries: Vec<Entry>,
    /// Its tasks.
    pub tasks: BTreeMap<TaskId, TaskRecord>,
    /// Grants by idempotency key.
    pub grants: Vec<GrantKey>,
    /// What the windows of its users and keys have counted.
    pub usage: Vec<Counted>,
    /// Sums by day.
    pub days: Vec<DaySums>,
    /// The users that were seen.
    pub users: Vec<SeenUser>,
}

impl TenantBooks {
    /// How many of its tasks are unfinished.
    pub(crate) fn in_flight(&self) -> u32 {
        let open = self.open().count();
        u32::try_from(open).unwrap_or(u32::MAX)
    }

    /// Its unfinished tasks by state.
    pub(crate) fn open_tasks(&self) -> OpenTasks {
        self.open()
            .fold(OpenTasks::default(), |open, task| open.moved(None, task))
    }

    fn open(&self) -> impl Iterator<Item = &Task> {
        let tasks = self.tasks.values().map(|record| &record.task);
        tasks.filter(|task| !task.state.is_ended())
    }

    /// Do journal, account and tasks tell the same, and is it all this tenant's? Otherwise what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let id = &self.tenant.id;
        let foreign = self.standing.tenant != *id
            || self.keys.iter().any(|key| key.tenant != *id)
            || self.endpoints.iter().any(|endpoint| endpoint.tenant != *id)
            || self.tasks.values().any(|record| record.task.tenant != *id);
        if foreign {
            return Err("it has records of another tenant".to_owned());
        }
        let mut rebuilt = Rebuilt::from(self.opening.clone().unwrap_or_default());
        for entry in &self.entries {
            rebuilt.read(entry);
        }
        let mut paid = Some(self.standing.departed.charged);
        for record in self.tasks.values() {
            let task = &record.task;
            let charged = rebuilt.charges.get(&task.id).copied().unwrap_or_default();
            if charged != task.charged {
                return Err(format!(
                    "{} was charged {}, the journal says {charged}",
                    task.id, task.charged
                ));
            }
            paid = paid.and_then(|paid| paid.checked_add(task.charged));
        }
        let spent = self.standing.account.spent;
        if paid != Some(spent) {
            return Err(format!(
                "its tasks were not charged the {spent} that are spent"
            ));
        }
        let open = self.open().map(|task| (task.id.clone(), task.hold));
        let holds: BTreeMap<TaskId, Credits> = open.collect();
        let wrong = rebuilt.compare(&self.standing.account, self.standing.seq, &holds);
        wrong.into_iter().next().map_or(Ok(()), Err)
    }
}
