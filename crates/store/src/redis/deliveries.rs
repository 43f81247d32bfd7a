//! Deliveries as people look at them: of a task, one, lists.

use evogate_models::delivery::Delivery;
use evogate_models::event::{DeliveryId, Event, EventKind};
use evogate_models::{EventId, TaskId, TenantId};

use super::pack::{corrupt, decode, number, unpack_delivery};
use super::reply::{list, maybe, pairs, text, texts};
use super::{CHUNK, Redis};
use crate::error::StoreError;
use crate::outbox::{Cursor, DeliveryFilter, onwards};

impl Redis {
    pub(crate) async fn deliveries(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Vec<Delivery>, StoreError> {
        let place = self.layout.tenant(tenant);
        let reads = events_of(task).map(|event| {
            let mut read = redis::cmd("HGETALL");
            read.arg(place.event(&event));
            read
        });
        let mut deliveries = Vec::new();
        for event in self.all(reads.collect()).await? {
            for (target, delivery) in pairs(event)? {
                if !target.is_empty() {
                    deliveries.push(unpack_delivery(&delivery)?);
                }
            }
        }
        deliveries.sort_unstable_by_key(Delivery::id);
        Ok(deliveries)
    }

    pub(crate) async fn delivery(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
    ) -> Result<Option<(Event, Delivery)>, StoreError> {
        let mut read = redis::cmd("HMGET");
        read.arg(self.layout.tenant(tenant).event(&id.event));
        read.arg("").arg(id.target.as_str());
        let mut values = list(self.link.command(read).await?)?.into_iter();
        let mut value = || maybe(values.next().unwrap_or(redis::Value::Nil));
        match (value()?, value()?) {
            (Some(event), Some(delivery)) => {
                Ok(Some((decode(&event)?, unpack_delivery(&delivery)?)))
            }
            _ => Ok(None),
        }
    }

    pub(crate) async fn list_deliveries(
        &self,
        tenant: Option<&TenantId>,
        filter: DeliveryFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let tenants = match tenant {
            Some(tenant) => vec![tenant.clone()],
            None => self.tenant_ids().await?,
        };
        let mut found = Vec::new();
        for (tenant, after) in onwards(tenants, after.as_ref()) {
            self.list_of(&tenant, &filter, after, limit, &mut found)
                .await?;
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// Adds a tenant's deliveries that `filter` shows, newest first, until there are `limit`.
    async fn list_of(
        &self,
        tenant: &TenantId,
        filter: &DeliveryFilter,
        after: Option<&Cursor>,
        limit: usize,
        found: &mut Vec<Delivery>,
    ) -> Result<(), StoreError> {
        let place = self.layout.tenant(tenant);
        let oldest = filter
            .from
            .map_or_else(|| "-inf".to_owned(), |at| at.millis().to_string());
        let newest = match (after, filter.to) {
            (Some(cursor), Some(to)) if to <= cursor.at => format!("({}", to.millis()),
            (Some(cursor), _) => cursor.at.millis().to_string(),
            (None, Some(to)) => format!("({}", to.millis()),
            (None, None) => "+inf".to_owned(),
        };
        let mut seen = 0_u64;
        while found.len() < limit {
            let mut read = redis::cmd("ZRANGE");
            read.arg(place.history()).arg(&newest).arg(&oldest);
            read.arg("BYSCORE")
                .arg("REV")
                .arg("LIMIT")
                .arg(number(seen))
                .arg(CHUNK);
            let names = texts(self.link.command(read).await?)?;
            if names.is_empty() {
                return Ok(());
            }
            seen = seen.saturating_add(names.len() as u64);
            let mut ids = Vec::new();
            for name in names {
                ids.push(delivery_id(&text(name)?)?);
            }
            let reads = ids.iter().map(|id| {
                let mut read = redis::cmd("HGET");
                read.arg(place.event(&id.event)).arg(id.target.as_str());
                read
            });
            for delivery in self.all(reads.collect()).await? {
                let Some(delivery) = maybe(delivery)? else {
                    continue;
                };
                let delivery = unpack_delivery(&delivery)?;
                let later = after.is_none_or(|cursor| Cursor::of(&delivery) < *cursor);
                if later && filter.matches(&delivery) && found.len() < limit {
                    found.push(delivery);
                }
            }
        }
        Ok(())
    }
}

/// The delivery that a row of the history names.
pub(super) fn delivery_id(name: &str) -> Result<DeliveryId, StoreError> {
    let wrong = || corrupt("the name of a delivery");
    let (event, target) = name.split_once('\0').ok_or_else(wrong)?;
    Ok(DeliveryId {
        event: event.parse().map_err(corrupt)?,
        target: target.parse().map_err(corrupt)?,
    })
}

/// The events that a task may have.
pub(super) fn events_of(task: &TaskId) -> impl Iterator<Item = EventId> {
    let kinds = EventKind::ALL.into_iter();
    let of_tasks = kinds.filter(|kind| kind.as_str().starts_with("task."));
    of_tasks.map(|kind| EventId::of_task(task, kind.as_str()))
}
