//! Deliveries claimed, attempted, put back and asked for again: what tenants must be told, until they were
//! told.

use evogate_models::delivery::{
    self, Attempt, Claim, Delivery, End, Lane, put_back, redelivered, taken,
};
use evogate_models::event::{DeliveryId, Event, Target};
use evogate_models::note::{Note, Step};
use evogate_models::{Millis, TenantId, Timestamp};
use redb::ReadableTable as _;

use super::Embedded;
use super::queues::{EVER, next_due, number, rows};
use super::table::{Write, get, unavailable};
use crate::error::{StoreError, TenantError, refusals_are_answers};
use crate::outbox::{Claimed, Claims, Room};

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

impl Write<'_> {
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
}
