//! Submits: who gets a hold, and who gets the task of an earlier request.

use evogate_models::idempotency::{KEPT_AFTER_END, REPEAT_WITHIN};
use evogate_models::quota::Denied;
use evogate_models::{TaskId, TenantId};
use evogate_store::{Submit, SubmitError, Submitted, TurnError};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::{Judged, Model, Name, No, Phase, Task};

/// What a submit must get.
#[derive(Debug)]
enum Verdict {
    New,
    Replay(TaskId),
    NoTenant,
    Suspended,
    KeyMismatch,
    NotNow,
    StalePolicy,
    Exists,
    NoKey,
    Denied(Denied),
}

impl Model {
    pub(super) fn submit(
        &mut self,
        submit: &Submit,
        answer: &Result<Box<Submitted>, SubmitError>,
    ) -> Judged {
        let verdict = self.verdict(submit);
        let intent = &submit.intent;
        let tenant = &intent.tenant;
        match (&verdict, answer) {
            (Verdict::New, Ok(submitted)) => {
                prop_assert!(!submitted.replay);
                prop_assert_eq!(&submitted.task.id, &intent.id);
                let task = taken(&submitted.task);
                let lease = Some((1, self.now.plus(intent.lease)));
                self.tasks.insert(
                    (tenant.clone(), intent.id.clone()),
                    Task {
                        phase: Phase::Submitting,
                        lease,
                        ..task
                    },
                );
                self.remember(tenant, &intent.id);
                self.check_account(tenant, &submitted.account)
            }
            (Verdict::Replay(task), Ok(submitted)) => {
                prop_assert!(submitted.replay);
                prop_assert_eq!(task, &submitted.task.id);
                let task = self.tasks.get_mut(&(tenant.clone(), task.clone())).unwrap();
                task.told |= task.phase.is_open();
                self.check_account(tenant, &submitted.account)
            }
            (Verdict::NoTenant, Err(SubmitError::NoTenant))
            | (Verdict::Suspended, Err(SubmitError::Suspended))
            | (Verdict::KeyMismatch, Err(SubmitError::KeyMismatch))
            | (Verdict::NotNow, Err(SubmitError::NotNow))
            | (Verdict::StalePolicy, Err(SubmitError::StalePolicy))
            | (Verdict::Exists, Err(SubmitError::Exists(_)))
            | (Verdict::NoKey, Err(SubmitError::NoKey)) => Ok(()),
            (Verdict::Denied(expected), Err(SubmitError::Denied { denied, required })) => {
                prop_assert_eq!(expected, denied);
                prop_assert_eq!(*required, intent.estimate);
                Ok(())
            }
            _ => Err(TestCaseError::fail(format!("{verdict:?}, not {answer:?}"))),
        }
    }

    fn verdict(&self, submit: &Submit) -> Verdict {
        let intent = &submit.intent;
        let Some(tenant) = self.tenants.get(&intent.tenant) else {
            return Verdict::NoTenant;
        };
        if let Some(key) = &intent.idempotency_key {
            let known = self.keys.get(&(intent.tenant.clone(), key.clone()));
            let known = known.filter(|(_, _, until)| until.is_none_or(|until| self.now <= until));
            match known {
                Some((body, _, _)) if *body != intent.fingerprint => return Verdict::KeyMismatch,
                Some((_, task, _)) => return Verdict::Replay(task.clone()),
                None => {}
            }
        } else if let Some(task) = self.repeated(&intent.tenant, &intent.fingerprint) {
            return Verdict::Replay(task);
        }
        let name = (intent.tenant.clone(), intent.id.clone());
        if tenant.suspended {
            Verdict::Suspended
        } else if !submit.may_create {
            Verdict::NotNow
        } else if submit.policy.is_some() {
            // Those that name a version name one that never was.
            Verdict::StalePolicy
        } else if self.tasks.contains_key(&name) || self.gone.contains_key(&name) {
            Verdict::Exists
        } else if !self.key_counts(submit) {
            Verdict::NoKey
        } else {
            self.denied(submit).map_or(Verdict::New, Verdict::Denied)
        }
    }

