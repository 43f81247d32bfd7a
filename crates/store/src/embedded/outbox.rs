//! Deliveries: what tenants must be told, until they were told.

use evogate_models::event::{Attempt, Delivery, DeliveryState};
use evogate_models::note::{Note, Step};
use evogate_models::{EventId, Millis, TaskId, TenantId, Timestamp};
use redb::ReadableTable as _;

use super::Embedded;
use super::due::first;
use super::table::{Write, decode, encode, get, unavailable};
use crate::error::StoreError;

impl Embedded {
    pub(crate) async fn next_delivery(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|tables| {
            let outbox = tables.outbox()?;
            let first = outbox.first().map_err(unavailable)?;
            Ok(first.map(|(key, _)| Timestamp::from_millis(key.value().0)))
        })
    }

    pub(crate) async fn claim_deliveries(
        &self,
        limit: usize,
        lease: Millis,
    ) -> Result<Vec<Delivery>, StoreError> {
        let now = self.now();
        if self.next_delivery().await?.is_none_or(|due| due > now) {
            return Ok(Vec::new());
        }
        self.write(move |tables| tables.claim_deliveries(limit, lease, now))
            .await
    }

    pub(crate) async fn attempted(
        &self,
        tenant: &TenantId,
        event: &EventId,
        fence: u64,
        attempt: Attempt,
        state: DeliveryState,
        due: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let (tenant, event, now) = (tenant.clone(), event.clone(), self.now());
        self.write(move |tables| {
            let Some(before) = tables.claimed(&tenant, &event, fence)? else {
                return Ok(false);
            };
            let mut delivery = before.clone();
            delivery.attempts.push(attempt.clone());
            delivery.state = state;
            // One that is pending is due at some time, or nobody would ever send it.
            delivery.due = (state == DeliveryState::Pending).then(|| due.unwrap_or(now));
            delivery.lease = None;
            tables.put_delivery(Some(&before), &delivery)?;
            tables.note_attempt(&delivery, &attempt)?;
            Ok(true)
        })
        .await
    }

    pub(crate) async fn postpone(
        &self,
        tenant: &TenantId,
        event: &EventId,
        fence: u64,
        due: Timestamp,
    ) -> Result<bool, StoreError> {
        let (tenant, event) = (tenant.clone(), event.clone());
        self.write(move |tables| {
            let Some(before) = tables.claimed(&tenant, &event, fence)? else {
                return Ok(false);
            };
            let mut delivery = before.clone();
            delivery.due = Some(due);
            delivery.lease = None;
            tables.put_delivery(Some(&before), &delivery)?;
            Ok(true)
        })
        .await
    }

    pub(crate) async fn deliveries(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Vec<Delivery>, StoreError> {
        // A task's events have ids that begin with the task's own.
        let first = EventId::of_task(task, "");
        let last = format!("{first}\u{10ffff}");
        self.read(|tables| {
            let mut deliveries = Vec::new();
            let range = (tenant.as_str(), first.as_str())..=(tenant.as_str(), last.as_str());
            for row in tables.deliveries()?.range(range).map_err(unavailable)? {
                deliveries.push(decode(row.map_err(unavailable)?.1.value())?);
            }
            Ok(deliveries)
        })
    }
}

impl Write<'_> {
    pub(super) fn put_delivery(
        &mut self,
        before: Option<&Delivery>,
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        let key = (delivery.tenant.as_str(), delivery.event.as_str());
        if let Some(due) = before.and_then(|before| before.due) {
            self.outbox
                .remove((due.millis(), key.0, key.1))
                .map_err(unavailable)?;
        }
        if let Some(due) = delivery.due {
            self.outbox
                .insert((due.millis(), key.0, key.1), ())
                .map_err(unavailable)?;
        }
        let bytes = encode(delivery)?;
        self.deliveries
            .insert(key, bytes.as_slice())
            .map_err(unavailable)?;
        Ok(())
    }

    /// The delivery, if it is still claimed under `fence`.
    fn claimed(
        &self,
        tenant: &TenantId,
        event: &EventId,
        fence: u64,
    ) -> Result<Option<Delivery>, StoreError> {
        let delivery: Option<Delivery> = get(&self.deliveries, (tenant.as_str(), event.as_str()))?;
        Ok(delivery.filter(|delivery| delivery.fence == fence && delivery.lease.is_some()))
    }

    fn claim_deliveries(
        &mut self,
        limit: usize,
        lease: Millis,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut claimed = Vec::new();
        for (at, tenant, event) in first(&self.outbox, now, limit)? {
            let key = (tenant.as_str(), event.as_str());
            let before: Option<Delivery> = get(&self.deliveries, key)?;
            let Some(before) = before.filter(|delivery| delivery.due == Some(at)) else {
                // No delivery says so: the row would come first in every pass from now on.
                self.outbox
                    .remove((at.millis(), key.0, key.1))
                    .map_err(unavailable)?;
                continue;
            };
            let mut delivery = before.clone();
            delivery.fence = delivery.fence.saturating_add(1);
            delivery.lease = Some(now.plus(lease));
            delivery.due = delivery.lease;
            self.put_delivery(Some(&before), &delivery)?;
            claimed.push(delivery);
        }
        Ok(claimed)
    }

    fn note_attempt(&mut self, delivery: &Delivery, attempt: &Attempt) -> Result<(), StoreError> {
        let Some(task) = self.task(&delivery.tenant, &delivery.task)? else {
            return Ok(());
        };
        let outcome = match delivery.state {
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dead => "given up",
            DeliveryState::Pending => "to be tried again",
        };
        let step = Step::Delivery {
            attempt: u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX),
            status: attempt.status,
            error: attempt.error.clone(),
            outcome: outcome.to_owned(),
        };
        self.note(
            &task,
            &[Note {
                at: attempt.at,
                step,
            }],
        )
    }
}
