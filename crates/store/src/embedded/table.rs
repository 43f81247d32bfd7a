//! The tables, and how records become bytes. Keys begin with the tenant, so a tenant's records can
//! only be reached by naming it; records are JSON, so that a newer version can add fields.

use std::fmt::Display;

use evogate_models::{Credits, TaskId, TenantId, Timestamp, UpstreamId};
use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableTable, Table, TableDefinition,
    WriteTransaction,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use evogate_models::account::Account;
use evogate_models::quota::{Rate, Usage};
use evogate_models::retention::Departed;
use evogate_models::task::Task;

use crate::census::OpenTasks;
use crate::error::StoreError;
use crate::rule::is_unbound;

/// A record's bytes.
pub(super) type Bytes = &'static [u8];
/// A tenant, and a name that is the tenant's own.
pub(super) type Owned = (&'static str, &'static str);
/// A time in milliseconds, a tenant, a name: the order in which work is due.
pub(super) type Timed = (i64, &'static str, &'static str);

/// A tenant, a name that is the tenant's own, and a part of that.
pub(super) type Part = (&'static str, &'static str, &'static str);
/// A tenant, a target, a time and an event: the order of a queue.
pub(super) type Queued = (&'static str, &'static str, i64, &'static str);
/// A time, a tenant, and the names of what is the tenant's own: the oldest come first.
pub(super) type Aged = (i64, &'static str, &'static str, &'static str);
/// A lane, a time, a tenant and a target: the order in which queues are due.
pub(super) type Laned = (u8, i64, &'static str, &'static str);

pub(super) const TENANTS: TableDefinition<&str, Bytes> = TableDefinition::new("tenants");
pub(super) const ACCOUNTS: TableDefinition<&str, Bytes> = TableDefinition::new("accounts");
pub(super) const JOURNAL: TableDefinition<(&str, u64), Bytes> = TableDefinition::new("journal");
/// What the entries that have left the journal come to.
pub(super) const OPENINGS: TableDefinition<&str, Bytes> = TableDefinition::new("openings");
pub(super) const KEYS: TableDefinition<Owned, Bytes> = TableDefinition::new("keys");
/// A key's digest to its tenant and id.
pub(super) const DIGESTS: TableDefinition<Bytes, Owned> = TableDefinition::new("digests");
pub(super) const TASKS: TableDefinition<Owned, Bytes> = TableDefinition::new("tasks");
pub(super) const NOTES: TableDefinition<(&str, &str, u32), Bytes> = TableDefinition::new("notes");
/// EvoLink's id to the one task of ours that it belongs to.
pub(super) const UPSTREAMS: TableDefinition<&str, Owned> = TableDefinition::new("upstreams");
pub(super) const IDEMPOTENCY: TableDefinition<Owned, Bytes> = TableDefinition::new("idempotency");
pub(super) const REPEATS: TableDefinition<Owned, Bytes> = TableDefinition::new("repeats");
pub(super) const DUE: TableDefinition<Timed, ()> = TableDefinition::new("due");
/// Tasks that EvoLink may have without our knowing which of its tasks they are.
pub(super) const UNBOUND: TableDefinition<Owned, ()> = TableDefinition::new("unbound");
/// Unfinished tasks by age.
pub(super) const OPEN_TASKS: TableDefinition<Aged, ()> = TableDefinition::new("open_tasks");
/// Tasks whose submit has an unknown outcome, by age.
pub(super) const UNKNOWN_TASKS: TableDefinition<Aged, ()> = TableDefinition::new("unknown_tasks");
/// Tasks whose results run out, by their end.
pub(super) const EXPIRING_TASKS: TableDefinition<Aged, ()> = TableDefinition::new("expiring_tasks");
/// Deliveries that are still to be made, by the age of their events.
pub(super) const OPEN_DELIVERIES: TableDefinition<Aged, ()> =
    TableDefinition::new("open_deliveries");
/// Deliveries that were given up.
pub(super) const DEAD_DELIVERIES: TableDefinition<Aged, ()> =
    TableDefinition::new("dead_deliveries");
pub(super) const ENDPOINTS: TableDefinition<Owned, Bytes> = TableDefinition::new("endpoints");
pub(super) const EVENTS: TableDefinition<Owned, Bytes> = TableDefinition::new("events");
/// By tenant, event and target.
pub(super) const DELIVERIES: TableDefinition<Part, Bytes> =
    TableDefinition::new("event_deliveries");
/// Targets' queues, by tenant and target: those that are not as queues are at first.
pub(super) const QUEUES: TableDefinition<Owned, Bytes> = TableDefinition::new("queues");
/// What waits in a queue: by tenant, target, due time and event.
pub(super) const WAITING: TableDefinition<Queued, ()> = TableDefinition::new("queue_waiting");
/// What of a queue is being sent: by tenant, target, the end of its lease, and event.
pub(super) const SENDING: TableDefinition<Queued, ()> = TableDefinition::new("queue_sending");
/// When queues are due, by lane.
pub(super) const OUTBOX: TableDefinition<Laned, ()> = TableDefinition::new("queues_due");
/// Deliveries in the order of their events' times: by tenant, time, event and target.
pub(super) const HISTORY: TableDefinition<(&str, i64, &str, &str), ()> =
    TableDefinition::new("delivery_history");
/// What the windows of a tenant's users (`u:…`) and keys (`k:…`) have counted.
pub(super) const USAGE: TableDefinition<Owned, Bytes> = TableDefinition::new("usage");
/// Sums by tenant, day, and user, key and model as one text.
pub(super) const DAILY: TableDefinition<(&str, u32, &str), Bytes> = TableDefinition::new("daily");
pub(super) const USERS: TableDefinition<Owned, Bytes> = TableDefinition::new("users");
pub(super) const AUDIT: TableDefinition<u64, Bytes> = TableDefinition::new("audit");
/// Grants by the admin's idempotency key.
pub(super) const GRANTS: TableDefinition<Owned, Bytes> = TableDefinition::new("grants");
pub(super) const ADMINS: TableDefinition<&str, Bytes> = TableDefinition::new("admins");
pub(super) const ADMIN_DIGESTS: TableDefinition<Bytes, &str> =
    TableDefinition::new("admin_digests");
/// Refused submits by time and request id.
pub(super) const REFUSED: TableDefinition<(i64, &str), Bytes> = TableDefinition::new("refused");
pub(super) const META: TableDefinition<&str, i64> = TableDefinition::new("meta");

/// The layout above. A file of another one is refused.
const SCHEMA: i64 = 1;
const SCHEMA_KEY: &str = "schema";
/// The sum of the tasks' losses, also of those that have left, in micro-credits.
pub(super) const LOSS_KEY: &str = "platform_loss";

/// A tenant's account, the number of its last journal entry, what its quota counts, and what its tasks
/// that have left come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct AccountRecord {
    #[serde(flatten)]
    pub(super) account: Account,
    pub(super) seq: u64,
    /// Unfinished tasks.
    #[serde(default)]
    pub(super) in_flight: u32,
    /// The state of its rate of submits.
    #[serde(default)]
    pub(super) rate: Rate,
    /// What its windows have counted.
    #[serde(default)]
    pub(super) usage: Usage,
    /// What its tasks that have left come to.
    #[serde(default)]
    pub(super) departed: Departed,
    /// Was the tenant told that its balance is low?
    #[serde(default)]
    pub(super) low: bool,
    /// Unfinished tasks by state.
    #[serde(default)]
    pub(super) open: OpenTasks,
    /// What was given back of holds.
    #[serde(default)]
    pub(super) refunded: Credits,
}

pub(super) fn unavailable(error: impl Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(super) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// The record under `key`.
pub(super) fn get<'k, K: redb::Key + 'static, T: DeserializeOwned>(
    table: &impl ReadableTable<K, Bytes>,
    key: impl std::borrow::Borrow<K::SelfType<'k>>,
) -> Result<Option<T>, StoreError> {
    let record = table.get(key).map_err(unavailable)?;
    record.map(|bytes| decode(bytes.value())).transpose()
}

/// Opens every table; the tables are fields of [`Write`] and methods of [`Read`].
macro_rules! tables {
    ($($name:ident: $definition:ident, $key:ty, $value:ty;)*) => {
        /// Every table, open for writing in one transaction.
        pub(super) struct Write<'t> {
            $(pub(super) $name: Table<'t, $key, $value>,)*
            /// Has something become due in the outbox?
            pub(super) told: bool,
        }

        impl<'t> Write<'t> {
            pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
                Ok(Self {
                    $($name: transaction.open_table($definition).map_err(unavailable)?,)*
                    told: false,
                })
            }
        }

        impl Read {
            $(#[allow(dead_code, reason = "some tables are only looked into by writers")]
            pub(super) fn $name(&self) -> Result<ReadOnlyTable<$key, $value>, StoreError> {
                self.0.open_table($definition).map_err(unavailable)
            })*
        }
    };
}

/// A snapshot of every table.
pub(super) struct Read(ReadTransaction);

impl Read {
    pub(super) fn new(transaction: ReadTransaction) -> Self {
        Self(transaction)
    }
}

tables! {
    tenants: TENANTS, &'static str, Bytes;
    accounts: ACCOUNTS, &'static str, Bytes;
    journal: JOURNAL, (&'static str, u64), Bytes;
    openings: OPENINGS, &'static str, Bytes;
    keys: KEYS, Owned, Bytes;
    digests: DIGESTS, Bytes, Owned;
    tasks: TASKS, Owned, Bytes;
    notes: NOTES, (&'static str, &'static str, u32), Bytes;
    upstreams: UPSTREAMS, &'static str, Owned;
    idempotency: IDEMPOTENCY, Owned, Bytes;
    repeats: REPEATS, Owned, Bytes;
    due: DUE, Timed, ();
    unbound: UNBOUND, Owned, ();
    open_tasks: OPEN_TASKS, Aged, ();
    unknown_tasks: UNKNOWN_TASKS, Aged, ();
    expiring_tasks: EXPIRING_TASKS, Aged, ();
    open_deliveries: OPEN_DELIVERIES, Aged, ();
    dead_deliveries: DEAD_DELIVERIES, Aged, ();
    endpoints: ENDPOINTS, Owned, Bytes;
    events: EVENTS, Owned, Bytes;
    deliveries: DELIVERIES, Part, Bytes;
    queues: QUEUES, Owned, Bytes;
    waiting: WAITING, Queued, ();
    sending: SENDING, Queued, ();
    outbox: OUTBOX, Laned, ();
    history: HISTORY, (&'static str, i64, &'static str, &'static str), ();
    usage: USAGE, Owned, Bytes;
    daily: DAILY, (&'static str, u32, &'static str), Bytes;
    users: USERS, Owned, Bytes;
    audit: AUDIT, u64, Bytes;
    grants: GRANTS, Owned, Bytes;
    admins: ADMINS, &'static str, Bytes;
    admin_digests: ADMIN_DIGESTS, Bytes, &'static str;
    refused: REFUSED, (i64, &'static str), Bytes;
    meta: META, &'static str, i64;
}

/// Makes the tables of a new file, refuses a file of another layout, and ends the leases of the
/// process that had the file before.
pub(super) fn prepare(db: &Database, now: Timestamp) -> Result<(), StoreError> {
    let transaction = db.begin_write().map_err(unavailable)?;
    {
        check_schema(&transaction)?;
        Write::open(&transaction)?.end_leases(now)?;
    }
    transaction.commit().map_err(unavailable)
}

/// Asked before any other table is opened: those of another layout may not even open.
fn check_schema(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META).map_err(unavailable)?;
    let schema = meta.get(SCHEMA_KEY).map_err(unavailable)?;
    match schema.map(|guard| guard.value()) {
        Some(SCHEMA) => {}
        None => {
            meta.insert(SCHEMA_KEY, SCHEMA).map_err(unavailable)?;
        }
        Some(other) => {
            return Err(StoreError::Corrupt(format!(
                "the file has layout {other}, this version reads {SCHEMA}"
            )));
        }
    }
    Ok(())
}

impl Write<'_> {
    pub(super) fn account(&self, tenant: &TenantId) -> Result<AccountRecord, StoreError> {
        Ok(get(&self.accounts, tenant.as_str())?.unwrap_or_default())
    }

    pub(super) fn put_account(
        &mut self,
        tenant: &TenantId,
        record: &AccountRecord,
    ) -> Result<(), StoreError> {
        let bytes = encode(record)?;
        self.accounts
            .insert(tenant.as_str(), bytes.as_slice())
            .map_err(unavailable)?;
        Ok(())
    }

    pub(super) fn task(&self, tenant: &TenantId, id: &TaskId) -> Result<Option<Task>, StoreError> {
        get(&self.tasks, (tenant.as_str(), id.as_str()))
    }

    pub(super) fn owner(
        &self,
        upstream: &UpstreamId,
    ) -> Result<Option<(String, String)>, StoreError> {
        let owner = self.upstreams.get(upstream.as_str()).map_err(unavailable)?;
        Ok(owner.map(|owner| {
            let (tenant, task) = owner.value();
            (tenant.to_owned(), task.to_owned())
        }))
    }

    /// Writes a task with everything that follows from it: its place among the due and the unbound,
    /// EvoLink's id, its part of the platform's loss.
    pub(super) fn put_task(
        &mut self,
        before: Option<&Task>,
        task: &Task,
    ) -> Result<(), StoreError> {
        let (tenant, id) = (task.tenant.as_str(), task.id.as_str());
        let due = before.and_then(|before| before.due);
        if due != task.due {
            if let Some(due) = due {
                self.due
                    .remove((due.millis(), tenant, id))
                    .map_err(unavailable)?;
            }
            if let Some(due) = task.due {
                self.due
                    .insert((due.millis(), tenant, id), ())
                    .map_err(unavailable)?;
            }
        }
        if is_unbound(task) {
            self.unbound.insert((tenant, id), ()).map_err(unavailable)?;
        } else {
            self.unbound.remove((tenant, id)).map_err(unavailable)?;
        }
        self.age_task(before, task)?;
        if let Some(upstream) = &task.upstream {
            self.upstreams
                .insert(upstream.as_str(), (tenant, id))
                .map_err(unavailable)?;
        }
        let change = task
            .loss()
            .micro()
            .saturating_sub(before.map_or(0, |b| b.loss().micro()));
        if change != 0 {
            let sum = self
                .meta
                .get(LOSS_KEY)
                .map_err(unavailable)?
                .map_or(0, |sum| sum.value());
            self.meta
                .insert(LOSS_KEY, sum.saturating_add(change))
                .map_err(unavailable)?;
        }
        let bytes = encode(task)?;
        self.tasks
            .insert((tenant, id), bytes.as_slice())
            .map_err(unavailable)?;
        Ok(())
    }
}
