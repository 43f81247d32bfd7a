//! What a turn of the rules means for the store, as keys and arguments of `lua/plan.lua`.

use std::sync::Arc;

use evogate_models::delivery::Delivery;
use evogate_models::event::{Event, EventKind};
use evogate_models::journal::{Entry, Posting};
use evogate_models::life::results::run_out;
use evogate_models::life::{KeyFate, Turn};
use evogate_models::task::Task;
use evogate_models::view::{Shown, shown};
use evogate_models::{Credits, Timestamp, UpstreamId};

use super::Redis;
use super::endpoints::{Endpoints, joined};
use super::journal::{pack_entry, pack_notes};
use super::key::{Place, upstream};
use super::pack::{encode, or_none, pack};
use super::stored::{self, Stored};
use crate::census::{OpenTasks, given_back};
use crate::error::StoreError;
use crate::rule::is_unbound;
use crate::usage::day;

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
    before: Option<&'a Stored>,
    turn: &'a Turn,
    now: Timestamp,
    /// For how long the call may be applied; 0 for ever.
    valid_for: i64,
    /// The number by which the same call is known when it comes again.
    operation: i64,
    /// The tenant's endpoints, as last seen.
    endpoints: Arc<Endpoints>,
    pub(super) remember: Remember,
    /// EvoLink's id that the task is bound to by this turn.
    pub(super) claims: Option<&'a UpstreamId>,
    /// An entry of the audit trail.
    pub(super) audit: Option<Vec<u8>>,
}

/// Keys and arguments of a script.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) args: Vec<Vec<u8>>,
}

impl Arguments {
    /// One key more, where there is one. Answers its place, from 1 on; 0 where there is none.
    fn place(&mut self, key: Option<Vec<u8>>) -> i64 {
        match key {
            Some(key) => {
                self.keys.push(key);
                i64::try_from(self.keys.len()).unwrap_or(i64::MAX)
            }
            None => 0,
        }
    }
}

impl<'a> Plan<'a> {
    /// What `turn`, made at `now` of the task as it was `before`, means for the store.
    pub(super) fn new(
        redis: &Redis,
        before: Option<&'a Stored>,
        turn: &'a Turn,
        now: Timestamp,
        operation: i64,
    ) -> Self {
        Self {
            before,
            turn,
            now,
            valid_for: redis.valid_for(),
            operation,
            endpoints: redis.known_endpoints(&turn.books.task.tenant),
            remember: Remember::No,
            claims: None,
            audit: None,
        }
    }

