//! What a turn of the rules means for the store, as keys and arguments of `lua/apply.lua`.

use evogate_models::delivery::Delivery;
use evogate_models::event::{Event, EventKind};
use evogate_models::journal::{Entry, Posting};
use evogate_models::life::{KeyFate, Turn};
use evogate_models::task::Task;
use evogate_models::view::{Shown, shown};
use evogate_models::{Credits, Timestamp, UpstreamId};

use super::endpoints::{Endpoints, joined};
use super::key::{Layout, Place, upstream};
use super::pack::{encode, number, or_none, pack, state};
use crate::error::StoreError;
use crate::rule::{is_again, is_unbound};
use crate::usage::{day, row_name};

/// How a task is found again by the request that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remember {
    /// As it is.
    No,
    /// It is a new one.
    New,
    /// It was made again: a key that leads elsewhere by now stays as it is.
    Again,
}

/// A turn on its way into the store.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) before: Option<&'a Task>,
    /// The version of `before`; −1 where there is none.
    pub(super) version: i64,
    pub(super) turn: &'a Turn,
    pub(super) now: Timestamp,
    /// For how long the call may be applied; 0 for ever.
    pub(super) valid_for: i64,
    /// The number by which the same call is known when it comes again.
    pub(super) operation: i64,
    pub(super) remember: Remember,
    /// EvoLink's id that the task is bound to by this turn.
    pub(super) claims: Option<&'a UpstreamId>,
    /// An entry of the audit trail.
    pub(super) audit: Option<Vec<u8>>,
    /// The tenant's endpoints, as last seen.
    pub(super) endpoints: &'a Endpoints,
}

/// Keys and arguments of a script.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) args: Vec<Vec<u8>>,
}

impl Plan<'_> {
    pub(super) fn call(&self, layout: Layout) -> Result<Arguments, StoreError> {
        let task = &self.turn.books.task;
        let place = layout.tenant(&task.tenant);
        let mut args = vec![
            self.numbers(place),
            encode(task)?,
            place.member(&task.id),
            task.id.as_str().into(),
            task.fingerprint.as_str().into(),
            user_field(task),
            key_field(task),
            format!("{}\u{1f}{}\u{1f}", day(task.created), row_name(task)).into_bytes(),
            task.author.user.clone().unwrap_or_default().into_bytes(),
            place.owner(&task.id),
            self.audit.clone().unwrap_or_default(),
            postings(&self.turn.postings),
            self.turn
                .notes
                .iter()
                .map(|note| if is_again(&note.step) { b'r' } else { b'n' })
                .collect(),
            self.endpoints
                .subscribers(EventKind::CreditsLow)
                .join(",")
                .into_bytes(),
        ];
        let event = self.event();
        let targets = event
            .as_ref()
            .map_or_else(Vec::new, |event| self.endpoints.targets(event));
        match &event {
            Some(event) => {
                // Named also where nobody seems to be told: the script sees whether that is still so.
                args.push(event.id.as_str().into());
                args.push(if targets.is_empty() {
                    Vec::new()
                } else {
                    encode(event)?
                });
            }
            None => args.extend([Vec::new(), Vec::new()]),
        }
        args.push(joined(&targets));
        args.push(task.tenant.as_str().into());
        let at = self.turn.notes.first().map_or(task.created, |note| note.at);
        for posting in &self.turn.postings {
            args.push(encode(&Entry {
                // Its place in the list says it.
                seq: 0,
                at,
                posting: *posting,
                task: Some(task.id.clone()),
                note: None,
                by: None,
            })?);
        }
        for note in &self.turn.notes {
            args.push(encode(note)?);
        }
        for target in targets {
            if let Some(event) = &event {
                args.push(encode(&Delivery::new(event, target))?);
            }
        }
        Ok(Arguments {
            keys: self.keys(place),
            args,
        })
    }

    /// The event that goes with the turn.
    fn event(&self) -> Option<Event> {
        let task = &self.turn.books.task;
        let kind = self.turn.event?;
        let at = self.turn.notes.last().map_or(task.created, |note| note.at);
        Some(Event::of_task(task, kind, at))
    }

    fn keys(&self, place: Place<'_>) -> Vec<Vec<u8>> {
        let task = &self.turn.books.task;
        let none = || place.shard.sequence();
        vec![
            place.account(),
            place.task(&task.id),
            place.notes(&task.id),
            place.shard.due(),
            place.journal(),
            place.index(),
            task.idempotency_key
                .as_deref()
                .map_or_else(none, |key| place.idempotency(key)),
            place.repeat(&task.fingerprint),
            place.usage(),
            place.sums(day(task.created)),
            place.users(),
            place.shard.sequence(),
            self.claims.map_or_else(none, upstream),
            place.shard.audit(),
            place.shard.prefix(),
        ]
    }

    /// In the order of the names in `lua/apply.lua`.
    fn numbers(&self, place: Place<'_>) -> Vec<u8> {
        let task = &self.turn.books.task;
        let was_open = self.before.is_some_and(|before| !before.state.is_ended());
        let is_open = !task.state.is_ended();
        let ended = was_open && !is_open;
        let loss_before = self.before.map_or(Credits::ZERO, Task::loss);
        let [day_start, week_start, month_start] = task.windows.map(Timestamp::millis);
        let (repeat, repeat_until) = self.repeat();
        let (key, key_until) = match self.turn.key {
            _ if task.idempotency_key.is_none() => (0, 0),
            KeyFate::Kept => (0, 0),
            KeyFate::Freed => (1, 0),
            KeyFate::Until(until) => (2, until.millis()),
        };
        let remember = match (self.remember, &task.idempotency_key) {
            (Remember::No, _) | (Remember::Again, None) => 0,
            (Remember::New, Some(_)) => 1,
            (Remember::New, None) => 2,
            (Remember::Again, Some(_)) => 3,
        };
        let (lease_fence, lease_until) = task.lease.map_or((-1, -1), |lease| {
            (number(lease.fence), lease.until.millis())
        });
        pack(&[
            self.now.millis(),
            self.valid_for,
            self.version,
            self.operation,
            or_none(task.due),
            number(task.fence),
            lease_fence,
            lease_until,
            or_none(task.refreshed),
            state(task),
            i64::from(is_unbound(task)),
            i64::from(is_open) - i64::from(was_open),
            task.loss().micro().saturating_sub(loss_before.micro()),
            day_start,
            week_start,
            month_start,
            i64::from(self.before.is_none()),
            if ended { outcome(task) } else { 0 },
            if ended { task.charged.micro() } else { 0 },
            key,
            key_until,
            repeat,
            repeat_until,
            second(task),
            i64::from(self.before.is_none() && task.author.user.is_some()),
            i64::from(self.claims.is_some()),
            i64::from(place.shard.0),
            self.endpoints.version,
            remember,
            self.turn
                .notes
                .last()
                .map_or(task.created, |note| note.at)
                .millis(),
        ])
    }

    /// What becomes of the repeat record: 1 leads here until then, 2 leaves if it leads here.
    fn repeat(&self) -> (i64, i64) {
        // A request with a key finds its task by the key alone.
        if self.turn.books.task.idempotency_key.is_some() {
            return (0, 0);
        }
        match (self.turn.repeat_until, self.turn.key) {
            (Some(until), _) => (1, until.millis()),
            (None, KeyFate::Kept) => (0, 0),
            (None, _) => (2, 0),
        }
    }
}

