//! How records become bytes: the numbers that scripts reckon with are packed (`lua/lib.lua` says which),
//! everything else no script looks into: tasks, their timelines and journals are binary ([`super::stored`],
//! [`super::journal`]), the rest is JSON.

use evogate_models::account::Account;
use evogate_models::delivery::{Delivery, Health, Queue, Standing};
use evogate_models::quota::{Counter, Rate, Usage};
use evogate_models::retention::Departed;
use evogate_models::{Credits, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::census::OpenTasks;
use crate::error::StoreError;
use crate::record::{Tenant, TenantView};

/// Integers of eight bytes, little end first.
pub(super) fn pack(numbers: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size_of_val(numbers));
    for number in numbers {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes
}

/// The first `N` integers of a packed record.
pub(super) fn unpack<const N: usize>(bytes: &[u8]) -> Result<[i64; N], StoreError> {
    let mut numbers = [0; N];
    let mut chunks = bytes.chunks_exact(8);
    for number in &mut numbers {
        let chunk: Option<[u8; 8]> = chunks.next().and_then(|chunk| chunk.try_into().ok());
        *number = i64::from_le_bytes(chunk.ok_or_else(|| corrupt("a record is too short"))?);
    }
    Ok(numbers)
}

pub(super) fn corrupt(what: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}

pub(super) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(corrupt)
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(corrupt)
}

/// −1 stands for none.
pub(super) fn or_none(time: Option<Timestamp>) -> i64 {
    time.map_or(-1, Timestamp::millis)
}

/// The same, read.
pub(super) fn time(millis: i64) -> Option<Timestamp> {
    (millis != -1).then(|| Timestamp::from_millis(millis))
}

fn credits(micro: i64) -> Result<Credits, StoreError> {
    Credits::from_micro(micro).ok_or_else(|| corrupt("an amount out of range"))
}

/// An account with everything that is counted beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccountRecord {
    pub(super) version: u64,
    pub(super) account: Account,
    /// What the tenant's tasks cost the platform, in micro-credits.
    pub(super) loss: i64,
    /// The number of the last journal entry.
    pub(super) seq: u64,
    pub(super) in_flight: u32,
    pub(super) rate: Rate,
    pub(super) usage: Usage,
    /// The number of the last journal entry that has left.
    pub(super) folded: u64,
    /// Was the tenant told that its balance is low?
    pub(super) low: bool,
    /// The version of the tenant's endpoints.
    pub(super) endpoints: i64,
    /// What its tasks that have left come to.
    pub(super) departed: Departed,
    /// Unfinished tasks by state.
    pub(super) open: OpenTasks,
    /// What was given back of holds, in micro-credits.
    pub(super) refunded: i64,
}

/// How long a packed account is.
const ACCOUNT: usize = 31;

impl AccountRecord {
    pub(super) fn unpack(bytes: &[u8]) -> Result<Self, StoreError> {
        let numbers = unpack::<ACCOUNT>(bytes)?;
        let [
            version,
            _,
            granted,
            available,
            held,
            spent,
            loss,
            seq,
            in_flight,
            rate,
            usage @ ..,
        ] = numbers;
        let [
            u0,
            u1,
            u2,
            u3,
            u4,
            u5,
            u6,
            folded,
            low,
            endpoints,
            tasks,
            charged,
            departed_loss,
            through,
            _,
            open @ ..,
            refunded,
        ] = usage;
        Ok(Self {
            version: version.unsigned_abs(),
            account: Account {
                granted: credits(granted)?,
                available: credits(available)?,
                held: credits(held)?,
                spent: credits(spent)?,
            },
            loss,
            seq: seq.unsigned_abs(),
            in_flight: u32::try_from(in_flight).unwrap_or(u32::MAX),
            rate: Rate(rate),
            usage: usage_of([u0, u1, u2, u3, u4, u5, u6])?,
            folded: folded.unsigned_abs(),
            low: low != 0,
            endpoints,
            departed: Departed {
                tasks: tasks.unsigned_abs(),
                charged: credits(charged)?,
                loss: credits(departed_loss)?,
                through,
            },
            open: OpenTasks(open.map(|count| u32::try_from(count).unwrap_or(0))),
            refunded,
        })
    }

    pub(super) fn view(&self, tenant: Tenant) -> TenantView {
        TenantView {
            tenant,
            account: self.account,
            tasks_in_flight: self.in_flight,
            usage: self.usage,
        }
    }
}

/// What is counted for a user or a key, as `lua/lib.lua` has it; nothing for one of whom nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    /// What its windows have counted; none before its first hold.
    pub(super) usage: Option<Usage>,
    /// Of a key that is there: when it expires, and its cap in micro-credits.
    pub(super) valid: Option<[i64; 2]>,
    /// Of a user: first seen, last seen, submits.
    pub(super) seen: [i64; 3],
}

