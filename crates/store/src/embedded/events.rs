//! Events: stored once, and put into the queue of everybody who is told.

use evogate_models::account::low_credits;
use evogate_models::delivery::Delivery;
use evogate_models::endpoint::Endpoint;
use evogate_models::event::{Event, Target};
use evogate_models::{Credits, EventId, TaskId, TenantId, Timestamp};
use redb::ReadableTable as _;

use super::table::{AccountRecord, Read, Write, decode, encode, get, unavailable};
use crate::error::StoreError;
use crate::record::Tenant;

/// Behind every name.
const MOST: &str = "\u{10ffff}";

/// The names of a task's events: they begin with the task's own.
fn of_task(task: &TaskId) -> (String, String) {
    let first = EventId::of_task(task, "").to_string();
    let last = format!("{first}\u{10ffff}");
    (first, last)
}

impl Read {
    /// The deliveries of a task's events.
    pub(super) fn deliveries_of(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Vec<Delivery>, StoreError> {
        let (first, last) = of_task(task);
        let tenant = tenant.as_str();
        between(
            &self.deliveries()?,
            (tenant, &first, ""),
            (tenant, &last, MOST),
        )
    }

    /// A tenant's endpoints, by id.
    pub(super) fn endpoints_of(&self, tenant: &TenantId) -> Result<Vec<Endpoint>, StoreError> {
        endpoints_of(&self.endpoints()?, tenant)
    }
}

/// The deliveries between two keys, both included.
fn between(
    table: &impl redb::ReadableTable<super::table::Part, super::table::Bytes>,
    first: (&str, &str, &str),
    last: (&str, &str, &str),
) -> Result<Vec<Delivery>, StoreError> {
    let rows = table.range(first..=last).map_err(unavailable)?;
    rows.map(|row| decode(row.map_err(unavailable)?.1.value()))
        .collect()
}

fn endpoints_of(
    table: &impl redb::ReadableTable<super::table::Owned, super::table::Bytes>,
    tenant: &TenantId,
) -> Result<Vec<Endpoint>, StoreError> {
    let range = (tenant.as_str(), "")..=(tenant.as_str(), "\u{10ffff}");
    let mut endpoints = Vec::new();
    for row in table.range(range).map_err(unavailable)? {
        endpoints.push(decode(row.map_err(unavailable)?.1.value())?);
    }
    Ok(endpoints)
}

impl Write<'_> {
    pub(super) fn endpoints_of(&self, tenant: &TenantId) -> Result<Vec<Endpoint>, StoreError> {
        endpoints_of(&self.endpoints, tenant)
    }

    /// Tells everybody who is to be told: the request's `callback_url`, and the endpoints that subscribe
    /// to the kind. An event that nobody is told of is not kept, and one that is there is not told again.
    pub(super) fn announce(&mut self, event: &Event) -> Result<(), StoreError> {
        let endpoints = self.endpoints_of(&event.tenant)?.into_iter();
        let mut targets: Vec<Target> = endpoints
            .filter(|endpoint| endpoint.takes(event.kind))
            .map(|endpoint| Target::Endpoint(endpoint.id))
            .collect();
        targets.extend(event.callback());
        self.tell(event, targets)
    }

    /// Tells these targets.
    pub(super) fn tell(&mut self, event: &Event, targets: Vec<Target>) -> Result<(), StoreError> {
        let key = (event.tenant.as_str(), event.id.as_str());
        let known = self.events.get(key).map_err(unavailable)?.is_some();
        if targets.is_empty() || known {
            return Ok(());
        }
        let bytes = encode(event)?;
        self.events
            .insert(key, bytes.as_slice())
            .map_err(unavailable)?;
        for target in targets {
            let delivery = Delivery::new(event, target.clone());
            self.change_queue(&event.tenant, &target, |tables, _| {
                tables.put_delivery(None, &delivery)
            })?;
        }
        Ok(())
    }

    /// Tells of a low balance, when the postings up to `record.seq` made it so.
    pub(super) fn watch_balance(
        &mut self,
        tenant: &TenantId,
        record: &mut AccountRecord,
        before: Credits,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let settings: Option<Tenant> = get(&self.tenants, tenant.as_str())?;
        let threshold = settings.and_then(|tenant| tenant.quota.low_credit_threshold);
        let threshold = threshold.map(|threshold| threshold.0);
        let available = record.account.available;
        let (low, tell) = low_credits(record.low, threshold, before, available);
        record.low = low;
        match threshold {
            Some(threshold) if tell => {
                let event = Event::credits_low(tenant, record.seq, available, threshold, at);
                self.announce(&event)
            }
            _ => Ok(()),
        }
    }

    /// An event's deliveries.
    pub(super) fn deliveries_to(
        &self,
        tenant: &TenantId,
        event: &EventId,
    ) -> Result<Vec<Delivery>, StoreError> {
        let (tenant, event) = (tenant.as_str(), event.as_str());
        between(&self.deliveries, (tenant, event, ""), (tenant, event, MOST))
    }

    /// The deliveries of a task's events.
    pub(super) fn deliveries_of(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Vec<Delivery>, StoreError> {
        let (first, last) = of_task(task);
        let tenant = tenant.as_str();
        between(
            &self.deliveries,
            (tenant, &first, ""),
            (tenant, &last, MOST),
        )
    }

    /// Removes an event with its deliveries, whatever their state.
    pub(super) fn forget_event(
        &mut self,
        tenant: &TenantId,
        event: &EventId,
    ) -> Result<(), StoreError> {
        let deliveries = self.deliveries_to(tenant, event)?;
        for delivery in deliveries {
            self.change_queue(tenant, &delivery.target, |tables, _| {
                tables.remove_delivery(&delivery)
            })?;
        }
        self.events
            .remove((tenant.as_str(), event.as_str()))
            .map_err(unavailable)?;
        Ok(())
    }

    /// Removes a task's events with their deliveries.
    pub(super) fn forget_events_of(
        &mut self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<(), StoreError> {
        let (first, last) = of_task(task);
        let range = (tenant.as_str(), first.as_str())..=(tenant.as_str(), last.as_str());
        let mut events: Vec<EventId> = Vec::new();
        for row in self.events.range(range).map_err(unavailable)? {
            let key = row.map_err(unavailable)?.0;
            events.extend(key.value().1.parse::<EventId>().ok());
        }
        events
            .iter()
            .try_for_each(|event| self.forget_event(tenant, event))
    }
}
