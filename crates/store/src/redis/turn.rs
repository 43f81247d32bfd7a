//! A task moves on: the rule is asked here, on the task as it was read, and its turn is stored if the task
//! still is that. Who comes second asks the rule again, on what the first one left.

use std::sync::Arc;

use evogate_models::account::{Account, LedgerError};
use evogate_models::life::{Books, LifeError, Turn, bind};
use evogate_models::task::Task;
use evogate_models::{TaskId, TenantId, Timestamp, UpstreamId};
use serde_json::Value as Json;

use super::Redis;
use super::key::upstream;
use super::pack::{AccountRecord, corrupt};
use super::plan::{Plan, Remember, changes_nothing};
use super::reply::{bytes, maybe};
use super::script;
use super::stored::Stored;
use crate::audit::Actor;
use crate::command::{TaskCommand, TaskOutcome};
use crate::error::{StoreError, TurnError};
use crate::facts::task_facts;
use crate::rule::{Ruled, apply};

/// How often a turn is made anew because the task moved on meanwhile.
const TRIES: u32 = 50;

/// A task as it was read; with the account where both were read just now.
pub(super) struct Seen {
    pub(super) stored: Arc<Stored>,
    pub(super) account: Option<AccountRecord>,
}

/// How a turn went.
enum Storing {
    Done(i64, Box<AccountRecord>),
    /// The task is another by now.
    Moved(Box<Seen>),
    /// Make it again: with the time of now, or the endpoints of now.
    Again,
}

impl Redis {
    pub(crate) async fn turn(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        command: TaskCommand,
    ) -> Result<TaskOutcome, TurnError> {
        self.turn_by(tenant, id, &command, None).await
    }

    pub(crate) async fn decide(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        command: TaskCommand,
        by: &Actor,
    ) -> Result<TaskOutcome, TurnError> {
        self.turn_by(tenant, id, &command, Some(by)).await
    }

    async fn turn_by(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        command: &TaskCommand,
        by: Option<&Actor>,
    ) -> Result<TaskOutcome, TurnError> {
        let mut seen = self.remembered(tenant, id);
        let operation = self.operation();
        for _ in 0..TRIES {
            let Seen { stored, account } = match seen.take() {
                Some(seen) => seen,
                None => self.see(tenant, id).await?.ok_or(TurnError::NoTask)?,
            };
            let now = self.now();
            let before = &stored.task;
            let books = Books {
                account: neutral(before),
                task: before.clone(),
            };
            let Ruled { turn, cancel } = match apply(books, command, now) {
                Ok(ruled) => ruled,
                // What is remembered may be old: only what was read just now is refused.
                Err(_) if account.is_none() => continue,
                Err(error) => return Err(self.why_refused(tenant, id, command, error).await?),
            };
            let ended = !before.state.is_ended() && turn.books.task.state.is_ended();
            if let (Some(account), None, true) = (&account, by, changes_nothing(before, &turn)) {
                return Ok(TaskOutcome {
                    task: turn.books.task,
                    account: account.account,
                    cancel,
                    ended,
                });
            }
            let audit = by.map(|by| {
                let facts = (task_facts(before), task_facts(&turn.books.task));
                let target = format!("{tenant}/{id}");
                super::audit::entry(by, now, "unknown.decide", target, facts)
            });
            let mut plan = Plan::new(self, Some(&stored), &turn, now, operation);
            plan.audit = audit.transpose()?;
            match self.store(plan).await? {
                Storing::Done(version, account) => {
                    let low = account.low && !turn.postings.is_empty();
                    if turn.event.is_some() || low {
                        self.wake_for(tenant);
                    }
                    let task = turn.books.task;
                    self.remember(&task, version);
                    return Ok(TaskOutcome {
                        task,
                        account: account.account,
                        cancel,
                        ended,
                    });
                }
                Storing::Moved(now) => seen = Some(*now),
                Storing::Again => {
                    seen = Some(Seen {
                        stored,
                        account: None,
                    });
                }
            }
        }
        Err(StoreError::Unavailable(format!("{id} does not stand still")).into())
    }

