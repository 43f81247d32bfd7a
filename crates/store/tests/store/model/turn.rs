//! What each command does to a task's phase and to its money.

use evogate_models::TaskId;
use evogate_models::TenantId;
use evogate_models::life::bind::Found;
use evogate_models::life::news::Cancel;
use evogate_models::report::{Report, Status};
use evogate_models::task::State;
use evogate_store::{TaskCommand, TaskOutcome, TurnError};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::{Judged, Model, Name, No, Phase, Task};

/// How far clocks may differ, and how many times the estimate a hold may grow to.
const SKEW: i64 = 10_000;
const FARTHEST: i64 = 3;

/// How a task ended.
#[derive(Clone, Copy)]
struct End {
    phase: Phase,
    /// Is it told to the tenant's receiver?
    told: bool,
    /// Is the idempotency key free at once?
    frees_key: bool,
}

impl End {
    fn told(phase: Phase) -> Self {
        Self {
            phase,
            told: true,
            frees_key: false,
        }
    }
}

impl Model {
    pub(super) fn turn(
        &mut self,
        name: &Name,
        command: &TaskCommand,
        answer: &Result<Box<TaskOutcome>, TurnError>,
    ) -> Judged {
        let before = self.tasks.get(name).map(|task| task.phase);
        match (self.apply(name, command), answer) {
            (Ok(cancel), Ok(outcome)) => {
                let after = self.tasks[name].phase;
                prop_assert_eq!(outcome.task.state.name(), after.name());
                let ended = before.is_some_and(Phase::is_open) && !after.is_open();
                prop_assert_eq!(outcome.ended, ended);
                prop_assert_eq!(outcome.cancel, cancel);
                if matches!(command, TaskCommand::InVain { .. }) {
                    self.check_pause(&outcome.task)?;
                }
                self.check_account(&name.0, &outcome.account)
            }
            (Err(no), Err(error)) => {
                prop_assert_eq!(no, No::from(error));
                Ok(())
            }
            (expected, answer) => Err(TestCaseError::fail(format!("{expected:?}, not {answer:?}"))),
        }
    }

    fn apply(&mut self, name: &Name, command: &TaskCommand) -> Result<Option<Cancel>, No> {
        let now = self.now;
        let task = self.tasks.get(name).ok_or(No::Absent)?.clone();
        let fenced = |fence: u64| held(&task, fence);
        let only = |phases: &[Phase]| in_phase(&task, phases);
        match command {
            TaskCommand::Renew { .. }
            | TaskCommand::Queue { .. }
            | TaskCommand::Refuse { .. }
            | TaskCommand::Unknown { .. } => self.submitted(name, command)?,
            TaskCommand::Bind {
                report,
                found,
                window,
            } => {
                self.bind(name, report, *found, *window)?;
            }
            TaskCommand::News { report } => {
                let bound = task.upstream.ok_or(No::Invalid)?;
                if bound != report.id {
                    return Err(No::Misfit);
                }
                self.hear(name, report);
            }
            TaskCommand::InVain { fence, .. } | TaskCommand::HandBack { fence } => {
                fenced(*fence)?;
                if task.phase.is_unsent() {
                    return Err(No::Invalid);
                }
                self.put(
                    name,
                    Task {
                        lease: None,
                        ..task
                    },
                );
            }
            TaskCommand::WantCancel => return self.want_cancel(name).map(Some),
            TaskCommand::LeaseRanOut { .. } => {
                // The first fence is the submitter's, and nobody takes over before it is silent.
                if task
                    .lease
                    .is_some_and(|(fence, until)| fence == 1 && until > now)
                {
                    return Err(No::Stale);
                }
                only(&[Phase::Submitting, Phase::Queued])?;
                if task.phase == Phase::Queued {
                    let end = End {
                        phase: Phase::Rejected,
                        told: true,
                        frees_key: true,
                    };
                    self.end(name, end);
                } else {
                    self.put(
                        name,
                        Task {
                            phase: Phase::Unknown,
                            lease: None,
                            ..task
                        },
                    );
                    self.arm(name);
                }
            }
            TaskCommand::Lose => {
                only(&[Phase::Unknown])?;
                self.end(name, End::told(Phase::Lost));
            }
            TaskCommand::Expire => {
                only(&[Phase::Pending, Phase::Processing])?;
                if now < task.created.plus(crate::kit::DEADLINE) {
                    return Err(No::Invalid);
                }
                let billed = task.reserved.unwrap_or(task.held);
                self.put(name, Task { billed, ..task });
                self.end(name, End::told(Phase::Expired));
            }
            TaskCommand::HungUp => {
                if task.phase != Phase::Rejected {
                    self.arm(name);
                }
            }
            TaskCommand::Fetched => {
                if task.phase == Phase::Completed && !task.results_settled {
                    self.put(
                        name,
                        Task {
                            results_settled: true,
                            lease: None,
                            ..task
                        },
                    );
                }
            }
            TaskCommand::Expiring { delivered } => self.expiring(name, *delivered)?,
            // When it is looked at next is judged by `check`.
            TaskCommand::Callback { .. } | TaskCommand::CancelSent { .. } => {}
        }
        Ok(None)
    }

