//! Targets' queues: what waits in them, what of them is being sent, and when they are due.
//!
//! A delivery changes only within [`Write::change_queue`], which sees to it that its queue is among the due
//! as it must be.

use evogate_models::delivery::{Delivery, Lane, Queue, put_back};
use evogate_models::endpoint::Endpoint;
use evogate_models::event::Target;
use evogate_models::{TenantId, Timestamp};
use redb::ReadableTable;

use super::table::{Laned, Queued, Write, decode, encode, get, unavailable};
use crate::error::StoreError;
use crate::outbox::NextDue;

/// When the next queues are due.
pub(super) fn next_due(outbox: &impl ReadableTable<Laned, ()>) -> Result<NextDue, StoreError> {
    let first = |lane: Lane| {
        let range = (number(lane), i64::MIN, "", "")..(number(lane) + 1, i64::MIN, "", "");
        let first = outbox.range(range).map_err(unavailable)?.next();
        let first = first.transpose().map_err(unavailable)?;
        Ok(first.map(|(key, _)| Timestamp::from_millis(key.value().1)))
    };
    Ok(NextDue {
        good: first(Lane::Good)?,
        suspect: first(Lane::Suspect)?,
    })
}

/// A lane as part of a key.
pub(super) const fn number(lane: Lane) -> u8 {
    match lane {
        Lane::Good => 0,
        Lane::Suspect => 1,
    }
}

/// The lane that a key names.
pub(super) const fn lane(number: u8) -> Lane {
    match number {
        0 => Lane::Good,
        _ => Lane::Suspect,
    }
}