    pub(super) fn task(&self) -> &'a Task {
        &self.turn.books.task
    }

    /// Is this the turn that binds the task to EvoLink's?
    pub(super) fn binds(&self) -> bool {
        self.before
            .is_none_or(|before| before.task.upstream.is_none())
    }

    pub(super) fn call(&self, place: Place<'_>) -> Result<Arguments, StoreError> {
        let task = self.task();
        let mut call = Arguments {
            keys: vec![
                place.account(),
                place.task(&task.id),
                place.shard.sequence(),
            ],
            args: Vec::new(),
        };
        let numbers = self.numbers(place, &mut call);
        call.keys.extend([
            place.shard.due(),
            place.index(),
            place.journal(),
            place.shard.prefix(),
        ]);
        call.args.extend([
            with_other_ends(pack(&numbers)),
            stored::record(task, self.operation)?,
            pack_notes(&task.id, &self.turn.notes)?,
            place.owner(&task.id),
            postings(&self.turn.postings),
        ]);
        let at = self.turn.notes.first().map_or(task.created, |note| note.at);
        for posting in &self.turn.postings {
            call.args.push(pack_entry(&Entry {
                seq: 0,
                at,
                posting: *posting,
                task: Some(task.id.clone()),
                note: None,
                by: None,
            })?);
        }
        call.args.extend(self.audit.clone());
        self.tell(&mut call.args)?;
        Ok(call)
    }

    /// What [`Self::tell`] adds: 1 an event, and who wants to know of a low balance; 2 only the latter.
    fn told(&self) -> i64 {
        if self.turn.event.is_some() {
            1
        } else if self.endpoints.subscribers(EventKind::CreditsLow).is_empty() {
            0
        } else {
            2
        }
    }

    /// Whom the turn is told.
    fn tell(&self, args: &mut Vec<Vec<u8>>) -> Result<(), StoreError> {
        let event = self.event();
        let of_low = self.endpoints.subscribers(EventKind::CreditsLow);
        if event.is_some() || !of_low.is_empty() {
            args.push(of_low.join(",").into_bytes());
        }
        let Some(event) = event else {
            return Ok(());
        };
        // Named also where nobody seems to be told: the script sees whether that is still so.
        let targets = self.endpoints.targets(&event);
        args.push(event.id.as_str().into());
        args.push(if targets.is_empty() {
            Vec::new()
        } else {
            encode(&event)?
        });
        args.push(joined(&targets));
        for target in targets {
            args.push(encode(&Delivery::new(&event, target))?);
        }
        Ok(())
    }

    /// The event that goes with the turn.
    fn event(&self) -> Option<Event> {
        let kind = self.turn.event?;
        Some(Event::of_task(self.task(), kind, self.last_at()))
    }

    fn last_at(&self) -> Timestamp {
        let last = self.turn.notes.last();
        last.map_or(self.task().created, |note| note.at)
    }

    /// In the order of the names in `lua/plan.lua`; keys that are not always there are put in their places.
    fn numbers(&self, place: Place<'_>, call: &mut Arguments) -> [i64; 35] {
        let task = self.task();
        let before = self.before.map(|before| &before.task);
        let was_open = before.is_some_and(|before| !before.state.is_ended());
        let is_open = !task.state.is_ended();
        let ended = was_open && !is_open;
        let loss_before = before.map_or(Credits::ZERO, Task::loss);
        let [day_start, week_start, month_start] = task.windows.map(Timestamp::millis);
        let (fate, until) = self.lead_fate();
        let remember = match (self.remember, &task.idempotency_key) {
            (Remember::No, _) | (Remember::Again, None) => 0,
            (Remember::New, Some(_)) => 1,
            (Remember::New, None) => 2,
            (Remember::Again, Some(_)) => 3,
        };
        let lead = || match &task.idempotency_key {
            Some(key) => place.idempotency(key),
            None => place.repeat(&task.fingerprint),
        };
        let posts = !self.turn.postings.is_empty();
        let sums = before.is_none() || ended;
        let (user, key) = (counted_user(task), counted_key(task));
        [
            self.now.millis(),
            self.valid_for,
            self.before.map_or(-1, |before| before.version),
            self.operation,
            or_none(task.due),
            letter(task),
            before.map_or(0, letter),
            i64::from(is_open) - i64::from(was_open),
            task.loss().micro().saturating_sub(loss_before.micro()),
            day_start,
            week_start,
            month_start,
            i64::from(before.is_none()),
            if ended { outcome(task) } else { 0 },
            if ended { task.charged.micro() } else { 0 },
            fate,
            until,
            task.created.millis(),
            i64::from(before.is_none() && task.author.user.is_some()),
            i64::from(place.shard.0),
            self.endpoints.version,
            remember,
            self.last_at().millis(),
            call.place((remember != 0 || fate != 0).then(lead)),
            call.place(self.claims.map(upstream)),
            call.place(user.filter(|_| posts).map(|name| place.counted(&name))),
            call.place(key.filter(|_| posts).map(|name| place.counted(&name))),
            call.place(sums.then(|| place.sums(day(task.created), task))),
            i64::try_from(call.keys.len()).map_or(i64::MAX, |read| read.saturating_add(1)),
            i64::from(self.audit.is_some()),
            self.told(),
            before.map_or(0, open_state),
            open_state(task),
            given_back(&self.turn.postings).micro(),
            runs_out(before, task),
        ]
    }

    /// What becomes of what leads the request to its task, which is its idempotency key, or else the request
    /// itself: 1 it is free, 2 it leads there until then; 3 the same whatever it leads to; 4 it is free
    /// unless it leads there until some time.
    fn lead_fate(&self) -> (i64, i64) {
        let with_key = self.task().idempotency_key.is_some();
        match (self.turn.key, self.turn.repeat_until) {
            (KeyFate::Freed, _) if with_key => (1, 0),
            (KeyFate::Until(until), _) if with_key => (2, until.millis()),
            (KeyFate::Kept, _) if with_key => (0, 0),
            (_, Some(until)) => (3, until.millis()),
            (KeyFate::Kept, None) => (0, 0),
            (_, None) => (4, 0),
        }
    }
}

/// Lua's hash of a text of this length looks at every eighth byte of it, from the last one on. Those must be
/// bytes that differ from call to call, and not the high ones of numbers, which are all the same: or it takes
/// Lua longer to find its texts than to do all the rest.
fn with_other_ends(mut numbers: Vec<u8>) -> Vec<u8> {
    numbers.push(0);
    numbers
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

/// The user's name among what is counted.
pub(super) fn counted_user(task: &Task) -> Option<String> {
    let user = task.author.user.as_ref();
    user.map(|user| format!("u:{user}"))
}

/// The key's name among what is counted.
pub(super) fn counted_key(task: &Task) -> Option<String> {
    let key = task.author.key.as_ref();
    key.map(|key| format!("k:{key}"))
}

/// The last letter of the task's member of the due set; 0 where it is none.
pub(super) fn letter(task: &Task) -> i64 {
    let letter = if is_unbound(task) { b'u' } else { b'b' };
    if task.due.is_some() {
        i64::from(letter)
    } else {
        0
    }
}

/// The state of an unfinished task as `lua/apply.lua` counts it; 0 for one that has ended.
pub(super) fn open_state(task: &Task) -> i64 {
    let place = OpenTasks::place(task).and_then(|place| i64::try_from(place).ok());
    place.map_or(0, |place| place.saturating_add(1))
}

/// The number of the state `unknown`.
pub(super) const UNKNOWN: i64 = 3;

/// When the task ended, where its results run out from this turn on; -1 where they do no more; 0 for no change.
fn runs_out(before: Option<&Task>, task: &Task) -> i64 {
    match (before.is_some_and(run_out), run_out(task)) {
        (false, true) => ended(task),
        (true, false) => -1,
        _ => 0,
    }
}

/// By what tasks whose results run out are in order.
pub(super) fn ended(task: &Task) -> i64 {
    task.ended.unwrap_or(task.created).millis()
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
    let numbers = |posting: &Posting| match *posting {
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
    };
    let all: Vec<[i64; 6]> = postings.iter().map(numbers).collect();
    pack(all.as_flattened())
}