    /// Four hours before the results are deleted, a tenant who does not have them is told.
    fn expiring(&mut self, name: &Name, delivered: bool) -> Result<(), No> {
        let task = self.tasks.get_mut(name).unwrap();
        in_phase(task, &[Phase::Completed])?;
        task.lease = None;
        let early = self.now < task.ended.unwrap().plus(20 * 3_600_000);
        if task.results_settled || (early && !delivered) {
            return Ok(());
        }
        task.results_settled = true;
        if !delivered {
            self.announce(name, "task.expiring");
        }
        Ok(())
    }

    /// What a submitter says became of its submit.
    fn submitted(&mut self, name: &Name, command: &TaskCommand) -> Result<(), No> {
        let (now, task) = (self.now, self.tasks[name].clone());
        let fenced = |fence: u64| held(&task, fence);
        let only = |phases: &[Phase]| in_phase(&task, phases);
        match command {
            TaskCommand::Renew { fence, lease, .. } => {
                fenced(*fence)?;
                only(&[Phase::Submitting, Phase::Queued])?;
                let lease = Some((*fence, now.plus(*lease)));
                self.put(
                    name,
                    Task {
                        phase: Phase::Submitting,
                        lease,
                        ..task
                    },
                );
            }
            TaskCommand::Queue {
                fence,
                until,
                lease,
                ..
            } => {
                fenced(*fence)?;
                only(&[Phase::Submitting])?;
                let lease = Some((*fence, until.plus(*lease)));
                self.put(
                    name,
                    Task {
                        phase: Phase::Queued,
                        lease,
                        ..task
                    },
                );
            }
            TaskCommand::Refuse {
                temporary, told, ..
            } if task.phase.is_open() => {
                only(&[Phase::Submitting, Phase::Queued, Phase::Unknown])?;
                let told = *told || task.told;
                let end = End {
                    phase: Phase::Rejected,
                    told,
                    frees_key: *temporary,
                };
                self.end(name, end);
            }
            TaskCommand::Unknown { fence, .. } => {
                fenced(*fence)?;
                only(&[Phase::Submitting])?;
                self.put(
                    name,
                    Task {
                        phase: Phase::Unknown,
                        lease: None,
                        ..task
                    },
                );
            }
            _ => {}
        }
        Ok(())
    }

    fn want_cancel(&mut self, name: &Name) -> Result<Cancel, No> {
        let task = self.tasks[name].clone();
        if !task.phase.is_open() {
            return Err(No::Invalid);
        }
        self.put(
            name,
            Task {
                cancel_wanted: true,
                ..task
            },
        );
        Ok(match task.phase {
            Phase::Queued => {
                self.end(name, End::told(Phase::Cancelled));
                Cancel::Done
            }
            Phase::Pending | Phase::Processing => Cancel::Ask,
            _ => Cancel::Later,
        })
    }

