//! Queues and what waits in them.

use evogate_models::delivery::{
    Attempt, Claim, Delivery, End, Lane, Queue, attempted, put_back, redelivered,
};
use evogate_models::event::{DeliveryId, Event, EventKind};
use evogate_models::note::{Note, Step};
use evogate_models::{EventId, Millis, TaskId, TenantId, Timestamp};

use super::key::Shard;
use super::pack::{
    corrupt, decode, encode, number, pack, pack_delivery, pack_queue, unpack_delivery, unpack_queue,
};
use super::plan::Arguments;
use super::reply::{Reply, bytes, list, maybe, pairs, text, texts};
use super::{CHUNK, Redis, script};
use crate::error::{StoreError, TenantError};
use crate::outbox::{Claimed, Claims, Cursor, DeliveryFilter, NextDue, Room};

const TRIES: u32 = 50;

/// A delivery with its queue, as they were read.
struct Found {
    delivery: Delivery,
    raw: Vec<u8>,
    queue: Queue,
    raw_queue: Vec<u8>,
}

impl Redis {
    /// When the first queue of each lane is due, shard by shard.
    async fn next_queues(&self) -> Result<Vec<(Shard, NextDue)>, StoreError> {
        let lanes = self
            .layout
            .all()
            .flat_map(|shard| Lane::ALL.map(|lane| shard.outbox(lane)));
        let mut firsts = self.first_of(lanes.collect()).await?.into_iter();
        let mut first = || firsts.next().flatten();
        let mut next = Vec::new();
        for shard in self.layout.all() {
            let (good, suspect) = (first(), first());
            next.push((shard, NextDue { good, suspect }));
        }
        Ok(next)
    }

    pub(crate) async fn claim_deliveries(
        &self,
        room: Room,
        lease: Millis,
    ) -> Result<Claims, StoreError> {
        let now = self.now();
        let mut claims = Claims::default();
        let mut left = room;
        let mut shards = self.next_queues().await?;
        let due = |next: &NextDue, lane: Lane| next.in_lane(lane).is_some_and(|due| due <= now);
        shards.retain(|(_, next)| Lane::ALL.into_iter().any(|lane| due(next, lane)));
        shards.sort_unstable_by_key(|(_, next)| next.first());
        let count = shards.len();
        for (n, (shard, _)) in shards.into_iter().enumerate() {
            // None takes more than its share while others have work too.
            let shards_left = count.saturating_sub(n).max(1);
            let share = Room {
                good: left.good.div_ceil(shards_left),
                suspect: left.suspect.div_ceil(shards_left),
            };
            let taken = self.claim_queues(shard, share, lease).await?;
            for claimed in &taken {
                match claimed.lane {
                    Lane::Good => left.good = left.good.saturating_sub(1),
                    Lane::Suspect => left.suspect = left.suspect.saturating_sub(1),
                }
            }
            claims.deliveries.extend(taken);
        }
        for (_, next) in self.next_queues().await? {
            let earlier = |a: Option<Timestamp>, b: Option<Timestamp>| match (a, b) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            claims.next.good = earlier(claims.next.good, next.good);
            claims.next.suspect = earlier(claims.next.suspect, next.suspect);
        }
        Ok(claims)
    }

    async fn claim_queues(
        &self,
        shard: Shard,
        room: Room,
        lease: Millis,
    ) -> Result<Vec<Claimed>, StoreError> {
        let places = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let call = Arguments {
            keys: vec![
                shard.outbox(Lane::Good),
                shard.outbox(Lane::Suspect),
                shard.prefix(),
                shard.sequence(),
            ],
            args: vec![pack(&[
                self.now().millis(),
                self.valid_for(),
                lease,
                places(room.good),
                places(room.suspect),
            ])],
        };
        let value = self
            .link
            .script(&script::CLAIM_DELIVERIES, &call.keys, &call.args)
            .await?;
        let mut reply = Reply::read(value)?;
        if reply.word == "LATE" {
            self.heard_time(reply.number()?);
            return Ok(Vec::new());
        }
        let mut parts = reply.all()?.into_iter();
        let mut claimed = Vec::new();
        while let Some(lane) = parts.next() {
            let mut part = || parts.next().ok_or_else(|| corrupt("half a claim"));
            let (_tenant, event, delivery, endpoint) = (part()?, part()?, part()?, part()?);
            claimed.push(Claimed {
                delivery: unpack_delivery(&delivery)?,
                event: decode(&event)?,
                endpoint: if endpoint.is_empty() {
                    None
                } else {
                    Some(decode(&endpoint)?)
                },
                lane: if lane == b"1" {
                    Lane::Good
                } else {
                    Lane::Suspect
                },
            });
        }
        Ok(claimed)
    }

