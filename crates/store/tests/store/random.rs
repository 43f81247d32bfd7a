//! Random commands, each answer judged by the model, and the whole store checked after each.
//!
//! `EVOGATE_STORE_CASES` asks for more cases than the usual; a case that fails is kept as a seed beside
//! this file, and runs first from then on.

use std::collections::BTreeSet;

use evogate_models::delivery::{Delivery, End};
use evogate_models::retention::WAITED_FOR;
use evogate_models::task::State;
use evogate_models::{Millis, TenantId};
use evogate_store::dump::Dump;
use evogate_store::{Cursor, DeliveryFilter, Room, Store, SubmitError, TaskCommand, TaskFilter};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestCaseError};
use tokio::runtime::{Builder, Runtime};

use crate::kit::cast::Cast;
use crate::kit::cast::webhooks::attempt;
use crate::kit::command::{Command, TENANTS, prologue, with_restarts};
use crate::kit::step::{Answer, Step};
use crate::kit::{DEADLINE, KEEP, Place, UNKNOWN};
use crate::model::{Model, Name};

const CASES: u32 = 200;
const LENGTH: usize = 80;

type Checked = Result<(), TestCaseError>;

struct World {
    place: Place,
    cast: Cast,
    model: Model,
    dump: Dump,
}

impl World {
    fn new() -> Self {
        Self {
            place: Place::quick(),
            cast: Cast::default(),
            model: Model::default(),
            dump: Dump::default(),
        }
    }

    fn store(&self) -> &Store {
        self.place.store()
    }

    async fn command(&mut self, command: Command) -> Checked {
        match self.cast.step(command, self.store().now()) {
            Some(step) => self.step(&step).await,
            None => Ok(()),
        }
    }

    async fn step(&mut self, step: &Step) -> Checked {
        let foreseen = self.foreseen(step).await;
        let answer = step.run(self.store()).await;
        match step {
            Step::Wait(span) => self.place.clock.advance(*span),
            Step::Restart => self.place.reopen().await,
            _ => {}
        }
        self.cast.heard(&answer);
        let judged = self.model.judge(step, &answer, &self.dump);
        let context = |error: TestCaseError| TestCaseError::fail(format!("{step:?}: {error}"));
        judged.map_err(context)?;
        as_foreseen(foreseen, &answer).map_err(context)?;
        self.check(&answer).await.map_err(context)
    }

    /// What an estimate says of a submit at this moment.
    async fn foreseen(&self, step: &Step) -> Option<Result<(), SubmitError>> {
        let Step::Submit(submit) = step else {
            return None;
        };
        let intent = &submit.intent;
        let met = self.store().prospect(&intent.tenant, &intent.author).await;
        let now = self.store().now();
        let judged = met
            .unwrap()?
            .judge(&intent.spec, intent.estimate, &intent.windows, now);
        Some(judged.map(|_| ()))
    }

    async fn check(&mut self, answer: &Answer) -> Checked {
        let dump = self.store().dump().await.unwrap();
        self.model.check(&dump)?;
        if dump != self.dump {
            let verified = self.store().verify().await.unwrap();
            self.model.check_verification(&verified)?;
        }
        if answer.is_refusal() {
            prop_assert_eq!(&dump, &self.dump, "a refusal that wrote something");
        }
        appended_only(&self.dump, &dump)?;
        self.dump = dump;
        Ok(())
    }

    /// What the reads of the interface show is what is kept, to its tenant and to nobody else.
    async fn check_reads(&self) -> Checked {
        let store = self.store();
        for tenant in TENANTS {
            let tenant: TenantId = tenant.parse().unwrap();
            let own = |name: &&Name| name.0 == tenant;
            let page = store
                .tasks(&tenant, TaskFilter::default(), 1, 1_000)
                .await
                .unwrap();
            let shown: BTreeSet<_> = page
                .tasks
                .iter()
                .map(|task| (task.tenant.clone(), task.id.clone()))
                .collect();
            let kept: BTreeSet<_> = self.dump.tasks.keys().filter(own).cloned().collect();
            prop_assert_eq!(&shown, &kept);
            prop_assert_eq!(page.total, kept.len() as u64);
            for name @ (_, id) in self.dump.tasks.keys() {
                let task = store.task(&tenant, id).await.unwrap();
                let timeline = store.timeline(&tenant, id).await.unwrap();
                let deliveries = store.deliveries(&tenant, id).await.unwrap();
                let here = self.dump.tasks.get(&(tenant.clone(), id.clone()));
                prop_assert_eq!(task.as_ref(), here, "{:?}", name);
                prop_assert_eq!(timeline.is_empty(), here.is_none());
                prop_assert!(
                    deliveries
                        .iter()
                        .all(|d| d.tenant == tenant && d.task.as_ref() == Some(id))
                );
                prop_assert!(here.is_some() || deliveries.is_empty());
            }
        }
        self.check_lists().await?;
        let unbound = store.unbound().await.unwrap();
        let unbound: BTreeSet<_> = unbound
            .into_iter()
            .map(|task| (task.tenant, task.id))
            .collect();
        prop_assert_eq!(&unbound, &self.dump.unbound);
        let first = self.dump.due.first().map(|(due, _, _)| *due);
        prop_assert_eq!(store.next_due().await.unwrap(), first);
        Ok(())
    }

