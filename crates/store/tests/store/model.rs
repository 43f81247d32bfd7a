//! What clients may rely on, written down a second time: tenants with three sums, tasks in a phase,
//! and nothing of the engine's or of `evogate_models::life`.
//!
//! [`Model::judge`] is given each step with its answer, says whether the answer is right, and moves on
//! by itself. [`check`](Model::check) compares what the store keeps with what the model expects.

mod admin;
mod check;
mod counters;
mod endpoints;
mod leave;
mod outbox;
mod submit;
mod turn;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};

use evogate_models::quota::Quota;
use evogate_models::{KeyId, Millis, TaskId, TenantId, Timestamp, UpstreamId};
use evogate_store::TurnError;
use evogate_store::dump::Dump;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::kit::START;
use crate::kit::step::{Answer, Step};
use outbox::Webhooks;

/// A tenant's task, by both names.
pub(crate) type Name = (TenantId, TaskId);

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Queued,
    Submitting,
    Unknown,
    Pending,
    Processing,
    Completed,
    Failed,
    Cancelled,
    Rejected,
    Lost,
    Expired,
}

impl Phase {
    fn is_open(self) -> bool {
        self.is_unsent() || self.is_running() || self == Self::Unknown
    }

    fn is_unsent(self) -> bool {
        matches!(self, Self::Queued | Self::Submitting)
    }

    fn is_running(self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }

    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// A task. Amounts are micro-credits.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, and the state is apart from them"
)]
#[derive(Debug, Clone)]
struct Task {
    phase: Phase,
    created: Timestamp,
    ended: Option<Timestamp>,
    estimate: i64,
    held: i64,
    charged: i64,
    billed: i64,
    reserved: Option<i64>,
    upstream: Option<UpstreamId>,
    /// Who works on it, and until when.
    lease: Option<(u64, Timestamp)>,
    fences: u64,
    key: Option<String>,
    body: String,
    user: Option<String>,
    /// The tenant's key that it was submitted with.
    with: Option<KeyId>,
    calls_back: bool,
    told: bool,
    cancel_wanted: bool,
    /// Did EvoLink say how it ended?
    verdict: bool,
    /// The results were fetched, or their time was looked at: nothing is due for them any more.
    results_settled: bool,
}

#[derive(Debug, Default)]
struct Tenant {
    suspended: bool,
    quota: Quota,
    granted: i64,
    /// Entries of the journal, and the balance after the last.
    balance: (u64, i64),
    /// Was it told that the balance is low?
    low: bool,
}

#[derive(Debug)]
struct Key {
    expires: Option<Timestamp>,
    cap: Option<i64>,
    /// Digests, and until when they count.
    secrets: Vec<([u8; 32], Option<Timestamp>)>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Model {
    now: Timestamp,
    tenants: BTreeMap<TenantId, Tenant>,
    /// Grants by the admin's idempotency key.
    grants: BTreeMap<(TenantId, String), i64>,
    credentials: BTreeMap<(TenantId, KeyId), Key>,
    digests: BTreeMap<[u8; 32], (TenantId, KeyId)>,
    /// Changes by admins so far.
    audited: usize,
    tasks: BTreeMap<Name, Task>,
    /// Those that have left.
    gone: BTreeMap<Name, Task>,
    owners: BTreeMap<UpstreamId, Name>,
    /// What a tenant's idempotency key leads to: the body, the task, and until when.
    keys: BTreeMap<(TenantId, String), (String, TaskId, Option<Timestamp>)>,
    /// What a body without a key leads to.
    repeats: BTreeMap<(TenantId, String), (TaskId, Option<Timestamp>)>,
    webhooks: Webhooks,
    /// Clients were told that these ended, and how.
    ends: BTreeMap<Name, Phase>,
}

/// A refusal without its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum No {
    Absent,
    Claimed,
    Stale,
    Invalid,
    Misfit,
}

impl From<&TurnError> for No {
    fn from(error: &TurnError) -> Self {
        use evogate_models::life::LifeError;
        match error {
            TurnError::NoTask => Self::Absent,
            TurnError::Claimed => Self::Claimed,
            TurnError::Life(LifeError::Stale) => Self::Stale,
            TurnError::Life(LifeError::Invalid(_)) => Self::Invalid,
            TurnError::Life(LifeError::Misfit(_)) => Self::Misfit,
            other => panic!("{other}"),
        }
    }
}

type Judged = Result<(), TestCaseError>;