impl Counted {
    pub(super) fn unpack(bytes: &[u8]) -> Result<Self, StoreError> {
        if bytes.is_empty() {
            return Ok(Self {
                usage: None,
                valid: None,
                seen: [0; 3],
            });
        }
        let [usage @ .., flags, a, b, c] = unpack::<11>(bytes)?;
        Ok(Self {
            usage: (flags & 2 != 0).then(|| usage_of(usage)).transpose()?,
            valid: (flags & 1 != 0).then_some([a, b]),
            seen: [a, b, c],
        })
    }

    pub(super) fn pack(&self) -> Vec<u8> {
        let flags = i64::from(self.valid.is_some()) | (i64::from(self.usage.is_some()) << 1);
        let [a, b, c] = match self.valid {
            Some([expires, cap]) => [expires, cap, 0],
            None => self.seen,
        };
        let mut bytes = pack_usage(&self.usage.unwrap_or_default());
        bytes.extend(pack(&[flags, a, b, c]));
        bytes
    }
}

/// A usage, packed.
pub(super) fn pack_usage(usage: &Usage) -> Vec<u8> {
    let Usage {
        day,
        week,
        month,
        total,
    } = usage;
    pack(&[
        day.start.millis(),
        day.used.micro(),
        week.start.millis(),
        week.used.micro(),
        month.start.millis(),
        month.used.micro(),
        total.micro(),
    ])
}

fn usage_of(numbers: [i64; 7]) -> Result<Usage, StoreError> {
    let [day, in_day, week, in_week, month, in_month, total] = numbers;
    let counter = |start, used| -> Result<Counter, StoreError> {
        Ok(Counter {
            start: Timestamp::from_millis(start),
            used: credits(used)?,
        })
    };
    Ok(Usage {
        day: counter(day, in_day)?,
        week: counter(week, in_week)?,
        month: counter(month, in_month)?,
        total: credits(total)?,
    })
}

/// The flags of a tenant, in its account.
pub(super) fn flags(tenant: &Tenant) -> i64 {
    i64::from(tenant.suspended) | (i64::from(tenant.quota.unlimited) << 1)
}

/// The threshold of a low balance, in the tenant's account.
pub(super) fn threshold(tenant: &Tenant) -> i64 {
    let threshold = tenant.quota.low_credit_threshold;
    threshold.map_or(-1, |threshold| threshold.0.micro())
}

/// A number that scripts can reckon with.
pub(super) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A delivery as it is stored: due, end of the lease, last fencing token; then its JSON.
pub(super) fn pack_delivery(delivery: &Delivery) -> Result<Vec<u8>, StoreError> {
    let mut bytes = pack(&[
        or_none(delivery.due),
        or_none(delivery.lease),
        number(delivery.fence),
    ]);
    bytes.extend(encode(delivery)?);
    Ok(bytes)
}

/// The same, read.
pub(super) fn unpack_delivery(bytes: &[u8]) -> Result<Delivery, StoreError> {
    let [due, lease, fence] = unpack::<3>(bytes)?;
    let mut delivery: Delivery = decode(bytes.get(24..).unwrap_or_default())?;
    delivery.due = time(due);
    delivery.lease = time(lease);
    delivery.fence = fence.unsigned_abs();
    Ok(delivery)
}

/// A queue as it is stored.
pub(super) fn pack_queue(queue: &Queue) -> Vec<u8> {
    let standing = match queue.health.standing {
        Standing::Unproven => 0,
        Standing::Good => 1,
        Standing::Failing => 2,
    };
    pack(&[
        standing,
        i64::from(queue.health.window),
        i64::from(queue.health.failures),
        or_none(queue.health.paused),
        or_none(queue.health.took),
        i64::from(queue.closed),
    ])
}

/// The same, read; nothing is a queue as it is at first.
pub(super) fn unpack_queue(bytes: &[u8]) -> Result<Queue, StoreError> {
    if bytes.is_empty() {
        return Ok(Queue::default());
    }
    let [standing, window, failures, paused, took, closed] = unpack::<6>(bytes)?;
    let small = |n: i64| u32::try_from(n).map_err(corrupt);
    Ok(Queue {
        health: Health {
            standing: match standing {
                1 => Standing::Good,
                2 => Standing::Failing,
                _ => Standing::Unproven,
            },
            window: small(window)?,
            failures: small(failures)?,
            paused: time(paused),
            took: time(took),
        },
        closed: closed != 0,
    })
}
