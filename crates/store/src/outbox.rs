//! What workers ask of the outbox, and what readers of deliveries do.

use evogate_models::delivery::{Delivery, DeliveryState, Lane};
use evogate_models::endpoint::Endpoint;
use evogate_models::event::{DeliveryId, Event, EventKind, Target};
use evogate_models::{TaskId, TenantId, Timestamp};

/// How many deliveries a worker has room for, by lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// To targets that take deliveries.
    pub good: usize,
    /// To the others.
    pub suspect: usize,
}

impl Room {
    /// The same for each lane.
    pub const fn of(each: usize) -> Self {
        Self {
            good: each,
            suspect: each,
        }
    }

    /// For one lane.
    pub const fn in_lane(&self, lane: Lane) -> usize {
        match lane {
            Lane::Good => self.good,
            Lane::Suspect => self.suspect,
        }
    }

    /// The same, to be changed.
    pub(crate) const fn lane_mut(&mut self, lane: Lane) -> &mut usize {
        match lane {
            Lane::Good => &mut self.good,
            Lane::Suspect => &mut self.suspect,
        }
    }
}

/// When the next queue is due, by lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NextDue {
    /// Among targets that take deliveries.
    pub good: Option<Timestamp>,
    /// Among the others.
    pub suspect: Option<Timestamp>,
}

impl NextDue {
    /// In one lane.
    pub const fn in_lane(&self, lane: Lane) -> Option<Timestamp> {
        match lane {
            Lane::Good => self.good,
            Lane::Suspect => self.suspect,
        }
    }

    /// Whichever comes first.
    pub fn first(&self) -> Option<Timestamp> {
        earlier(self.good, self.suspect)
    }

    /// In each lane whichever of the two comes first.
    #[must_use]
    pub(crate) fn or_earlier(self, other: Self) -> Self {
        Self {
            good: earlier(self.good, other.good),
            suspect: earlier(self.suspect, other.suspect),
        }
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A delivery that was claimed, with all that it takes to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The delivery, under the lease and the fence in it.
    pub delivery: Delivery,
    /// The event.
    pub event: Event,
    /// The endpoint as it is now; none where it was deleted, and for callbacks.
    pub endpoint: Option<Endpoint>,
    /// Which lane's room it uses.
    pub lane: Lane,
}

/// What a claim got.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// The deliveries, each to be sent now.
    pub deliveries: Vec<Claimed>,
    /// When the next queues are due. In the past where there was no room for them.
    pub next: NextDue,
}

/// Which deliveries a list shows. What is `None` is not asked for.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Of this target.
    pub target: Option<Target>,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// Of events of this kind.
    pub kind: Option<EventKind>,
    /// That tell of this task.
    pub task: Option<TaskId>,
    /// Of events from this time on.
    pub from: Option<Timestamp>,
    /// Of events before this time.
    pub to: Option<Timestamp>,
}

impl DeliveryFilter {
    /// Does it show this one?
    pub fn matches(&self, delivery: &Delivery) -> bool {
        let task = |task: &TaskId| delivery.task.as_ref() == Some(task);
        let target = |target: &Target| delivery.target == *target;
        self.target.as_ref().is_none_or(target)
            && self.task.as_ref().is_none_or(task)
            && self.state.is_none_or(|state| state == delivery.state)
            && self.kind.is_none_or(|kind| kind == delivery.kind)
            && self.from.is_none_or(|from| delivery.at >= from)
            && self.to.is_none_or(|to| delivery.at < to)
    }
}

/// A place in a list of deliveries, which is in the order of tenants, and for each tenant newest first:
/// the last delivery that was shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Whose it was.
    pub tenant: TenantId,
    /// When its event happened.
    pub at: Timestamp,
    /// Which it was.
    pub id: DeliveryId,
}

impl Cursor {
    /// The place of this delivery.
    pub fn of(delivery: &Delivery) -> Self {
        Self {
            tenant: delivery.tenant.clone(),
            at: delivery.at,
            id: delivery.id(),
        }
    }
}

/// The tenants that a list has still to go through, each with the place in its own deliveries after which
/// it goes on. `tenants` are in their order.
pub(crate) fn onwards(
    tenants: Vec<TenantId>,
    after: Option<&Cursor>,
) -> impl Iterator<Item = (TenantId, Option<&Cursor>)> {
    let left = tenants
        .into_iter()
        .filter(move |tenant| after.is_none_or(|cursor| cursor.tenant <= *tenant));
    left.map(move |tenant| {
        let within = after.filter(|cursor| cursor.tenant == tenant);
        (tenant, within)
    })
}