impl Default for Model {
    fn default() -> Self {
        Self {
            now: START,
            tenants: BTreeMap::new(),
            grants: BTreeMap::new(),
            credentials: BTreeMap::new(),
            digests: BTreeMap::new(),
            audited: 0,
            tasks: BTreeMap::new(),
            gone: BTreeMap::new(),
            owners: BTreeMap::new(),
            keys: BTreeMap::new(),
            repeats: BTreeMap::new(),
            webhooks: Webhooks::default(),
            ends: BTreeMap::new(),
        }
    }
}

impl Model {
    /// Is this the right answer, on a store that was `before`?
    pub(crate) fn judge(&mut self, step: &Step, answer: &Answer, before: &Dump) -> Judged {
        match (step, answer) {
            (Step::Submit(submit), Answer::Submit(answer)) => self.submit(submit, answer),
            (
                Step::Turn {
                    tenant,
                    task,
                    command,
                },
                Answer::Turn(answer),
            ) => self.turn(&(tenant.clone(), task.clone()), command, answer),
            (Step::Restore { task, .. }, Answer::Restored(answer)) => self.restore(task, answer),
            (Step::ClaimDue { limit, lease }, Answer::Claimed(tasks)) => {
                self.claim(*limit, *lease, tasks, before)
            }
            (Step::Sweep, Answer::Swept(swept)) => self.sweep(*swept, before),
            (Step::Wait(span), Answer::Nothing) => {
                self.now = self.now.plus(*span);
                Ok(())
            }
            (Step::Restart, Answer::Nothing) => {
                self.restart();
                Ok(())
            }
            (
                Step::CreateEndpoint(_)
                | Step::ChangeEndpoint { .. }
                | Step::DeleteEndpoint { .. }
                | Step::Test { .. }
                | Step::RotateSecret { .. }
                | Step::Redeliver { .. }
                | Step::ClaimDeliveries { .. }
                | Step::Attempted { .. }
                | Step::Postpone { .. },
                answer,
            ) => self.judge_webhook(step, answer),
            _ => self.judge_admin(step, answer),
        }
    }

    /// What a tenant may still hold.
    fn available(&self, id: &TenantId) -> i64 {
        let granted = self.tenants.get(id).map_or(0, |tenant| tenant.granted);
        let (held, spent) = self.sums(id);
        granted - held - spent
    }

    /// The open holds and the settlements of a tenant.
    fn sums(&self, id: &TenantId) -> (i64, i64) {
        self.of(id).fold((0, 0), |(held, spent), task| {
            (held + task.held, spent + task.charged)
        })
    }

    /// A pass over what is due: the longest due first, and nothing that somebody works on.
    fn claim(
        &mut self,
        limit: usize,
        lease: Millis,
        claimed: &[evogate_models::task::Task],
        before: &Dump,
    ) -> Judged {
        let due = before
            .due
            .iter()
            .filter(|(at, _, _)| *at <= self.now)
            .take(limit);
        let expected: Vec<Name> = due
            .map(|(_, tenant, task)| (tenant.clone(), task.clone()))
            .filter(|name| {
                self.tasks[name]
                    .lease
                    .is_none_or(|(_, until)| until <= self.now)
            })
            .collect();
        let names: Vec<Name> = claimed
            .iter()
            .map(|task| (task.tenant.clone(), task.id.clone()))
            .collect();
        same(&expected, &names)?;
        for task in claimed {
            let known = self
                .tasks
                .get_mut(&(task.tenant.clone(), task.id.clone()))
                .unwrap();
            known.fences += 1;
            known.lease = Some((known.fences, self.now.plus(lease)));
            prop_assert_eq!(task.fence, known.fences, "every claim has a new fence");
        }
        Ok(())
    }

    /// Whoever worked on something is gone.
    fn restart(&mut self) {
        let now = self.now;
        for task in self.tasks.values_mut() {
            task.lease = task.lease.map(|(fence, until)| (fence, until.min(now)));
        }
        self.webhooks.restart(now);
    }

    /// The tasks that have not ended.
    pub(crate) fn open(&self) -> BTreeSet<Name> {
        let open = self.tasks.iter().filter(|(_, task)| task.phase.is_open());
        open.map(|(name, _)| name.clone()).collect()
    }
}

fn same<T: PartialEq + std::fmt::Debug>(expected: &T, answer: &T) -> Judged {
    prop_assert_eq!(expected, answer);
    Ok(())
}