    /// Lists of deliveries show each once, page by page, and to each tenant its own.
    async fn check_lists(&self) -> Checked {
        let store = self.store();
        let tenants = TENANTS.map(|tenant| Some(tenant.parse::<TenantId>().unwrap()));
        for tenant in tenants.into_iter().chain([None]) {
            let mut shown = Vec::new();
            loop {
                let after = shown.last().map(Cursor::of);
                let filter = DeliveryFilter::default();
                let page = store
                    .list_deliveries(tenant.as_ref(), filter, after, 3)
                    .await;
                let page = page.unwrap();
                if page.is_empty() {
                    break;
                }
                shown.extend(page);
            }
            let own = |name: &&(TenantId, _)| tenant.as_ref().is_none_or(|own| *own == name.0);
            let kept = self.dump.deliveries.keys().filter(own).count();
            prop_assert_eq!(shown.len(), kept);
            let order = |a: &Delivery, b: &Delivery| (&a.tenant, b.at) <= (&b.tenant, a.at);
            prop_assert!(shown.is_sorted_by(order));
            for delivery in shown {
                let found = store.delivery(&delivery.tenant, &delivery.id()).await;
                let (event, found) = found.unwrap().unwrap();
                prop_assert_eq!((&event.id, &found), (&delivery.event, &delivery));
            }
        }
        Ok(())
    }

    /// A worker that was away for `span` looks at all that is due, while EvoLink says nothing.
    async fn pass(&mut self, span: Millis) -> Checked {
        self.step(&Step::Wait(span)).await?;
        let (limit, lease) = (1_000, 1_000);
        self.step(&Step::ClaimDue { limit, lease }).await?;
        let now = self.store().now();
        let tasks: Vec<_> = self.dump.tasks.values().cloned().collect();
        for task in tasks.into_iter().filter(|task| task.lease.is_some()) {
            let command = match task.state {
                State::Queued { .. } | State::Submitting { .. } => TaskCommand::LeaseRanOut {
                    unknown_deadline: UNKNOWN,
                },
                State::Unknown { until, .. } if until <= now => TaskCommand::Lose,
                State::Pending | State::Processing if task.deadline <= now => TaskCommand::Expire,
                _ => TaskCommand::InVain {
                    fence: task.fence,
                    why: None,
                },
            };
            let (tenant, task) = (task.tenant, task.id);
            self.step(&Step::Turn {
                tenant,
                task,
                command,
            })
            .await?;
        }
        Ok(())
    }

    /// Nothing is forgotten: a worker that does no more than look at what is due brings every task to
    /// its end.
    async fn see_to_the_end(&mut self) -> Checked {
        for _ in 0..4 {
            self.pass(DEADLINE.max(UNKNOWN)).await?;
        }
        prop_assert!(
            self.model.open().is_empty(),
            "never ended: {:?}",
            self.model.open()
        );
        Ok(())
    }

