//! What leaves when it was kept long enough: finished tasks that nobody waits for, and the journal's first
//! entries. What they counted stays counted.

use evogate_models::TaskId;
use evogate_models::journal::Entry;
use evogate_store::Swept;
use evogate_store::dump::Dump;
use proptest::prelude::*;

use super::{Judged, Model, Name, Phase, same};
use crate::kit::KEEP;

impl Model {
    pub(super) fn sweep(&mut self, swept: Swept, before: &Dump) -> Judged {
        let leaving: Vec<Name> = self
            .tasks
            .keys()
            .filter(|name| self.may_leave(name, before))
            .cloned()
            .collect();
        for name in &leaving {
            self.leave(name);
        }
        let mut entries = 0;
        for (tenant, journal) in &before.journal {
            let old = journal.iter().take_while(|entry| {
                let task = entry.task.clone().map(|task| (tenant.clone(), task));
                self.entry_may_leave(entry, task.as_ref())
            });
            entries += old.count();
        }
        let events = self.webhooks.sweep_events(self.now);
        self.webhooks.forget();
        let expected = Swept {
            tasks: leaving.len(),
            entries,
            events,
            queues: self.webhooks.sweep(self.now),
            ..Swept::default()
        };
        same(&expected, &swept)
    }

    fn may_leave(&self, name: &Name, before: &Dump) -> bool {
        let task = &self.tasks[name];
        let looked_for = before.tasks[name].due.is_some() && task.phase != Phase::Completed;
        let told = !self.webhooks.is_waited_for(name, self.now);
        let ended = task.ended.filter(|_| !task.phase.is_open());
        told && !looked_for && ended.is_some_and(|ended| self.now.since(ended) >= KEEP.tasks)
    }

    fn entry_may_leave(&self, entry: &Entry, task: Option<&Name>) -> bool {
        let task = task.and_then(|task| self.tasks.get(task));
        let can_be_looked_up = task.is_some_and(|task| !task.phase.is_open());
        self.now.since(entry.at) >= KEEP.journal && !can_be_looked_up
    }

    fn leave(&mut self, name: &Name) {
        let task = self.tasks.remove(name).unwrap();
        let (tenant, id) = name;
        let own = |owner: &(evogate_models::TenantId, String), task: &TaskId| {
            owner.0 == *tenant && task == id
        };
        self.owners.retain(|_, owner| owner != name);
        self.keys.retain(|key, (_, task, _)| !own(key, task));
        self.repeats.retain(|key, (task, _)| !own(key, task));
        self.webhooks.leave(name);
        self.gone.insert(name.clone(), task);
    }

    /// What has left is in the sums, and in the numbers of the entries.
    pub(super) fn check_departed(&self, dump: &Dump) -> Judged {
        for (id, (_, seq)) in &dump.accounts {
            let departed = dump.departed[id];
            let gone = || self.gone.iter().filter(|((tenant, _), _)| tenant == id);
            let sum = |amount: fn(&super::Task) -> i64| gone().map(|(_, task)| amount(task)).sum();
            let charged: i64 = sum(|task| task.charged);
            let loss: i64 = sum(|task| task.billed - task.charged);
            prop_assert_eq!(departed.tasks, gone().count() as u64);
            prop_assert_eq!(departed.charged.micro(), charged);
            prop_assert_eq!(departed.loss.micro(), loss);
            let newest = gone().map(|((_, task), _)| task.seconds()).max();
            prop_assert_eq!(departed.through, newest.unwrap_or_default());
            let left = dump.openings.get(id).map_or(0, |opening| opening.seq);
            let kept = dump.journal.get(id).map_or(0, Vec::len) as u64;
            prop_assert_eq!(*seq, left + kept);
        }
        prop_assert!(
            dump.notes.keys().eq(dump.tasks.keys()),
            "a timeline of nothing"
        );
        Ok(())
    }
}