    /// What a refused command answers: that EvoLink's task is somebody else's comes first.
    async fn why_refused(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        command: &TaskCommand,
        error: LifeError,
    ) -> Result<TurnError, StoreError> {
        if let TaskCommand::Bind { report, .. } = command {
            let owner = self.owner(&report.id).await?;
            if owner.is_some_and(|(t, i)| t != *tenant || i != *id) {
                return Ok(TurnError::Claimed);
            }
        }
        Ok(error.into())
    }

    /// Stores a turn. A task that is bound by it takes EvoLink's id as its own first, or in the same step.
    async fn store(&self, mut plan: Plan<'_>) -> Result<Storing, TurnError> {
        let task = plan.task();
        if let Some(id) = task.upstream.as_ref().filter(|_| plan.binds()) {
            if self.link.is_cluster() {
                self.claim(task).await?;
            } else {
                plan.claims = Some(id);
            }
        }
        let call = plan.call(self.layout.tenant(&task.tenant))?;
        let shard = self.layout.of(&task.tenant);
        let seen = self.past.seen(shard);
        let (mut reply, again) = self.run_twice(&script::TURN, &call).await?;
        match reply.word.as_str() {
            "OK" => {
                let version = reply.number()?;
                // The answer to a repeat may be that of the first time.
                if !again {
                    self.past.got(shard, seen, version);
                }
                // What the rate stood at matters to submits alone.
                reply.number()?;
                let account = AccountRecord::unpack(&reply.bytes()?)?;
                Ok(Storing::Done(version, Box::new(account)))
            }
            "CONFLICT" => {
                let stored = Stored::unpack(&task.tenant, &task.id, &reply.bytes()?)?;
                let account = AccountRecord::unpack(&reply.bytes()?)?;
                Ok(Storing::Moved(Box::new(Seen {
                    stored: stored.into(),
                    account: Some(account),
                })))
            }
            "LATE" => {
                self.heard_time(reply.number()?);
                Ok(Storing::Again)
            }
            "ENDPOINTS" => {
                self.read_endpoints(&task.tenant).await?;
                Ok(Storing::Again)
            }
            "NO_TASK" | "NO_TENANT" => Err(TurnError::NoTask),
            "CLAIMED" => Err(TurnError::Claimed),
            other => Err(match ledger(other) {
                Some(error) => LifeError::Ledger(error).into(),
                None => reply.unexpected().into(),
            }),
        }
    }

    /// In a cluster EvoLink's id lives elsewhere than the task, so it is claimed before the task is bound.
    /// A claim whose task was never bound (its replica died in between) is void once that task has ended
    /// or is bound to another.
    async fn claim(&self, task: &Task) -> Result<(), TurnError> {
        let Some(id) = &task.upstream else {
            return Ok(());
        };
        let (key, own) = (
            upstream(id),
            self.layout.tenant(&task.tenant).owner(&task.id),
        );
        let mut claim = redis::cmd("SET");
        claim.arg(&key).arg(&own).arg("NX").arg("GET");
        let Some(owner) = maybe(self.link.command(claim).await?)? else {
            return Ok(());
        };
        if owner == own {
            return Ok(());
        }
        if let Some((tenant, other)) = self.owner(id).await? {
            let holder = self.task(&tenant, &other).await?;
            let void = holder.is_none_or(|holder| {
                holder.upstream.as_ref() != Some(id)
                    && (holder.upstream.is_some() || holder.state.is_ended())
            });
            if !void {
                return Err(TurnError::Claimed);
            }
        }
        let mut again = redis::cmd("SET");
        again.arg(&key).arg(&own);
        self.link.command(again).await?;
        Ok(())
    }

    /// EvoLink's id is nobody's any more, if it was this task's.
    pub(super) async fn disclaim(&self, id: &UpstreamId, owner: &[u8]) -> Result<(), StoreError> {
        let mut read = redis::cmd("GET");
        read.arg(upstream(id));
        if maybe(self.link.command(read).await?)?.as_deref() == Some(owner) {
            let mut remove = redis::cmd("DEL");
            remove.arg(upstream(id));
            self.link.command(remove).await?;
        }
        Ok(())
    }