    /// Is the key that it came with still one?
    fn key_counts(&self, submit: &Submit) -> bool {
        let Some(key) = &submit.intent.author.key else {
            return true;
        };
        let key = self
            .credentials
            .get(&(submit.intent.tenant.clone(), key.clone()));
        key.is_some_and(|key| key.expires.is_none_or(|expires| self.now < expires))
    }

    /// Only a client that was seen to hang up, or whose submitter fell silent, gets its task again.
    fn repeated(&self, tenant: &TenantId, body: &str) -> Option<TaskId> {
        let (id, armed) = self.repeats.get(&(tenant.clone(), body.to_owned()))?;
        let task = &self.tasks[&(tenant.clone(), id.clone())];
        let silent = task.lease.is_none_or(|(_, until)| until <= self.now);
        let again = match task.phase {
            Phase::Rejected => false,
            Phase::Queued if silent => false,
            Phase::Submitting if silent => true,
            _ => armed.is_some_and(|until| self.now <= until),
        };
        again.then(|| id.clone())
    }

    pub(super) fn restore(
        &mut self,
        lost: &evogate_models::task::Task,
        answer: &Result<Box<evogate_models::task::Task>, TurnError>,
    ) -> Judged {
        let name = (lost.tenant.clone(), lost.id.clone());
        if !self.tenants.contains_key(&lost.tenant) || self.gone.contains_key(&name) {
            let no = answer.as_ref().map(|_| ()).map_err(No::from);
            prop_assert_eq!(no, Err(No::Absent));
            return Ok(());
        }
        let Ok(restored) = answer else {
            return Err(TestCaseError::fail(format!("{answer:?}")));
        };
        if self.tasks.contains_key(&name) {
            return Ok(());
        }
        prop_assert_eq!(restored.state.name(), "unknown");
        let task = taken(lost);
        let free = task
            .key
            .as_ref()
            .is_some_and(|key| !self.keys.contains_key(&(lost.tenant.clone(), key.clone())));
        self.tasks.insert(name, task);
        if free {
            self.remember(&lost.tenant, &lost.id);
        }
        Ok(())
    }

    /// Lets the same request find its task.
    fn remember(&mut self, tenant: &TenantId, id: &TaskId) {
        let task = &self.tasks[&(tenant.clone(), id.clone())];
        let body = task.body.clone();
        match task.key.clone() {
            Some(key) => {
                self.keys
                    .insert((tenant.clone(), key), (body, id.clone(), None));
            }
            None => {
                self.repeats
                    .insert((tenant.clone(), body), (id.clone(), None));
            }
        }
    }

    /// The client went away without an answer: from now on the same body leads to its task.
    pub(super) fn arm(&mut self, name: &Name) {
        let task = &self.tasks[name];
        if task.key.is_none() {
            let until = self.now.plus(REPEAT_WITHIN);
            let key = (name.0.clone(), task.body.clone());
            self.repeats.insert(key, (name.1.clone(), Some(until)));
        }
    }

    /// The task ended: its key leads to it for a day more, or is free at once.
    pub(super) fn forget(&mut self, name: &Name, free: bool) {
        let task = &self.tasks[name];
        if let Some(key) = &task.key {
            let key = (name.0.clone(), key.clone());
            if self.keys.get(&key).is_some_and(|(_, id, _)| *id == name.1) {
                if free {
                    self.keys.remove(&key);
                } else if let Some((_, _, until)) = self.keys.get_mut(&key) {
                    *until = Some(self.now.plus(KEPT_AFTER_END));
                }
            }
        } else {
            let key = (name.0.clone(), task.body.clone());
            if self.repeats.get(&key) == Some(&(name.1.clone(), None)) {
                self.repeats.remove(&key);
            }
        }
    }
}

/// A task whose hold was just taken.
fn taken(task: &evogate_models::task::Task) -> Task {
    Task {
        phase: Phase::Unknown,
        created: task.created,
        ended: None,
        estimate: task.estimate.micro(),
        held: task.estimate.micro(),
        charged: 0,
        billed: 0,
        reserved: None,
        upstream: None,
        lease: None,
        fences: 1,
        key: task.idempotency_key.clone(),
        body: task.fingerprint.clone(),
        user: task.author.user.clone(),
        with: task.author.key.clone(),
        calls_back: task.callback_url.is_some(),
        told: false,
        cancel_wanted: false,
        verdict: false,
        results_settled: false,
    }
}
