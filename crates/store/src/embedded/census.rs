//! A census, on one snapshot. The sums are kept beside the accounts, and the sets in tables of their own.

use evogate_models::delivery::{Delivery, DeliveryState};
use evogate_models::life::results::run_out;
use evogate_models::task::Task;
use evogate_models::{Credits, Timestamp};
use redb::{ReadableTable, ReadableTableMetadata as _, Table};

use super::Embedded;
use super::table::{AccountRecord, Aged, LOSS_KEY, Write, decode, unavailable};
use crate::census::{Census, OpenTasks, TenantSums, gone_by};
use crate::error::StoreError;

/// The place of the state `unknown` in [`OpenTasks`].
const UNKNOWN: usize = 2;

impl Embedded {
    pub(crate) async fn census(&self) -> Result<Census, StoreError> {
        let gone = gone_by(self.now()).millis();
        self.read_long(move |tables| {
            let later = (gone.saturating_add(1), "", "", "")..;
            let expiring = tables.expiring_tasks()?;
            let expiring = expiring.range(later).map_err(unavailable)?.count();
            let mut census = Census {
                oldest_unfinished: oldest(&tables.open_tasks()?)?,
                oldest_unknown: oldest(&tables.unknown_tasks()?)?,
                deliveries: tables.open_deliveries()?.len().map_err(unavailable)?,
                oldest_delivery: oldest(&tables.open_deliveries()?)?,
                dead: tables.dead_deliveries()?.len().map_err(unavailable)?,
                expiring: u64::try_from(expiring).unwrap_or(u64::MAX),
                ..Census::default()
            };
            let loss = tables.meta()?.get(LOSS_KEY).map_err(unavailable)?;
            census.platform_loss = loss.map_or(0, |loss| loss.value());
            for row in tables.accounts()?.iter().map_err(unavailable)? {
                let (id, bytes) = row.map_err(unavailable)?;
                let record: AccountRecord = decode(bytes.value())?;
                census.tenants.push(TenantSums {
                    tenant: id.value().parse().map_err(unavailable)?,
                    account: record.account,
                    refunded: record.refunded,
                    open: record.open,
                });
            }
            Ok(census)
        })
        .await
    }
}

fn oldest(table: &impl ReadableTable<Aged, ()>) -> Result<Option<Timestamp>, StoreError> {
    let first = table.first().map_err(unavailable)?;
    Ok(first.map(|(key, _)| Timestamp::from_millis(key.value().0)))
}

/// Puts a row in or takes it out.
fn keep(
    table: &mut Table<'_, Aged, ()>,
    row: (i64, &str, &str, &str),
    kept: bool,
) -> Result<(), StoreError> {
    if kept {
        table.insert(row, ()).map_err(unavailable)?;
    } else {
        table.remove(row).map_err(unavailable)?;
    }
    Ok(())
}

impl Write<'_> {
    /// A task is among the unfinished, the unknown, and those whose results run out, as long as it is so.
    pub(super) fn age_task(
        &mut self,
        before: Option<&Task>,
        task: &Task,
    ) -> Result<(), StoreError> {
        let (was, is) = (before.and_then(OpenTasks::place), OpenTasks::place(task));
        let row = (
            task.created.millis(),
            task.tenant.as_str(),
            task.id.as_str(),
            "",
        );
        if was.is_some() != is.is_some() {
            keep(&mut self.open_tasks, row, is.is_some())?;
        }
        if (was == Some(UNKNOWN)) != (is == Some(UNKNOWN)) {
            keep(&mut self.unknown_tasks, row, is == Some(UNKNOWN))?;
        }
        if before.is_some_and(run_out) != run_out(task) {
            self.keep_expiring(task, run_out(task))?;
        }
        Ok(())
    }

    /// A task's results run out, or do no more.
    pub(super) fn keep_expiring(&mut self, task: &Task, kept: bool) -> Result<(), StoreError> {
        let ended = task.ended.unwrap_or(task.created).millis();
        let row = (ended, task.tenant.as_str(), task.id.as_str(), "");
        keep(&mut self.expiring_tasks, row, kept)
    }

    /// A delivery is among those still to be made or those given up, as long as it is so; `None`: it has left.
    pub(super) fn age_delivery(
        &mut self,
        delivery: &Delivery,
        state: Option<DeliveryState>,
    ) -> Result<(), StoreError> {
        let row = (
            delivery.at.millis(),
            delivery.tenant.as_str(),
            delivery.event.as_str(),
            delivery.target.as_str(),
        );
        let is = |wanted| state == Some(wanted);
        keep(&mut self.open_deliveries, row, is(DeliveryState::Pending))?;
        keep(&mut self.dead_deliveries, row, is(DeliveryState::Dead))
    }
}

/// What has been given back of an account's holds, with `more`.
pub(super) fn refunded(before: Credits, more: Credits) -> Credits {
    before.checked_add(more).unwrap_or(Credits::MAX)
}