    async fn find(&self, tenant: &TenantId, id: &DeliveryId) -> Result<Option<Found>, StoreError> {
        let place = self.layout.tenant(tenant);
        let mut delivery = redis::cmd("HGET");
        delivery.arg(place.event(&id.event)).arg(id.target.as_str());
        let mut queue = redis::cmd("GET");
        queue.arg(place.queue(&id.target));
        let mut answers = self.all(vec![delivery, queue]).await?.into_iter();
        let mut answer = || answers.next().unwrap_or(redis::Value::Nil);
        let (raw, raw_queue) = (maybe(answer())?, bytes(answer())?);
        let Some(raw) = raw else {
            return Ok(None);
        };
        Ok(Some(Found {
            delivery: unpack_delivery(&raw)?,
            raw,
            queue: unpack_queue(&raw_queue)?,
            raw_queue,
        }))
    }

    /// Puts a delivery in the place of what it was. `false`: look again.
    async fn replace(
        &self,
        found: &Found,
        after: &Delivery,
        queue: Option<Queue>,
        note: Option<Note>,
    ) -> Result<bool, StoreError> {
        let place = self.layout.tenant(&after.tenant);
        let nothing = || place.shard.sequence();
        let (notes, task) = match &after.task {
            Some(task) => (place.notes(task), place.task(task)),
            None => (nothing(), nothing()),
        };
        let note = note.filter(|_| after.task.is_some());
        let call = Arguments {
            keys: vec![
                place.event(&after.event),
                place.queue(&after.target),
                place.shard.prefix(),
                place.shard.sequence(),
                notes,
                task,
            ],
            args: vec![
                after.tenant.as_str().into(),
                after.target.as_str().into(),
                after.event.as_str().into(),
                found.raw.clone(),
                pack_delivery(after)?,
                found.raw_queue.clone(),
                queue.map_or_else(Vec::new, |queue| pack_queue(&queue)),
                note.map_or_else(|| Ok(Vec::new()), |note| encode(&note))?,
            ],
        };
        let value = self
            .link
            .script(&script::PUT_DELIVERY, &call.keys, &call.args)
            .await?;
        Ok(Reply::read(value)?.word == "OK")
    }

    pub(crate) async fn attempted(
        &self,
        claim: &Claim,
        attempt: Attempt,
        end: End,
        jitter: f64,
    ) -> Result<Option<Delivery>, StoreError> {
        for _ in 0..TRIES {
            let Some(found) = self.claimed(claim).await? else {
                return Ok(None);
            };
            let mut queue = found.queue;
            let ruled = attempted(
                found.delivery.clone(),
                queue.health,
                attempt.clone(),
                &end,
                jitter,
                self.now(),
            );
            queue.health = ruled.health;
            let note = Note {
                at: attempt.at,
                step: Step::delivery(&ruled.delivery, &attempt),
            };
            if !self
                .replace(&found, &ruled.delivery, Some(queue), Some(note))
                .await?
            {
                continue;
            }
            if let Some(why) = ruled.disable {
                match self.disable(&claim.tenant, &claim.id.target, why).await {
                    Ok(()) => {}
                    Err(TenantError::Store(error)) => return Err(error),
                    Err(error) => return Err(corrupt(error)),
                }
            }
            self.outbox.notify_one();
            return Ok(Some(ruled.delivery));
        }
        Err(restless())
    }

    /// The delivery, if it is still claimed by whoever has this.
    async fn claimed(&self, claim: &Claim) -> Result<Option<Found>, StoreError> {
        let found = self.find(&claim.tenant, &claim.id).await?;
        Ok(found
            .filter(|found| found.delivery.fence == claim.fence && found.delivery.lease.is_some()))
    }

    pub(crate) async fn postpone(&self, claim: &Claim, due: Timestamp) -> Result<bool, StoreError> {
        for _ in 0..TRIES {
            let Some(found) = self.claimed(claim).await? else {
                return Ok(false);
            };
            let back = put_back(found.delivery.clone(), due);
            if self.replace(&found, &back, None, None).await? {
                self.outbox.notify_one();
                return Ok(true);
            }
        }
        Err(restless())
    }

    pub(crate) async fn redeliver(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
    ) -> Result<Delivery, TenantError> {
        for _ in 0..TRIES {
            let found = self
                .find(tenant, id)
                .await?
                .ok_or(TenantError::NoDelivery)?;
            if let Some(endpoint) = id.target.endpoint() {
                let endpoint = self.endpoint(tenant, endpoint).await?;
                let endpoint = endpoint.ok_or(TenantError::NoEndpoint)?;
                if endpoint.disabled.is_some() {
                    return Err(TenantError::Disabled);
                }
            }
            let again = redelivered(found.delivery.clone(), self.now());
            if self.replace(&found, &again, None, None).await? {
                self.outbox.notify_one();
                return Ok(again);
            }
        }
        Err(restless().into())
    }

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
        for tenant in tenants {
            let after = match &after {
                Some(cursor) if cursor.tenant > tenant => continue,
                Some(cursor) if cursor.tenant == tenant => Some(cursor),
                _ => None,
            };
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

fn restless() -> StoreError {
    StoreError::Unavailable("a delivery does not stand still".to_owned())
}
