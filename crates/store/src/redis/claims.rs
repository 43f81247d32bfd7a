//! Due deliveries claimed, in all shards.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use evogate_models::delivery::Lane;
use evogate_models::{Millis, TenantId, Timestamp};
use redis::Value;

use super::key::Shard;
use super::link::Call;
use super::outbox::{Found, time};
use super::pack::{corrupt, decode, pack};
use super::reply::Reply;
use super::{Redis, script};
use crate::error::StoreError;
use crate::outbox::{Claimed, Claims, NextDue, Room};

/// What shards gave out, and when the next queues of those that answered are due.
#[derive(Default)]
struct Taken {
    deliveries: Vec<Claimed>,
    next: Vec<(Shard, NextDue)>,
    failed: Option<StoreError>,
}

/// The shards in which something became due by what this replica did, so that nobody has to look for it.
#[derive(Debug, Default)]
pub(super) struct Told {
    shards: Mutex<Vec<Shard>>,
    /// Something was due elsewhere too when it was claimed last: now all are looked at, or shards that are told
    /// of all the time would keep others waiting.
    look: AtomicBool,
}

impl Told {
    fn add(&self, shard: Shard) {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        if !shards.contains(&shard) {
            shards.push(shard);
        }
    }

    /// Those that were told of since; none where all are to be looked at.
    fn take(&self) -> Vec<Shard> {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        let told = std::mem::take(&mut *shards);
        if self.look.swap(false, Ordering::Relaxed) {
            return Vec::new();
        }
        told
    }
}

impl Redis {
    /// Something is to be delivered for a tenant now: the worker is woken, and knows where.
    pub(super) fn wake_for(&self, tenant: &TenantId) {
        self.told.add(self.layout.of(tenant));
        self.outbox.notify_one();
    }

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

    /// Claims what is due. Where this replica knows by itself in which shards that is, they are asked at once;
    /// otherwise they are looked for first.
    pub(crate) async fn claim_deliveries(
        &self,
        room: Room,
        lease: Millis,
    ) -> Result<Claims, StoreError> {
        let now = self.now();
        let due = NextDue {
            good: Some(now),
            suspect: Some(now),
        };
        let told: Vec<_> = self.told.take().into_iter().map(|at| (at, due)).collect();
        let looked_for = told.is_empty();
        let (mut taken, found) =
            futures::join!(self.claim_from(told, room, lease), self.next_queues());
        let shards = found.unwrap_or_else(|error| {
            taken.failed = Some(error);
            Vec::new()
        });
        if looked_for && taken.failed.is_none() {
            taken = self.claim_from(shards.clone(), room, lease).await;
        }
        let after = |shard: &Shard| taken.next.iter().find(|(other, _)| other == shard);
        let unasked = shards.iter().filter(|(shard, _)| after(shard).is_none());
        let left = unasked.fold(NextDue::default(), |left, (_, next)| left.or_earlier(*next));
        let is_due =
            |lane| room.in_lane(lane) > 0 && left.in_lane(lane).is_some_and(|at| at <= now);
        if Lane::ALL.into_iter().any(is_due) {
            self.told.look.store(true, Ordering::Relaxed);
        }
        let asked = shards.iter().filter_map(|(shard, _)| after(shard));
        let next = asked.fold(left, |next, (_, after)| next.or_earlier(*after));
        match taken.failed {
            // What other shards gave out is sent all the same.
            Some(error) if taken.deliveries.is_empty() => Err(error),
            _ => Ok(Claims {
                deliveries: taken.deliveries,
                next,
            }),
        }
    }

