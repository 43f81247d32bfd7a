//! All tasks and the account they are billed to.
//!
//! What must hold: `granted = remaining + reserved + billed` at any moment, a task is accepted only when the
//! credits suffice, and every change of a task changes the sums in the same step.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::clock::{Millis, millis};
use crate::config::SimConfig;
use crate::money::Micro;
use crate::refusal::{
    Refusal, idempotency_conflict, insufficient_credits, not_cancellable, task_not_found,
};
use crate::state::{Record, StateFile};
use crate::task::{End, Task, Verdict};
use crate::totals::Totals;

/// The place of a task in the order of acceptance.
type Place = u64;

/// What was found under an idempotency key.
pub(crate) enum Replay {
    New,
    Known(Box<Task>),
}

#[derive(Debug)]
pub(crate) struct World {
    tasks: BTreeMap<Place, Task>,
    places: HashMap<String, Place>,
    due: BTreeSet<(Millis, Place)>,
    open: BTreeSet<Place>,
    ended: BTreeSet<Place>,
    keys: HashMap<String, Place>,
    next: Place,
    granted: Micro,
    totals: Totals,
    retention: Millis,
    task_limit: usize,
    state: Option<Arc<StateFile>>,
}

impl World {
    pub(crate) fn new(config: &SimConfig, state: Option<Arc<StateFile>>) -> Self {
        Self {
            tasks: BTreeMap::new(),
            places: HashMap::new(),
            due: BTreeSet::new(),
            open: BTreeSet::new(),
            ended: BTreeSet::new(),
            keys: HashMap::new(),
            next: 0,
            granted: config.credits,
            totals: Totals::default(),
            retention: millis(config.retention),
            task_limit: config.task_limit.max(1),
            state,
        }
    }

    /// Takes over what a state file says.
    pub(crate) fn restore(&mut self, record: &Record<'_>) {
        match record {
            Record::Task(task) if self.knows(&task.id) => {
                self.replace(&task.id, |known| task.as_ref().clone_into(known));
            }
            Record::Task(task) => self.insert(Task::clone(task)),
            Record::Past(totals) => self.totals.add(*totals),
            Record::Granted(granted) => self.granted = *granted,
            Record::Ahead(_) | Record::File(_) | Record::FileGone(_) => {}
        }
    }