    /// Nothing is kept for ever: once receivers were told or given up, and time has passed, a sweep takes
    /// all that was of tasks, and the books still say the same.
    async fn everything_leaves(&mut self) -> Checked {
        let (room, lease) = (Room::of(1_000), 1_000);
        self.step(&Step::Wait(10 * DEADLINE)).await?;
        self.step(&Step::ClaimDeliveries { room, lease }).await?;
        for delivery in self.dump.deliveries.clone().into_values() {
            if delivery.lease.is_some() {
                self.step(&Step::Attempted {
                    claim: delivery.claim(),
                    attempt: attempt(self.store().now(), End::Gone),
                    end: End::Gone,
                    jitter: false,
                })
                .await?;
            }
        }
        self.step(&Step::Wait(KEEP.tasks + WAITED_FOR)).await?;
        self.step(&Step::Wait(KEEP.journal)).await?;
        self.step(&Step::Sweep).await?;
        let dump = &self.dump;
        prop_assert!(dump.tasks.is_empty() && dump.notes.is_empty() && dump.due.is_empty());
        prop_assert!(dump.deliveries.is_empty() && dump.events.is_empty());
        prop_assert!(dump.outbox.is_empty() && dump.history.is_empty());
        prop_assert!(dump.idempotency.is_empty() && dump.repeats.is_empty());
        prop_assert!(dump.upstreams.is_empty() && dump.unbound.is_empty());
        prop_assert!(dump.journal.is_empty(), "{:?}", dump.journal);
        Ok(())
    }

    /// `commands`; what is not bound by then is lost, so that the `late` ones find tasks of every end.
    async fn run(mut self, commands: Vec<Command>, late: Vec<Command>) -> Checked {
        for command in prologue().into_iter().chain(commands) {
            self.command(command).await?;
        }
        for _ in 0..2 {
            self.pass(UNKNOWN).await?;
        }
        for command in late {
            self.command(command).await?;
        }
        self.check_reads().await?;
        self.see_to_the_end().await?;
        self.everything_leaves().await?;
        self.place.close().await;
        Ok(())
    }
}

/// An estimate and the submit after it agree on what the quota, the key and the tenant allow.
fn as_foreseen(foreseen: Option<Result<(), SubmitError>>, answer: &Answer) -> Checked {
    let (Some(foreseen), Answer::Submit(answer)) = (foreseen, answer) else {
        return Ok(());
    };
    match answer {
        Ok(submitted) if submitted.replay => {}
        Ok(_) => prop_assert_eq!(foreseen, Ok(())),
        Err(error) => match error {
            SubmitError::Suspended | SubmitError::NoKey | SubmitError::Denied { .. } => {
                prop_assert_eq!(foreseen.as_ref().err(), Some(error));
            }
            _ => {}
        },
    }
    Ok(())
}

/// Journals and timelines only grow at their ends, and what ended does not change for its tenant.
fn appended_only(before: &Dump, after: &Dump) -> Checked {
    for (tenant, entries) in &before.journal {
        let left = |dump: &Dump| dump.openings.get(tenant).map_or(0, |opening| opening.seq);
        let newly = usize::try_from(left(after) - left(before)).unwrap();
        let kept = after.journal.get(tenant).map_or(&[][..], Vec::as_slice);
        prop_assert!(
            kept.starts_with(&entries[newly..]),
            "the journal of {tenant}"
        );
    }
    prop_assert!(after.audit.starts_with(&before.audit), "the audit trail");
    // Which of them may leave, the model says.
    let here = |name: &Name| after.tasks.contains_key(name);
    for (name, notes) in before.notes.iter().filter(|(name, _)| here(name)) {
        prop_assert!(
            after.notes[name].starts_with(notes),
            "the timeline of {name:?}"
        );
    }
    for (name, task) in before
        .tasks
        .iter()
        .filter(|(name, task)| task.state.is_ended() && here(name))
    {
        let now = &after.tasks[name];
        prop_assert_eq!(&task.state, &now.state, "an end is an end");
        prop_assert_eq!(task.charged, now.charged);
        prop_assert_eq!(&task.body, &now.body);
        prop_assert_eq!(task.ended, now.ended);
    }
    for (name, event) in &before.events {
        let now = after.events.get(name);
        prop_assert!(
            now.is_none_or(|now| now == event),
            "an event is what it was"
        );
    }
    Ok(())
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn config() -> ProptestConfig {
    let cases = std::env::var("EVOGATE_STORE_CASES").ok();
    ProptestConfig {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(CASES),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("seeds"))),
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_is_asked_in_whatever_order_clients_get_what_they_rely_on(
        commands in prop::collection::vec(with_restarts(), 1..LENGTH),
        late in prop::collection::vec(with_restarts(), 0..LENGTH / 4),
    ) {
        runtime().block_on(World::new().run(commands, late))?;
    }
}