    fn bind(&mut self, name: &Name, report: &Report, found: Found, window: i64) -> Result<(), No> {
        if self
            .owners
            .get(&report.id)
            .is_some_and(|owner| owner != name)
        {
            return Err(No::Claimed);
        }
        let mut task = self.tasks[name].clone();
        match &task.upstream {
            Some(bound) if *bound == report.id => {
                self.hear(name, report);
                return Ok(());
            }
            Some(_) => return Err(No::Misfit),
            None => {}
        }
        let age = report.created.map(|taken| taken.since(task.created));
        let fits = report.model.as_deref() == Some("seedance-2.0")
            && age.is_some_and(|age| (-SKEW..=window + SKEW).contains(&age));
        if !matches!(found, Found::Answer | Found::Repeat) && !fits {
            return Err(No::Misfit);
        }
        self.owners.insert(report.id.clone(), name.clone());
        task.upstream = Some(report.id.clone());
        task.reserved = report.reserved.map(evogate_models::Credits::micro);
        if task.phase.is_open() {
            task.phase = Phase::Pending;
            task.lease = None;
            if let Some(reserved) = task.reserved
                && reserved <= FARTHEST * task.estimate
            {
                task.held = reserved;
            }
        }
        self.put(name, task);
        self.hear(name, report);
        Ok(())
    }

    /// EvoLink says how the task stands.
    fn hear(&mut self, name: &Name, report: &Report) {
        let mut task = self.tasks[name].clone();
        let used = report.used.map(evogate_models::Credits::micro);
        let reserved = report
            .reserved
            .map(evogate_models::Credits::micro)
            .or(task.reserved);
        // A report of a task that EvoLink completed says nothing of who looks after its results.
        if task.phase != Phase::Completed {
            task.lease = None;
        }
        if !task.phase.is_open() {
            match report.status {
                Status::Completed if task.phase == Phase::Completed => {
                    task.billed = used.unwrap_or(task.billed);
                }
                _ if task.phase == Phase::Completed => {}
                Status::Completed => task.billed = used.or(reserved).unwrap_or(task.estimate),
                Status::Failed | Status::Cancelled => task.billed = 0,
                Status::Pending | Status::Processing => {}
            }
            return self.put(name, task);
        }
        let end = match report.status {
            Status::Pending => None,
            Status::Processing => {
                task.phase = Phase::Processing;
                None
            }
            Status::Completed => {
                task.billed = used.or(reserved).unwrap_or(task.held);
                task.charged = task.billed.min(task.held);
                Some(Phase::Completed)
            }
            Status::Failed => Some(Phase::Failed),
            Status::Cancelled => Some(Phase::Cancelled),
        };
        task.verdict = end.is_some();
        self.put(name, task);
        if let Some(phase) = end {
            self.end(name, End::told(phase));
        }
    }

    /// Who looked in vain does not look again at once, unless the task's time is over.
    fn check_pause(&self, task: &evogate_models::task::Task) -> Judged {
        let over = match task.state {
            State::Unknown { until, .. } => until <= self.now,
            _ => task.deadline <= self.now,
        };
        let pauses = task.due.is_none_or(|due| due > self.now);
        prop_assert!(pauses || over, "looked at again and again: {task:?}");
        Ok(())
    }

    fn put(&mut self, name: &(TenantId, TaskId), task: Task) {
        self.tasks.insert(name.clone(), task);
    }

    /// The one end of a task: nothing is held any more, and the tenant is told once.
    fn end(&mut self, name: &Name, end: End) {
        if let Some(task) = self.tasks.get_mut(name) {
            task.phase = end.phase;
            task.ended = Some(self.now);
            task.held = 0;
            task.lease = None;
            task.ended = Some(self.now);
        }
        self.ends.insert(name.clone(), end.phase);
        self.forget(name, end.frees_key);
        if end.told {
            self.announce_end(name);
        }
    }
}

/// Whoever does not hold the lease is too late.
fn held(task: &Task, fence: u64) -> Result<(), No> {
    let held = task.lease.is_some_and(|(held, _)| held == fence);
    held.then_some(()).ok_or(No::Stale)
}

fn in_phase(task: &Task, phases: &[Phase]) -> Result<(), No> {
    let fits = phases.contains(&task.phase);
    fits.then_some(()).ok_or(No::Invalid)
}