/// The rows of one queue in a table of queues: times and events, in order.
pub(super) fn rows(
    table: &impl ReadableTable<Queued, ()>,
    tenant: &TenantId,
    target: &Target,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<(Timestamp, String)>, StoreError> {
    let (tenant, target) = (tenant.as_str(), target.as_str());
    let range = (tenant, target, i64::MIN, "")..=(tenant, target, until.millis(), "\u{10ffff}");
    let rows = table.range(range).map_err(unavailable)?.take(limit);
    rows.map(|row| {
        let key = row.map_err(unavailable)?.0;
        let (_, _, at, event) = key.value();
        Ok((Timestamp::from_millis(at), event.to_owned()))
    })
    .collect()
}

/// Later than everything.
pub(super) const EVER: Timestamp = Timestamp::from_millis(i64::MAX);

impl Write<'_> {
    pub(super) fn queue(&self, tenant: &TenantId, target: &Target) -> Result<Queue, StoreError> {
        let queue: Option<Queue> = get(&self.queues, (tenant.as_str(), target.as_str()))?;
        Ok(queue.unwrap_or_default())
    }

    pub(super) fn endpoint_of(
        &self,
        tenant: &TenantId,
        target: &Target,
    ) -> Result<Option<Endpoint>, StoreError> {
        match target.endpoint() {
            Some(id) => get(&self.endpoints, (tenant.as_str(), id.as_str())),
            None => Ok(None),
        }
    }

    /// Where a queue is among the due, and whether anything is in it.
    fn place(
        &self,
        tenant: &TenantId,
        target: &Target,
        queue: &Queue,
    ) -> Result<(Option<(Lane, Timestamp)>, bool), StoreError> {
        let first = rows(&self.waiting, tenant, target, EVER, 1)?;
        let first = first.first().map(|(due, _)| *due);
        let sending = rows(&self.sending, tenant, target, EVER, usize::MAX)?;
        let lease = sending.first().map(|(until, _)| *until);
        let due = queue.due(first, sending.len(), lease);
        let empty = first.is_none() && sending.is_empty();
        Ok((due.map(|due| (queue.health.lane(), due)), empty))
    }

    /// Changes a queue, or what waits in it, and sees to it that it is due when it should be.
    pub(super) fn change_queue<T>(
        &mut self,
        tenant: &TenantId,
        target: &Target,
        change: impl FnOnce(&mut Self, &mut Queue) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let key = (tenant.as_str(), target.as_str());
        let mut queue = self.queue(tenant, target)?;
        let (before, _) = self.place(tenant, target, &queue)?;
        let done = change(self, &mut queue)?;
        let (after, empty) = self.place(tenant, target, &queue)?;
        if let Some((lane, due)) = before {
            self.outbox
                .remove((number(lane), due.millis(), key.0, key.1))
                .map_err(unavailable)?;
        }
        if let Some((lane, due)) = after {
            self.outbox
                .insert((number(lane), due.millis(), key.0, key.1), ())
                .map_err(unavailable)?;
            let earlier = |(before_lane, before_due)| (before_lane != lane) || (before_due > due);
            self.told |= before.is_none_or(earlier);
        }
        let kept = if empty {
            let registered = self.endpoint_of(tenant, target)?.is_some();
            let deleted = target.endpoint().is_some() && !registered;
            !deleted && queue.is_kept_idle(registered)
        } else {
            queue != Queue::default()
        };
        if kept {
            let bytes = encode(&queue)?;
            self.queues
                .insert(key, bytes.as_slice())
                .map_err(unavailable)?;
        } else {
            self.queues.remove(key).map_err(unavailable)?;
        }
        Ok(done)
    }

    /// Writes a delivery with its place in its queue; only within [`Self::change_queue`].
    pub(super) fn put_delivery(
        &mut self,
        before: Option<&Delivery>,
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        if let Some(before) = before {
            self.leave_queue(before)?;
        } else {
            let row = history(delivery);
            self.history.insert(row, ()).map_err(unavailable)?;
        }
        let (tenant, target) = (delivery.tenant.as_str(), delivery.target.as_str());
        let event = delivery.event.as_str();
        if let Some(due) = delivery.due {
            self.waiting
                .insert((tenant, target, due.millis(), event), ())
                .map_err(unavailable)?;
        }
        if let Some(until) = delivery.lease {
            self.sending
                .insert((tenant, target, until.millis(), event), ())
                .map_err(unavailable)?;
        }
        if before.map(|before| before.state) != Some(delivery.state) {
            self.age_delivery(delivery, Some(delivery.state))?;
        }
        let bytes = encode(delivery)?;
        self.deliveries
            .insert((tenant, event, target), bytes.as_slice())
            .map_err(unavailable)?;
        Ok(())
    }

    fn leave_queue(&mut self, delivery: &Delivery) -> Result<(), StoreError> {
        let (tenant, target) = (delivery.tenant.as_str(), delivery.target.as_str());
        let event = delivery.event.as_str();
        if let Some(due) = delivery.due {
            self.waiting
                .remove((tenant, target, due.millis(), event))
                .map_err(unavailable)?;
        }
        if let Some(until) = delivery.lease {
            self.sending
                .remove((tenant, target, until.millis(), event))
                .map_err(unavailable)?;
        }
        Ok(())
    }

    /// Removes a delivery; only within [`Self::change_queue`].
    pub(super) fn remove_delivery(&mut self, delivery: &Delivery) -> Result<(), StoreError> {
        self.leave_queue(delivery)?;
        self.age_delivery(delivery, None)?;
        self.history
            .remove(history(delivery))
            .map_err(unavailable)?;
        let (tenant, target) = (delivery.tenant.as_str(), delivery.target.as_str());
        self.deliveries
            .remove((tenant, delivery.event.as_str(), target))
            .map_err(unavailable)?;
        Ok(())
    }

    /// Forgets targets of a tenant's callbacks that nothing was sent to for long. Answers how many.
    pub(super) fn sweep_queues(
        &mut self,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut stale = Vec::new();
        let range = (tenant.as_str(), "")..=(tenant.as_str(), "\u{10ffff}");
        for row in self.queues.range(range).map_err(unavailable)? {
            let (key, bytes) = row.map_err(unavailable)?;
            let queue: Queue = decode(bytes.value())?;
            let Ok(target) = key.value().1.parse::<Target>() else {
                continue;
            };
            if target.endpoint().is_none() && queue.is_stale(now) {
                let (_, empty) = self.place(tenant, &target, &queue)?;
                stale.extend(empty.then_some(target));
            }
        }
        for target in &stale {
            self.queues
                .remove((tenant.as_str(), target.as_str()))
                .map_err(unavailable)?;
        }
        Ok(stale.len())
    }

    /// Moves a delivery on, if the row of a queue that names it is right.
    pub(super) fn move_on(
        &mut self,
        tenant: &TenantId,
        target: &Target,
        event: &str,
        change: impl FnOnce(Delivery) -> Delivery,
    ) -> Result<Option<Delivery>, StoreError> {
        let key = (tenant.as_str(), event, target.as_str());
        let Some(before) = get::<_, Delivery>(&self.deliveries, key)? else {
            return Err(StoreError::Corrupt(format!(
                "{event} waits and is not there"
            )));
        };
        let after = change(before.clone());
        self.put_delivery(Some(&before), &after)?;
        Ok(Some(after))
    }

    /// The process that sent them is gone: they are due again.
    pub(super) fn end_sending(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let mut sending = Vec::new();
        for row in self.sending.iter().map_err(unavailable)? {
            let key = row.map_err(unavailable)?.0;
            let (tenant, target, _, event) = key.value();
            sending.push((tenant.to_owned(), target.to_owned(), event.to_owned()));
        }
        for (tenant, target, event) in sending {
            let (Ok(tenant), Ok(target)) = (tenant.parse(), target.parse()) else {
                continue;
            };
            self.change_queue(&tenant, &target, |tables, _| {
                tables.move_on(&tenant, &target, &event, |delivery| put_back(delivery, now))
            })?;
        }
        Ok(())
    }
}

/// The delivery's row in the order of time.
fn history(delivery: &Delivery) -> (&str, i64, &str, &str) {
    (
        delivery.tenant.as_str(),
        delivery.at.millis(),
        delivery.event.as_str(),
        delivery.target.as_str(),
    )
}
