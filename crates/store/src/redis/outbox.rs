//! Deliveries attempted, put back and asked for again. What this replica claimed it remembers with its
//! queue, so that an attempt is recorded in one call unless something came in between.

use evogate_models::delivery::{
    Attempt, Claim, Delivery, DeliveryState, End, Queue, attempted, put_back, redelivered,
};
use evogate_models::event::DeliveryId;
use evogate_models::note::{Note, Step};
use evogate_models::{Millis, TenantId, Timestamp};

use super::journal::pack_note;
use super::pack::{corrupt, pack_delivery, pack_queue, unpack_delivery, unpack_queue};
use super::plan::Arguments;
use super::reply::{Reply, bytes, maybe, text};
use super::{Redis, script};
use crate::error::{StoreError, TenantError};

/// How often a change is made anew because somebody else changed the same.
const TRIES: u32 = 50;
/// A queue that is due within this is worth a look; a worker looks as often by itself.
const SOON: Millis = 5_000;

/// A delivery with its queue, as they were read.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) delivery: Delivery,
    raw: Vec<u8>,
    queue: Queue,
    raw_queue: Vec<u8>,
}

impl Found {
    pub(super) fn read(raw: Vec<u8>, raw_queue: Vec<u8>) -> Result<Self, StoreError> {
        Ok(Self {
            delivery: unpack_delivery(&raw)?,
            queue: unpack_queue(&raw_queue)?,
            raw,
            raw_queue,
        })
    }

    /// Is it still claimed by whoever has this?
    fn is_held_by(&self, claim: &Claim) -> bool {
        self.delivery.fence == claim.fence && self.delivery.lease.is_some()
    }
}

/// How putting something in the place of a [`Found`] went.
enum Replacing {
    Done,
    /// It is this by now; nothing where it has left.
    Moved(Option<Box<Found>>),
}

/// A time that may be absent.
pub(super) fn time(millis: Vec<u8>) -> Result<Option<Timestamp>, StoreError> {
    if millis.is_empty() {
        return Ok(None);
    }
    let millis = text(millis)?.parse().map_err(corrupt)?;
    Ok(Some(Timestamp::from_millis(millis)))
}

impl Redis {
    async fn find(&self, tenant: &TenantId, id: &DeliveryId) -> Result<Option<Found>, StoreError> {
        let place = self.layout.tenant(tenant);
        let mut delivery = redis::cmd("HGET");
        delivery.arg(place.event(&id.event)).arg(id.target.as_str());
        let mut queue = redis::cmd("GET");
        queue.arg(place.queue(&id.target));
        let mut answers = self.all(vec![delivery, queue]).await?.into_iter();
        let mut answer = || answers.next().unwrap_or(redis::Value::Nil);
        let (raw, raw_queue) = (maybe(answer())?, bytes(answer())?);
        raw.map(|raw| Found::read(raw, raw_queue)).transpose()
    }

    /// Puts a delivery in the place of what it was. Wakes the worker where the queue is due soon.
    async fn replace(
        &self,
        found: &Found,
        after: &Delivery,
        queue: Option<Queue>,
        note: Option<Note>,
    ) -> Result<Replacing, StoreError> {
        let place = self.layout.tenant(&after.tenant);
        let (task, note) = match (&after.task, note) {
            (Some(task), Some(note)) => (place.task(task), pack_note(task, &note)?),
            _ => (place.shard.sequence(), Vec::new()),
        };
        let call = Arguments {
            keys: vec![
                place.event(&after.event),
                place.queue(&after.target),
                place.shard.prefix(),
                place.shard.sequence(),
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
                note,
                if after.state == found.delivery.state {
                    b"-".to_vec()
                } else {
                    aged(after.state).into()
                },
                after.at.millis().to_string().into_bytes(),
            ],
        };
        let value = self
            .link
            .script(&script::PUT_DELIVERY, &call.keys, &call.args)
            .await?;
        let mut reply = Reply::read(value)?;
        if reply.word == "OK" {
            let next = time(reply.bytes()?)?;
            let now = self.now();
            match next {
                Some(next) if next <= now => self.wake_for(&after.tenant),
                Some(next) if next <= now.plus(SOON) => self.outbox.notify_one(),
                _ => {}
            }
            return Ok(Replacing::Done);
        }
        let (raw, raw_queue) = (reply.bytes()?, reply.bytes()?);
        let is_there = !raw.is_empty();
        let moved = is_there.then(|| Found::read(raw, raw_queue).map(Box::new));
        Ok(Replacing::Moved(moved.transpose()?))
    }

    pub(crate) async fn attempted(
        &self,
        claim: &Claim,
        attempt: Attempt,
        end: End,
        jitter: f64,
    ) -> Result<Option<Delivery>, StoreError> {
        let mut known = self.held(claim).await?;
        for _ in 0..TRIES {
            let Some(found) = known.filter(|found| found.is_held_by(claim)) else {
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
            let replacing = self.replace(&found, &ruled.delivery, Some(queue), Some(note));
            if let Replacing::Moved(now) = replacing.await? {
                known = now.map(|found| *found);
                continue;
            }
            if let Some(why) = ruled.disable {
                match self.disable(&claim.tenant, &claim.id.target, why).await {
                    Ok(()) => {}
                    Err(TenantError::Store(error)) => return Err(error),
                    Err(error) => return Err(corrupt(error)),
                }
            }
            return Ok(Some(ruled.delivery));
        }
        Err(restless())
    }

    /// What a claim is of: as this replica claimed it, or else as it is stored. What was claimed may be
    /// another by now; whoever puts something in its place is told.
    async fn held(&self, claim: &Claim) -> Result<Option<Found>, StoreError> {
        match self.in_hand.remove(claim) {
            Some(found) => Ok(Some(found)),
            None => self.find(&claim.tenant, &claim.id).await,
        }
    }

    pub(crate) async fn postpone(&self, claim: &Claim, due: Timestamp) -> Result<bool, StoreError> {
        let mut known = self.held(claim).await?;
        for _ in 0..TRIES {
            let Some(found) = known.filter(|found| found.is_held_by(claim)) else {
                return Ok(false);
            };
            let back = put_back(found.delivery.clone(), due);
            match self.replace(&found, &back, None, None).await? {
                Replacing::Done => return Ok(true),
                Replacing::Moved(now) => known = now.map(|found| *found),
            }
        }
        Err(restless())
    }

    pub(crate) async fn redeliver(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
    ) -> Result<Delivery, TenantError> {
        let mut known = self.find(tenant, id).await?;
        for _ in 0..TRIES {
            let found = known.ok_or(TenantError::NoDelivery)?;
            if let Some(endpoint) = id.target.endpoint() {
                let endpoint = self.endpoint(tenant, endpoint).await?;
                let endpoint = endpoint.ok_or(TenantError::NoEndpoint)?;
                if endpoint.disabled.is_some() {
                    return Err(TenantError::Disabled);
                }
            }
            let again = redelivered(found.delivery.clone(), self.now());
            match self.replace(&found, &again, None, None).await? {
                Replacing::Done => return Ok(again),
                Replacing::Moved(now) => known = now.map(|found| *found),
            }
        }
        Err(restless().into())
    }
}

fn restless() -> StoreError {
    StoreError::Unavailable("a delivery does not stand still".to_owned())
}

/// The set in which a delivery is by its age.
const fn aged(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "owed",
        DeliveryState::Delivered => "",
        DeliveryState::Dead => "dead",
    }
}
