//! What quotas count, from the tasks themselves.

use evogate_models::quota::{Counter, Denied, Limits, Period, Scope, Usage};
use evogate_models::{Credits, KeyId, TenantId, Timestamp};
use evogate_store::Submit;
use evogate_store::dump::Dump;
use proptest::prelude::*;

use super::{Judged, Model, Task};

/// The lengths of the windows, in days.
const LENGTHS: [i64; 3] = [1, 7, 30];

/// The beginning of the window that `at` is in.
fn start(at: Timestamp, days: i64) -> Timestamp {
    let length = days * 86_400_000;
    Timestamp::from_millis(at.millis() / length * length)
}

fn credits(micro: i64) -> Credits {
    Credits::from_micro(micro).unwrap()
}

/// What the tasks hold, and what was paid for them.
fn sum<'t>(tasks: impl Iterator<Item = &'t Task>) -> i64 {
    tasks.map(|task| task.held + task.charged).sum()
}

impl Model {
    /// The limit that refuses the submit, if one does.
    pub(super) fn denied(&self, submit: &Submit) -> Option<Denied> {
        let intent = &submit.intent;
        let tenant = &self.tenants[&intent.tenant];
        let (quota, amount) = (&tenant.quota, intent.estimate.micro());
        let open = self
            .of(&intent.tenant)
            .filter(|task| task.phase.is_open())
            .count();
        if let Some(limit) = quota.max_tasks_in_flight
            && open >= limit as usize
        {
            return Some(Denied::InFlight { limit });
        }
        let all = || self.of(&intent.tenant);
        let same_user = || all().filter(|task| task.user == intent.author.user);
        let same_key = || all().filter(|task| task.with == intent.author.key);
        let windows = [
            self.overrun(Scope::Tenant, &quota.tenant(), all(), amount),
            intent
                .author
                .user
                .as_ref()
                .and_then(|_| self.overrun(Scope::User, &quota.per_user, same_user(), amount)),
            intent
                .author
                .key
                .as_ref()
                .and_then(|_| self.overrun(Scope::Key, &quota.per_key, same_key(), amount)),
        ];
        if let Some(denied) = windows.into_iter().flatten().next() {
            return Some(denied);
        }
        let key = intent
            .author
            .key
            .as_ref()
            .map(|key| (intent.tenant.clone(), key.clone()));
        if let Some(cap) = key.and_then(|key| self.credentials[&key].cap) {
            let left = (cap - sum(same_key())).max(0);
            if amount > left {
                return Some(Denied::KeyCap {
                    available: credits(left),
                });
            }
        }
        let available = self.available(&intent.tenant);
        (!quota.unlimited && amount > available).then_some(Denied::Balance {
            available: credits(available),
        })
    }

    /// The tasks of a tenant, also those that have left.
    pub(super) fn of(&self, id: &TenantId) -> impl Iterator<Item = &Task> {
        self.tasks
            .iter()
            .chain(&self.gone)
            .filter(move |((tenant, _), _)| tenant == id)
            .map(|(_, task)| task)
    }

    fn overrun<'t>(
        &self,
        scope: Scope,
        limits: &Limits,
        tasks: impl Iterator<Item = &'t Task>,
        amount: i64,
    ) -> Option<Denied> {
        let tasks: Vec<&Task> = tasks.collect();
        let all = [
            limits.credits_per_day,
            limits.credits_per_week,
            limits.credits_per_month,
        ];
        for ((period, days), limit) in Period::ALL.into_iter().zip(LENGTHS).zip(all) {
            let here = start(self.now, days);
            let in_it = tasks
                .iter()
                .filter(|task| start(task.created, days) == here);
            let left = limit.map(|limit| (limit.0.micro() - sum(in_it.copied())).max(0));
            if let Some(left) = left.filter(|left| amount > *left) {
                return Some(Denied::Window {
                    scope,
                    period,
                    available: credits(left),
                });
            }
        }
        None
    }

    /// Do the counters say what the tasks say?
    pub(super) fn check_counters(&self, dump: &Dump) -> Judged {
        for (id, (in_flight, _, usage)) in &dump.counters {
            let tasks: Vec<&Task> = self.of(id).collect();
            let open = tasks.iter().filter(|task| task.phase.is_open()).count();
            prop_assert_eq!(*in_flight as usize, open);
            check_usage(usage, &tasks)?;
            let sums = dump.daily.iter().filter(|((tenant, _, _), _)| tenant == id);
            let (mut submitted, mut ended, mut charged) = (0, 0, 0);
            for (_, sums) in sums {
                submitted += sums.submitted;
                ended += sums.completed + sums.failed + sums.cancelled;
                charged += sums.charged.micro();
            }
            prop_assert_eq!(submitted, tasks.len() as u64);
            prop_assert_eq!(ended, (tasks.len() - open) as u64);
            prop_assert_eq!(charged, tasks.iter().map(|task| task.charged).sum::<i64>());
        }
        for ((id, name), usage) in &dump.usage {
            let key: Option<KeyId> = name.strip_prefix("k:").map(|key| key.parse().unwrap());
            let user = name.strip_prefix("u:").map(str::to_owned);
            let own = |task: &&Task| match &key {
                Some(_) => task.with == key,
                None => task.user == user,
            };
            check_usage(usage, &self.of(id).filter(own).collect::<Vec<_>>())?;
        }
        prop_assert_eq!(dump.audit.len(), self.audited);
        Ok(())
    }
}

fn check_usage(usage: &Usage, tasks: &[&Task]) -> Judged {
    prop_assert_eq!(usage.total.micro(), sum(tasks.iter().copied()));
    for (counter, days) in [usage.day, usage.week, usage.month]
        .into_iter()
        .zip(LENGTHS)
    {
        let newest = tasks.iter().map(|task| start(task.created, days)).max();
        let in_it = tasks
            .iter()
            .filter(|task| Some(start(task.created, days)) == newest);
        let expected = Counter {
            start: newest.unwrap_or_default(),
            used: credits(sum(in_it.copied())),
        };
        prop_assert_eq!(counter, expected);
    }
    Ok(())
}
