//! Queues and what waits in them: what tenants must be told, until they were told.

use evogate_models::delivery::{
    self, Attempt, Claim, Delivery, End, Lane, Queue, put_back, redelivered, taken,
};
use evogate_models::endpoint::Endpoint;
use evogate_models::event::{DeliveryId, Event, Target};
use evogate_models::note::{Note, Step};
use evogate_models::{Millis, TenantId, Timestamp};
use redb::ReadableTable;

use super::Embedded;
use super::table::{Laned, Queued, Write, decode, encode, get, unavailable};
use crate::error::{StoreError, TenantError, refusals_are_answers};
use crate::outbox::{Claimed, Claims, NextDue, Room};

impl Embedded {
    pub(crate) async fn claim_deliveries(
        &self,
        room: Room,
        lease: Millis,
    ) -> Result<Claims, StoreError> {
        let now = self.now();
        let next = self.read(|tables| next_due(&tables.outbox()?))?;
        let due =
            |lane: Lane| room.in_lane(lane) > 0 && next.in_lane(lane).is_some_and(|due| due <= now);
        if !Lane::ALL.into_iter().any(due) {
            // An idle pass writes nothing.
            return Ok(Claims {
                deliveries: Vec::new(),
                next,
            });
        }
        self.write(move |tables| tables.claim_deliveries(room, lease, now))
            .await
    }

    pub(crate) async fn attempted(
        &self,
        claim: &Claim,
        attempt: Attempt,
        end: End,
        jitter: f64,
    ) -> Result<Option<Delivery>, StoreError> {
        let (claim, now) = (claim.clone(), self.now());
        self.write(move |tables| tables.attempted(&claim, &attempt, &end, jitter, now))
            .await
    }

    pub(crate) async fn postpone(&self, claim: &Claim, due: Timestamp) -> Result<bool, StoreError> {
        let claim = claim.clone();
        self.write(move |tables| {
            let Some(before) = tables.claimed(&claim)? else {
                return Ok(false);
            };
            tables.change_queue(&claim.tenant, &claim.id.target, |tables, _| {
                tables.put_delivery(Some(&before), &put_back(before.clone(), due))
            })?;
            Ok(true)
        })
        .await
    }

    pub(crate) async fn redeliver(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
    ) -> Result<Delivery, TenantError> {
        let (tenant, id, now) = (tenant.clone(), id.clone(), self.now());
        self.write(move |tables| refusals_are_answers(tables.redeliver(&tenant, &id, now)))
            .await?
    }
}