    pub(crate) async fn restore(&self, task: Task, until: Timestamp) -> Result<Task, TurnError> {
        let operation = self.operation();
        for _ in 0..TRIES {
            if let Some(seen) = self.see(&task.tenant, &task.id).await? {
                return Ok(Arc::unwrap_or_clone(seen.stored).task);
            }
            let now = self.now();
            let turn = bind::restore(Account::default(), task.clone(), until, now)?;
            let mut plan = Plan::new(self, None, &turn, now, operation);
            plan.remember = Remember::Again;
            match self.store(plan).await? {
                Storing::Done(..) => return Ok(turn.books.task),
                Storing::Moved(seen) => return Ok(Arc::unwrap_or_clone(seen.stored).task),
                Storing::Again => {}
            }
        }
        Err(StoreError::Unavailable(format!("{} is not taken in time", task.id)).into())
    }

    /// Stores the task as it is with `change` made to it: for what no rule is asked about.
    pub(super) async fn amend(
        &self,
        stored: Stored,
        change: impl Fn(&mut Task) -> bool,
    ) -> Result<Task, StoreError> {
        let operation = self.operation();
        let mut stored = stored;
        for _ in 0..TRIES {
            let mut task = stored.task.clone();
            if !change(&mut task) {
                return Ok(stored.task);
            }
            let turn = Turn {
                books: Books {
                    account: Account::default(),
                    task,
                },
                postings: Vec::new(),
                notes: Vec::new(),
                event: None,
                key: evogate_models::life::KeyFate::Kept,
                repeat_until: None,
            };
            let plan = Plan::new(self, Some(&stored), &turn, self.now(), operation);
            match self.store(plan).await {
                Ok(Storing::Done(..)) => return Ok(turn.books.task),
                Ok(Storing::Moved(seen)) => stored = Arc::unwrap_or_clone(seen.stored),
                Ok(Storing::Again) => {}
                Err(TurnError::Store(error)) => return Err(error),
                Err(error) => return Err(corrupt(error)),
            }
        }
        Err(StoreError::Unavailable(
            "a task does not stand still".to_owned(),
        ))
    }

    /// A task and its account, as they are now.
    pub(super) async fn see(
        &self,
        tenant: &TenantId,
        id: &TaskId,
    ) -> Result<Option<Seen>, StoreError> {
        let place = self.layout.tenant(tenant);
        let mut read = redis::cmd("MGET");
        read.arg(place.task(id)).arg(place.account());
        let mut values = super::reply::list(self.link.command(read).await?)?.into_iter();
        let (Some(task), Some(account)) = (values.next(), values.next()) else {
            return Err(corrupt("a task without an account"));
        };
        let Some(task) = maybe(task)? else {
            return Ok(None);
        };
        Ok(Some(Seen {
            stored: Stored::unpack(tenant, id, &task)?.into(),
            account: Some(AccountRecord::unpack(&bytes(account)?)?),
        }))
    }

    fn remembered(&self, tenant: &TenantId, id: &TaskId) -> Option<Seen> {
        let stored = self.recent.get(id)?;
        (stored.task.tenant == *tenant).then_some(Seen {
            stored,
            account: None,
        })
    }

    /// Remembers what this replica wrote last of a task that it may soon move on.
    pub(super) fn remember(&self, task: &Task, version: i64) {
        if task.state.is_ended() {
            self.recent.invalidate(&task.id);
        } else {
            let stored = Stored {
                task: task.clone(),
                version,
            };
            self.recent.insert(task.id.clone(), Arc::new(stored));
        }
    }
}

/// An account on which the rules for this task can post whatever they must: the true one is in the store,
/// and the script looks at its sums.
fn neutral(task: &Task) -> Account {
    Account {
        granted: task.hold,
        held: task.hold,
        ..Account::default()
    }
}

/// A script's word for an entry that can't be posted.
pub(super) fn ledger(word: &str) -> Option<LedgerError> {
    match word {
        "OVERFLOW" => Some(LedgerError::Overflow),
        "IMPOSSIBLE" => Some(LedgerError::Impossible),
        _ => None,
    }
}

/// For [`super::audit::entry`].
pub(super) type Facts = (Json, Json);
