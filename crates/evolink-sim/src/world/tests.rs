//! The sums of the account against a recount, on random commands.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::World;
use crate::catalogue::Kind;
use crate::config::SimConfig;
use crate::fault::{Fault, Faults};
use crate::money::Micro;
use crate::request::{self, UrlRules};
use crate::state::Record;
use crate::task::{Birth, Task, Verdict};
use crate::totals::Totals;

#[derive(Clone, Debug)]
enum Command {
    Accept { used: Option<i64>, fails: bool },
    Pass { seconds: u64 },
    Cancel { task: usize },
    Force { task: usize, verdict: u8 },
    Forget { task: usize },
}

fn command() -> impl Strategy<Value = Command> {
    let task = 0..12_usize;
    prop_oneof![
        (prop::option::of(0..30_i64), any::<bool>())
            .prop_map(|(used, fails)| Command::Accept { used, fails }),
        (0..60_u64).prop_map(|seconds| Command::Pass { seconds }),
        task.clone().prop_map(|task| Command::Cancel { task }),
        (task.clone(), 0..3_u8).prop_map(|(task, verdict)| Command::Force { task, verdict }),
        task.prop_map(|task| Command::Forget { task }),
    ]
}

fn task(id: &str, now: u64, used: Option<i64>, fails: bool) -> Task {
    let urls = UrlRules {
        local_callbacks: true,
        own_base: "http://sim",
    };
    let body = json!({"model": "seedance-2.0", "prompt": "a cat"});
    let mut faults = Faults::default();
    faults.add(Fault {
        credits_used: used.map(Micro::from_credits),
        fail: fails.then(|| "service_error".to_owned()),
        ..Fault::default()
    });
    let birth = Birth {
        id: id.to_owned(),
        now,
        speed: 1.0,
        instant: false,
        idempotency_key: None,
        fingerprint: 0,
    };
    Task::new(
        request::read(Kind::Video, &body, &urls).unwrap(),
        &faults,
        birth,
    )
}

fn recount(world: &World) -> Totals {
    let mut totals = Totals::default();
    for task in world.newest_first() {
        totals.add(Totals::of(task));
    }
    totals
}

proptest! {
    #[test]
    fn the_sums_are_those_of_the_tasks_after_any_commands(
        commands in prop::collection::vec(command(), 1..60),
    ) {
        let config = SimConfig {
            credits: Micro::from_credits(100),
            retention: Duration::from_mins(10),
            ..SimConfig::default()
        };
        let mut world = World::new(&config, None);
        let mut now = 0;
        for (number, command) in commands.into_iter().enumerate() {
            let name = |task: usize| format!("task-{task}");
            match command {
                Command::Accept { used, fails } => {
                    let task = task(&name(number), now, used, fails);
                    let enough = task.reserved <= world.remaining();
                    prop_assert_eq!(world.accept(task).is_ok(), enough);
                }
                Command::Pass { seconds } => {
                    now += seconds * 1000;
                    world.settle(now);
                    prop_assert!(world.next_due().is_none_or(|due| due > now));
                }
                Command::Cancel { task } => drop(world.cancel(&name(task), now)),
                Command::Force { task, verdict } => {
                    let verdict = match verdict {
                        0 => Verdict::Completed,
                        1 => Verdict::Cancelled,
                        _ => Verdict::Failed { code: "odd".to_owned(), message: String::new() },
                    };
                    drop(world.end(&name(task), now, verdict));
                }
                Command::Forget { task } => {
                    drop(world.change(&name(task), |task| task.forgotten = true));
                }
            }
            prop_assert_eq!(world.totals(), recount(&world));
            let open = u64::try_from(world.open().count()).unwrap();
            prop_assert_eq!(world.totals().open(), open);
        }

        let mut restored = World::new(&config, None);
        for record in world.records(config.credits) {
            let line = serde_json::to_string(&record).unwrap();
            restored.restore(&serde_json::from_str::<Record<'_>>(&line).unwrap());
        }
        prop_assert_eq!(restored.totals(), world.totals());
        prop_assert_eq!(restored.next_due(), world.next_due());
    }
}