/// When the next queues are due.
fn next_due(outbox: &impl ReadableTable<Laned, ()>) -> Result<NextDue, StoreError> {
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
const fn number(lane: Lane) -> u8 {
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
fn rows(
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

const EVER: Timestamp = Timestamp::from_millis(i64::MAX);

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

    fn delivery(&self, tenant: &TenantId, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let key = (tenant.as_str(), id.event.as_str(), id.target.as_str());
        get(&self.deliveries, key)
    }

    /// The delivery, if it is still claimed by whoever has this.
    fn claimed(&self, claim: &Claim) -> Result<Option<Delivery>, StoreError> {
        let delivery = self.delivery(&claim.tenant, &claim.id)?;
        Ok(delivery.filter(|delivery| delivery.fence == claim.fence && delivery.lease.is_some()))
    }

    fn claim_deliveries(
        &mut self,
        room: Room,
        lease: Millis,
        now: Timestamp,
    ) -> Result<Claims, StoreError> {
        let mut deliveries = Vec::new();
        for lane in Lane::ALL {
            let mut left = room.in_lane(lane);
            for (at, tenant, target) in self.due_queues(lane, now, left)? {
                if left == 0 {
                    break;
                }
                // A row that no queue stands behind must not come first in every pass from now on.
                let row = (number(lane), at.millis(), tenant.as_str(), target.as_str());
                self.outbox.remove(row).map_err(unavailable)?;
                let (Ok(tenant), Ok(target)) = (tenant.parse(), target.parse()) else {
                    continue;
                };
                let taken = self.take(&tenant, &target, lane, left, lease, now)?;
                left = left.saturating_sub(taken.len());
                deliveries.extend(taken);
            }
        }
        let next = next_due(&self.outbox)?;
        Ok(Claims { deliveries, next })
    }

    fn due_queues(
        &self,
        lane: Lane,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, String, String)>, StoreError> {
        let range = (number(lane), i64::MIN, "", "")
            ..=(number(lane), now.millis(), "\u{10ffff}", "\u{10ffff}");
        let rows = self.outbox.range(range).map_err(unavailable)?.take(limit);
        rows.map(|row| {
            let key = row.map_err(unavailable)?.0;
            let (_, at, tenant, target) = key.value();
            let at = Timestamp::from_millis(at);
            Ok((at, tenant.to_owned(), target.to_owned()))
        })
        .collect()
    }

    /// Takes what is due from one queue, as much as the queue and `left` allow.
    fn take(
        &mut self,
        tenant: &TenantId,
        target: &Target,
        lane: Lane,
        left: usize,
        lease: Millis,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, StoreError> {
        let endpoint = self.endpoint_of(tenant, target)?;
        self.change_queue(tenant, target, |tables, queue| {
            for (until, event) in rows(&tables.sending, tenant, target, now, usize::MAX)? {
                tables.move_on(tenant, target, &event, |delivery| put_back(delivery, until))?;
            }
            let sending = rows(&tables.sending, tenant, target, EVER, usize::MAX)?.len();
            let room = queue.room(sending, now).min(left);
            let mut claimed = Vec::new();
            for (_, event) in rows(&tables.waiting, tenant, target, now, room)? {
                let take = |delivery| taken(delivery, now.plus(lease));
                let delivery = tables.move_on(tenant, target, &event, take)?;
                let event: Option<Event> = get(&tables.events, (tenant.as_str(), event.as_str()))?;
                match (delivery, event) {
                    (Some(delivery), Some(event)) => claimed.push(Claimed {
                        delivery,
                        event,
                        endpoint: endpoint.clone(),
                        lane,
                    }),
                    // Nothing is left to be said.
                    (Some(delivery), None) => tables.remove_delivery(&delivery)?,
                    _ => {}
                }
            }
            Ok(claimed)
        })
    }

    /// Moves a delivery on, if the row of a queue that names it is right.
    fn move_on(
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

    fn attempted(
        &mut self,
        claim: &Claim,
        attempt: &Attempt,
        end: &End,
        jitter: f64,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let Some(before) = self.claimed(claim)? else {
            return Ok(None);
        };
        let (tenant, target) = (&claim.tenant, &claim.id.target);
        let ruled = self.change_queue(tenant, target, |tables, queue| {
            let attempt = attempt.clone();
            let ruled =
                delivery::attempted(before.clone(), queue.health, attempt, end, jitter, now);
            queue.health = ruled.health;
            tables.put_delivery(Some(&before), &ruled.delivery)?;
            Ok(ruled)
        })?;
        self.note_attempt(&ruled.delivery, attempt)?;
        if let Some(why) = ruled.disable {
            self.disable(tenant, target, why, now)?;
        }
        Ok(Some(ruled.delivery))
    }

    fn redeliver(
        &mut self,
        tenant: &TenantId,
        id: &DeliveryId,
        now: Timestamp,
    ) -> Result<Delivery, TenantError> {
        let before = self.delivery(tenant, id)?.ok_or(TenantError::NoDelivery)?;
        if id.target.endpoint().is_some() {
            let endpoint = self.endpoint_of(tenant, &id.target)?;
            let endpoint = endpoint.ok_or(TenantError::NoEndpoint)?;
            if endpoint.disabled.is_some() {
                return Err(TenantError::Disabled);
            }
        }
        let delivery = redelivered(before.clone(), now);
        self.change_queue(tenant, &id.target, |tables, _| {
            tables.put_delivery(Some(&before), &delivery)
        })?;
        Ok(delivery)
    }

    fn note_attempt(&mut self, delivery: &Delivery, attempt: &Attempt) -> Result<(), StoreError> {
        let Some(task) = &delivery.task else {
            return Ok(());
        };
        let Some(task) = self.task(&delivery.tenant, task)? else {
            return Ok(());
        };
        let step = Step::delivery(delivery, attempt);
        let at = attempt.at;
        self.note(&task, &[Note { at, step }])
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
