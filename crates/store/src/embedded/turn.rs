//! A task moves on: the rule is asked, and its turn is stored whole.

use evogate_models::event::Event;
use evogate_models::idempotency::{KeyRecord, RepeatRecord};
use evogate_models::journal::Entry;
use evogate_models::life::{Books, KeyFate, Turn, bind};
use evogate_models::note::Note;
use evogate_models::task::Task;
use evogate_models::{TaskId, TenantId, Timestamp};
use redb::ReadableTable as _;

use super::Embedded;
use super::table::{AccountRecord, Write, encode, get, unavailable};
use crate::command::{TaskCommand, TaskOutcome};
use crate::error::{StoreError, TurnError, refusals_are_answers};
use crate::rule::{Ruled, apply, is_again};

impl Embedded {
    pub(crate) async fn turn(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        command: TaskCommand,
    ) -> Result<TaskOutcome, TurnError> {
        let (now, tenant, id) = (self.now(), tenant.clone(), id.clone());
        self.write(move |tables| refusals_are_answers(tables.turn(&tenant, &id, &command, now)))
            .await?
    }

    pub(crate) async fn restore(&self, task: Task, until: Timestamp) -> Result<Task, TurnError> {
        let now = self.now();
        self.write(move |tables| refusals_are_answers(tables.restore(&task, until, now)))
            .await?
    }
}

impl Write<'_> {
    pub(super) fn turn(
        &mut self,
        tenant: &TenantId,
        id: &TaskId,
        command: &TaskCommand,
        now: Timestamp,
    ) -> Result<TaskOutcome, TurnError> {
        let before = self.task(tenant, id)?.ok_or(TurnError::NoTask)?;
        if let TaskCommand::Bind { report, .. } = command {
            let owner = self.owner(&report.id)?;
            if owner.is_some_and(|(t, i)| t != tenant.as_str() || i != id.as_str()) {
                return Err(TurnError::Claimed);
            }
        }
        let record = self.account(tenant)?;
        let books = Books {
            account: record.account,
            task: before.clone(),
        };
        let Ruled { turn, cancel } = apply(books, command, now)?;
        let ended = !before.state.is_ended() && turn.books.task.state.is_ended();
        let account = turn.books.account;
        let task = self.store_turn(Some(&before), record, turn)?;
        Ok(TaskOutcome {
            task,
            account,
            cancel,
            ended,
        })
    }

    fn restore(
        &mut self,
        task: &Task,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Task, TurnError> {
        if let Some(task) = self.task(&task.tenant, &task.id)? {
            return Ok(task);
        }
        if self
            .tenants
            .get(task.tenant.as_str())
            .map_err(unavailable)?
            .is_none()
        {
            return Err(TurnError::NoTask);
        }
        let account = self.account(&task.tenant)?;
        if account.departed.used_up(&task.id) {
            return Err(TurnError::NoTask);
        }
        let turn = bind::restore(account.account, task.clone(), until, now)?;
        self.remember_again(&turn.books.task)?;
        Ok(self.store_turn(None, account, turn)?)
    }

    /// Stores all that a turn is: account, journal, task, timeline, event, keys.
    pub(super) fn store_turn(
        &mut self,
        before: Option<&Task>,
        mut record: AccountRecord,
        turn: Turn,
    ) -> Result<Task, StoreError> {
        let Books { account, task } = turn.books;
        let as_it_was = self.account(&task.tenant)?;
        record.account = account;
        for posting in &turn.postings {
            record.seq = record.seq.saturating_add(1);
            let at = turn.notes.first().map_or(task.created, |note| note.at);
            self.append(
                &task.tenant,
                &Entry {
                    seq: record.seq,
                    at,
                    posting: *posting,
                    task: Some(task.id.clone()),
                    note: None,
                    by: None,
                },
            )?;
        }
        self.count(&mut record, before, &task, &turn.postings)?;
        if let (false, Some(note)) = (turn.postings.is_empty(), turn.notes.first()) {
            let available = as_it_was.account.available;
            self.watch_balance(&task.tenant, &mut record, available, note.at)?;
        }
        if record != as_it_was {
            self.put_account(&task.tenant, &record)?;
        }
        if before != Some(&task) {
            self.put_task(before, &task)?;
        }
        self.note(&task, &turn.notes)?;
        self.settle_keys(&task, turn.key, turn.repeat_until)?;
        if let Some(kind) = turn.event {
            let at = turn.notes.last().map_or(task.created, |note| note.at);
            self.announce(&Event::of_task(&task, kind, at))?;
        }
        Ok(task)
    }

    pub(super) fn append(&mut self, tenant: &TenantId, entry: &Entry) -> Result<(), StoreError> {
        let bytes = encode(entry)?;
        self.journal
            .insert((tenant.as_str(), entry.seq), bytes.as_slice())
            .map_err(unavailable)?;
        Ok(())
    }

    /// Appends to a task's timeline.
    pub(super) fn note(&mut self, task: &Task, notes: &[Note]) -> Result<(), StoreError> {
        if notes.is_empty() {
            return Ok(());
        }
        let (tenant, id) = (task.tenant.as_str(), task.id.as_str());
        let last = {
            let mut rows = self
                .notes
                .range((tenant, id, 0)..=(tenant, id, u32::MAX))
                .map_err(unavailable)?;
            match rows.next_back() {
                Some(row) => row.map_err(unavailable)?.0.value().2,
                None => 0,
            }
        };
        for (n, note) in (last.saturating_add(1)..).zip(notes) {
            if n > MOST_NOTES && is_again(&note.step) {
                continue;
            }
            let bytes = encode(note)?;
            self.notes
                .insert((tenant, id, n), bytes.as_slice())
                .map_err(unavailable)?;
        }
        Ok(())
    }

    fn settle_keys(
        &mut self,
        task: &Task,
        fate: KeyFate,
        repeat_until: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let tenant = task.tenant.as_str();
        if let (Some(key), true) = (&task.idempotency_key, fate != KeyFate::Kept) {
            let key = (tenant, key.as_str());
            let record: Option<KeyRecord> = get(&self.idempotency, key)?;
            if let Some(mut record) = record.filter(|record| record.task == task.id) {
                if let KeyFate::Until(until) = fate {
                    record.until = Some(until);
                    let bytes = encode(&record)?;
                    self.idempotency
                        .insert(key, bytes.as_slice())
                        .map_err(unavailable)?;
                } else {
                    self.idempotency.remove(key).map_err(unavailable)?;
                }
            }
        }
        // A request with a key finds its task by the key alone.
        if task.idempotency_key.is_some() {
            return Ok(());
        }
        let key = (tenant, task.fingerprint.as_str());
        if let Some(until) = repeat_until {
            // Whatever the same request made since, this client waits for this task; and the record
            // may be gone, when the task has ended meanwhile.
            let bytes = encode(&RepeatRecord {
                task: task.id.clone(),
                until: Some(until),
            })?;
            self.repeats
                .insert(key, bytes.as_slice())
                .map_err(unavailable)?;
        } else if fate != KeyFate::Kept {
            let record: Option<RepeatRecord> = get(&self.repeats, key)?;
            if record.is_some_and(|record| record.task == task.id && record.until.is_none()) {
                self.repeats.remove(key).map_err(unavailable)?;
            }
        }
        Ok(())
    }
}

/// The most steps that a timeline keeps of reads.
const MOST_NOTES: u32 = 500;