    /// Asks every shard in which something is due for its share, all at once.
    async fn claim_from(
        &self,
        mut shards: Vec<(Shard, NextDue)>,
        room: Room,
        lease: Millis,
    ) -> Taken {
        shards.sort_unstable_by_key(|(_, next)| next.first());
        let rooms = divided(room, &shards, self.now());
        let asked = shards.iter().map(|(shard, _)| *shard).zip(rooms);
        let asked: Vec<_> = asked
            .filter(|(_, share)| *share != Room::default())
            .collect();
        let mut taken = Taken::default();
        if asked.is_empty() {
            return taken;
        }
        let calls = asked
            .iter()
            .map(|(shard, share)| self.claim_call(*shard, *share, lease));
        let answers = self.link.pipeline(calls.collect()).await;
        for ((shard, _), answer) in asked.into_iter().zip(answers) {
            match answer.and_then(|answer| self.claimed_in(answer)) {
                Ok(Some((deliveries, next))) => {
                    taken.deliveries.extend(deliveries);
                    taken.next.push((shard, next));
                }
                // It is still due, and asked again.
                Ok(None) => {}
                Err(error) => taken.failed = Some(error),
            }
        }
        taken
    }

    fn claim_call(&self, shard: Shard, room: Room, lease: Millis) -> Call<'static> {
        let places = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let keys = vec![
            shard.outbox(Lane::Good),
            shard.outbox(Lane::Suspect),
            shard.prefix(),
            shard.sequence(),
        ];
        let args = vec![pack(&[
            self.now().millis(),
            self.valid_for(),
            lease,
            places(room.good),
            places(room.suspect),
        ])];
        Call::Script(&script::CLAIM_DELIVERIES, keys.into(), args.into())
    }

    /// What a shard gave out, and when its next queues are due; none where the call came too late.
    fn claimed_in(&self, answer: Value) -> Result<Option<(Vec<Claimed>, NextDue)>, StoreError> {
        let mut reply = Reply::read(answer)?;
        if reply.word == "LATE" {
            self.heard_time(reply.number()?);
            return Ok(None);
        }
        let next = NextDue {
            good: time(reply.bytes()?)?,
            suspect: time(reply.bytes()?)?,
        };
        let mut parts = reply.all()?.into_iter();
        let mut claimed = Vec::new();
        while let Some(lane) = parts.next() {
            let mut part = || parts.next().ok_or_else(|| corrupt("half a claim"));
            let (event, raw, endpoint, raw_queue) = (part()?, part()?, part()?, part()?);
            let found = Found::read(raw, raw_queue)?;
            claimed.push(Claimed {
                delivery: found.delivery.clone(),
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
            self.in_hand.insert(found.delivery.claim(), found);
        }
        Ok(Some((claimed, next)))
    }
}

/// The part of each lane's room that each shard gets: an equal one for all in which something is due,
/// and what can't be divided for those in which it is due longest. `shards` are in that order.
fn divided(room: Room, shards: &[(Shard, NextDue)], now: Timestamp) -> Vec<Room> {
    let mut rooms = vec![Room::default(); shards.len()];
    for lane in Lane::ALL {
        let is_due = |(_, next): &&(Shard, NextDue)| next.in_lane(lane).is_some_and(|at| at <= now);
        let places = room.in_lane(lane);
        let count = shards.iter().filter(is_due).count();
        let (Some(each), Some(rest)) = (places.checked_div(count), places.checked_rem(count))
        else {
            continue;
        };
        let mut nth = 0_usize;
        for (shard, share) in shards.iter().zip(&mut rooms) {
            if is_due(&shard) {
                let one_more = usize::from(nth < rest);
                *share.lane_mut(lane) = each.saturating_add(one_more);
                nth = nth.saturating_add(1);
            }
        }
    }
    rooms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_divided_among_the_shards_in_which_something_is_due_lane_by_lane() {
        let at = |seconds: i64| Some(Timestamp::from_seconds(seconds));
        let shard = |number, good, suspect| (Shard(number), NextDue { good, suspect });
        let shards = [
            shard(0, at(1), None),
            shard(1, at(2), at(3)),
            shard(2, at(3), at(9)),
            shard(3, None, None),
        ];
        let room = Room {
            good: 8,
            suspect: 5,
        };
        let parts: Vec<_> = divided(room, &shards, Timestamp::from_seconds(4))
            .iter()
            .map(|part| (part.good, part.suspect))
            .collect();
        assert_eq!(parts, [(3, 0), (3, 5), (2, 0), (0, 0)]);
    }
}
