//! What follows from a turn for the counters: windows, places in flight, sums by day, users seen.

use evogate_models::journal::Posting;
use evogate_models::quota::Usage;
use evogate_models::task::Task;
use evogate_models::view::{Shown, shown};
use evogate_models::{Credits, TenantId};
use redb::ReadableTable as _;

use super::Embedded;
use super::census::refunded;
use super::table::{AccountRecord, Read, Write, decode, encode, get, unavailable};
use crate::census::given_back;
use crate::error::StoreError;
use crate::usage::{BETWEEN, Day, SeenUser, Sums, UsageRow, day, row_name};

impl Write<'_> {
    /// Counts what a turn changed.
    pub(super) fn count(
        &mut self,
        record: &mut AccountRecord,
        before: Option<&Task>,
        task: &Task,
        postings: &[Posting],
    ) -> Result<(), StoreError> {
        let was_open = before.is_some_and(|before| !before.state.is_ended());
        let is_open = !task.state.is_ended();
        match (was_open, is_open) {
            (false, true) => record.in_flight = record.in_flight.saturating_add(1),
            (true, false) => record.in_flight = record.in_flight.saturating_sub(1),
            _ => {}
        }
        record.open = record.open.moved(before, task);
        record.refunded = refunded(record.refunded, given_back(postings));
        for posting in postings {
            let counted = |usage: Usage| counted(usage, task, posting);
            record.usage = counted(record.usage);
            let user = task.author.user.as_ref().map(|user| format!("u:{user}"));
            let key = task.author.key.as_ref().map(|key| format!("k:{key}"));
            for name in user.into_iter().chain(key) {
                let row = (task.tenant.as_str(), name.as_str());
                let usage: Usage = get(&self.usage, row)?.unwrap_or_default();
                let bytes = encode(&counted(usage))?;
                self.usage
                    .insert(row, bytes.as_slice())
                    .map_err(unavailable)?;
            }
        }
        let ended = was_open && !is_open;
        if before.is_none() || ended {
            self.sum(before.is_none(), ended, task)?;
        }
        if before.is_none() {
            self.see_user(task)?;
        }
        Ok(())
    }

    /// Adds to the day on which the task was submitted.
    fn sum(&mut self, submitted: bool, ended: bool, task: &Task) -> Result<(), StoreError> {
        let mut more = Sums {
            submitted: u64::from(submitted),
            ..Sums::default()
        };
        if ended {
            more.charged = task.charged;
            match shown(task) {
                Shown::Completed => more.completed = 1,
                Shown::Cancelled => more.cancelled = 1,
                _ => more.failed = 1,
            }
        }
        let name = row_name(task);
        let row = (task.tenant.as_str(), day(task.created), name.as_str());
        let sums: Sums = get(&self.daily, row)?.unwrap_or_default();
        let bytes = encode(&sums.plus(more))?;
        self.daily
            .insert(row, bytes.as_slice())
            .map_err(unavailable)?;
        Ok(())
    }

    fn see_user(&mut self, task: &Task) -> Result<(), StoreError> {
        let Some(user) = &task.author.user else {
            return Ok(());
        };
        let row = (task.tenant.as_str(), user.as_str());
        let seen: Option<SeenUser> = get(&self.users, row)?;
        let mut seen = seen.unwrap_or_else(|| SeenUser {
            user: user.clone(),
            first_seen: task.created,
            last_seen: task.created,
            submitted: 0,
        });
        seen.last_seen = seen.last_seen.max(task.created);
        seen.submitted = seen.submitted.saturating_add(1);
        let bytes = encode(&seen)?;
        self.users
            .insert(row, bytes.as_slice())
            .map_err(unavailable)?;
        Ok(())
    }
}

/// What a posting for the task does to a window that counts the task.
fn counted(usage: Usage, task: &Task, posting: &Posting) -> Usage {
    let less = |amount: Credits| Credits::ZERO.checked_sub(amount).unwrap_or(Credits::ZERO);
    match *posting {
        Posting::Granted { .. } => usage,
        Posting::Held { amount } => usage.held(task.windows, amount),
        Posting::Moved { from, to } => {
            usage.changed(task.windows, to.checked_sub(from).unwrap_or(Credits::ZERO))
        }
        Posting::Settled { released, .. } => usage.changed(task.windows, less(released)),
        Posting::Released { amount } => usage.changed(task.windows, less(amount)),
    }
}

impl Embedded {
    pub(crate) async fn usage(
        &self,
        tenant: Option<&TenantId>,
        from: Day,
        to: Day,
    ) -> Result<Vec<UsageRow>, StoreError> {
        let tenant = tenant.cloned();
        self.read_long(move |tables| {
            let tenants = match tenant {
                Some(tenant) => vec![tenant],
                None => tables.tenant_ids()?,
            };
            let mut rows = Vec::new();
            for tenant in tenants {
                tables.usage_rows(&tenant, from, to, &mut rows)?;
            }
            Ok(rows)
        })
        .await
    }

    pub(crate) async fn users(&self, tenant: &TenantId) -> Result<Vec<SeenUser>, StoreError> {
        self.read(|tables| {
            let mut users = Vec::new();
            let range = (tenant.as_str(), "")..=(tenant.as_str(), "\u{10ffff}");
            for row in tables.users()?.range(range).map_err(unavailable)? {
                users.push(decode(row.map_err(unavailable)?.1.value())?);
            }
            Ok(users)
        })
    }
}

impl Read {
    pub(super) fn tenant_ids(&self) -> Result<Vec<TenantId>, StoreError> {
        let mut ids = Vec::new();
        for row in self.tenants()?.iter().map_err(unavailable)? {
            let key = row.map_err(unavailable)?.0;
            ids.extend(key.value().parse::<TenantId>().ok());
        }
        Ok(ids)
    }

    fn usage_rows(
        &self,
        tenant: &TenantId,
        from: Day,
        to: Day,
        rows: &mut Vec<UsageRow>,
    ) -> Result<(), StoreError> {
        let range = (tenant.as_str(), from, "")..=(tenant.as_str(), to, "\u{10ffff}");
        for row in self.daily()?.range(range).map_err(unavailable)? {
            let (key, bytes) = row.map_err(unavailable)?;
            let (_, day, name) = key.value();
            let mut parts = name.splitn(3, BETWEEN).map(str::to_owned);
            let mut part = || parts.next().filter(|part| !part.is_empty());
            rows.push(UsageRow {
                tenant: tenant.clone(),
                day,
                user: part(),
                key: part(),
                model: part().unwrap_or_default(),
                sums: decode(bytes.value())?,
            });
        }
        Ok(())
    }
}