    /// Everything that a state file must hold to restore this. `initial` is what the configuration grants.
    pub(crate) fn records(&self, initial: Micro) -> impl Iterator<Item = Record<'_>> {
        let mut past = self.totals;
        for task in self.tasks.values() {
            past.remove(Totals::of(task));
        }
        let granted = (self.granted != initial).then_some(Record::Granted(self.granted));
        let tasks = self
            .tasks
            .values()
            .map(|task| Record::Task(Cow::Borrowed(task)));
        std::iter::once(Record::Past(past))
            .chain(granted)
            .chain(tasks)
    }

    /// How many records that is, about.
    pub(crate) fn record_count(&self) -> usize {
        self.tasks.len()
    }

    fn keep(&self, record: &Record<'_>) {
        if let Some(state) = &self.state {
            state.append(record);
        }
    }

    pub(crate) fn granted(&self) -> Micro {
        self.granted
    }

    pub(crate) fn grant(&mut self, granted: Micro) {
        self.granted = granted;
        self.keep(&Record::Granted(granted));
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// What new tasks can still be paid from.
    pub(crate) fn remaining(&self) -> Micro {
        self.granted
            .minus(self.totals.reserved)
            .minus(self.totals.billed)
    }

    pub(crate) fn knows(&self, id: &str) -> bool {
        self.places.contains_key(id)
    }

    pub(crate) fn has_key(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// What an idempotency key has already made.
    pub(crate) fn replay(&self, key: &str, fingerprint: u64) -> Result<Replay, Refusal> {
        match self.keys.get(key).and_then(|place| self.tasks.get(place)) {
            None => Ok(Replay::New),
            Some(task) if task.fingerprint == fingerprint => {
                Ok(Replay::Known(Box::new(task.clone())))
            }
            Some(_) => Err(idempotency_conflict()),
        }
    }

    /// Takes a task on and reserves its credits.
    pub(crate) fn accept(&mut self, task: Task) -> Result<(), Refusal> {
        if task.reserved > self.remaining() {
            return Err(insufficient_credits(task.reserved, self.remaining()));
        }
        self.keep(&Record::Task(Cow::Borrowed(&task)));
        self.insert(task);
        self.evict();
        Ok(())
    }

    fn insert(&mut self, task: Task) {
        let place = self.next;
        self.next = self.next.saturating_add(1);
        self.totals.add(Totals::of(&task));
        self.index(place, &task);
        self.places.insert(task.id.clone(), place);
        if let Some(key) = &task.idempotency_key {
            self.keys.entry(key.clone()).or_insert(place);
        }
        self.tasks.insert(place, task);
    }

    fn index(&mut self, place: Place, task: &Task) {
        if task.end.is_none() {
            self.ended.remove(&place);
            self.open.insert(place);
        } else {
            self.open.remove(&place);
            self.ended.insert(place);
        }
        if let Some(due) = task.due() {
            self.due.insert((due, place));
        }
    }

    /// Drops the oldest finished tasks beyond the limit; their part of the sums stays.
    fn evict(&mut self) {
        while self.tasks.len() > self.task_limit {
            let oldest = self.ended.pop_first();
            let Some(task) = oldest.and_then(|place| self.tasks.remove(&place)) else {
                return;
            };
            self.places.remove(&task.id);
            if let Some(key) = &task.idempotency_key {
                self.keys.remove(key);
            }
        }
    }

    /// The task as its owner sees it: forgotten and expired ones are not there.
    pub(crate) fn visible(&self, id: &str, now: Millis) -> Option<&Task> {
        self.task(id).filter(|task| self.is_visible(task, now))
    }

    pub(crate) fn is_visible(&self, task: &Task, now: Millis) -> bool {
        !task.forgotten && now < task.created.saturating_add(self.retention)
    }

    /// The task, whether EvoLink would still admit to it or not.
    pub(crate) fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.get(self.places.get(id)?)
    }

    /// All tasks, the newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values().rev()
    }

    /// The tasks that have not ended.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Task> {
        self.open.iter().filter_map(|place| self.tasks.get(place))
    }

    /// Cancels as its owner asks. The answer shows the task afterwards.
    pub(crate) fn cancel(&mut self, id: &str, now: Millis) -> Result<Task, Refusal> {
        let task = self.visible(id, now).ok_or_else(task_not_found)?;
        if !task.can_cancel() {
            return Err(not_cancellable());
        }
        if !task.quirks.cancel_ignored {
            let end = End {
                at: now,
                verdict: task.cancel_verdict(),
            };
            self.change(id, |task| task.end = Some(end));
        }
        self.task(id).cloned().ok_or_else(task_not_found)
    }

    /// Changes one task and everything that depends on it.
    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Task)) -> Option<Task> {
        let after = self.replace(id, change)?;
        self.keep(&Record::Task(Cow::Borrowed(&after)));
        Some(after)
    }

    fn replace(&mut self, id: &str, change: impl FnOnce(&mut Task)) -> Option<Task> {
        let place = *self.places.get(id)?;
        let task = self.tasks.get_mut(&place)?;
        let before = task.clone();
        change(task);
        let after = task.clone();
        self.totals.remove(Totals::of(&before));
        self.totals.add(Totals::of(&after));
        if let Some(due) = before.due() {
            self.due.remove(&(due, place));
        }
        self.index(place, &after);
        Some(after)
    }

    /// Ends every task whose time has come, and answers those.
    pub(crate) fn settle(&mut self, now: Millis) -> Vec<Task> {
        let mut ended = Vec::new();
        while let Some(&(at, place)) = self.due.first()
            && at <= now
        {
            self.due.pop_first();
            let Some(task) = self.tasks.get(&place) else {
                continue;
            };
            let (id, verdict) = (task.id.clone(), task.own_verdict());
            ended.extend(self.end(&id, at, verdict));
        }
        ended
    }

    /// Ends a task in a given way, whether it has ended already or not.
    pub(crate) fn end(&mut self, id: &str, at: Millis, verdict: Verdict) -> Option<Task> {
        self.change(id, |task| task.end = Some(End { at, verdict }))
    }

    /// When the next task ends by itself.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests;