/// Does the turn leave everything as it is?
pub(super) fn changes_nothing(before: &Task, turn: &Turn) -> bool {
    turn.books.task == *before
        && turn.postings.is_empty()
        && turn.notes.is_empty()
        && turn.event.is_none()
        && turn.key == KeyFate::Kept
        && turn.repeat_until.is_none()
}

/// The field of the user's usage.
pub(super) fn user_field(task: &Task) -> Vec<u8> {
    let user = task.author.user.as_deref();
    user.map_or_else(Vec::new, |user| format!("u:{user}").into_bytes())
}

/// The field of the key's usage.
pub(super) fn key_field(task: &Task) -> Vec<u8> {
    let key = task.author.key.as_ref();
    key.map_or_else(Vec::new, |key| format!("k:{key}").into_bytes())
}

/// The second in a task's id, which orders the tenant's tasks.
pub(super) fn second(task: &Task) -> i64 {
    let second = task.id.as_str().split('-').nth(2);
    second.and_then(|second| second.parse().ok()).unwrap_or(0)
}

fn outcome(task: &Task) -> i64 {
    match shown(task) {
        Shown::Completed => 1,
        Shown::Cancelled => 3,
        _ => 2,
    }
}

/// For each: what is added to granted, available, held, spent; 1 for a hold and 2 for a change of one;
/// how much more the windows count.
fn postings(postings: &[Posting]) -> Vec<u8> {
    let numbers = postings.iter().map(|posting| match *posting {
        Posting::Granted { amount } => [amount.micro(), amount.micro(), 0, 0, 0, 0],
        Posting::Held { amount } => {
            let amount = amount.micro();
            [0, -amount, amount, 0, 1, amount]
        }
        Posting::Moved { from, to } => {
            let more = to.micro().saturating_sub(from.micro());
            [0, -more, more, 0, 2, more]
        }
        Posting::Settled { charged, released } => {
            let (charged, released) = (charged.micro(), released.micro());
            let hold = charged.saturating_add(released);
            [0, released, -hold, charged, 2, -released]
        }
        Posting::Released { amount } => {
            let amount = amount.micro();
            [0, amount, -amount, 0, 2, -amount]
        }
    });
    numbers.flat_map(|numbers| pack(&numbers)).collect()
}
