//! Random lives of random tasks, and what must hold after every turn.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::{DEADLINE, START, credits, intent, refusal, report};
use crate::account::Account;
use crate::journal::{Entry, Posting, Rebuilt};
use crate::life::bind::{self, Found};
use crate::life::{Books, LifeError, Turn, claim, deadline, news, submit};
use crate::task::{State, Task};
use crate::{Credits, TaskId, Timestamp};

/// A tenant's books as an engine keeps them.
#[derive(Default)]
struct World {
    now: i64,
    account: Account,
    tasks: BTreeMap<TaskId, Task>,
    journal: Vec<Entry>,
    ends: BTreeMap<TaskId, u32>,
}

impl World {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(START + self.now)
    }

    fn books(&self, id: &TaskId) -> Books {
        Books {
            account: self.account,
            task: self.tasks[id].clone(),
        }
    }

    fn store(&mut self, turn: Turn) {
        let task = turn.books.task;
        for posting in turn.postings {
            let seq = self.journal.len() as u64 + 1;
            let (at, id) = (self.now(), Some(task.id.clone()));
            self.journal.push(Entry {
                seq,
                at,
                posting,
                task: id,
                note: None,
                by: None,
            });
        }
        if turn.event.is_some() {
            *self.ends.entry(task.id.clone()).or_default() += 1;
        }
        self.account = turn.books.account;
        self.tasks.insert(task.id.clone(), task);
    }

    fn grant(&mut self, amount: Credits) {
        let posting = Posting::Granted { amount };
        self.account = self.account.post(&posting).unwrap();
        let seq = self.journal.len() as u64 + 1;
        self.journal.push(Entry {
            seq,
            at: self.now(),
            posting,
            task: None,
            note: None,
            by: None,
        });
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let mut rebuilt = Rebuilt::default();
        self.journal.iter().for_each(|entry| rebuilt.read(entry));
        let open: BTreeMap<_, _> = self
            .tasks
            .values()
            .filter(|task| !task.state.is_ended())
            .map(|task| (task.id.clone(), task.hold))
            .collect();
        for task in self.tasks.values() {
            let paid = rebuilt.charges.get(&task.id).copied().unwrap_or_default();
            prop_assert_eq!(paid, task.charged, "{:?}", task);
            prop_assert_eq!(task.state.is_ended(), task.ended.is_some());
            prop_assert!(!task.state.is_ended() || task.hold.is_zero());
            prop_assert!(
                task.state.is_ended() || task.due.is_some(),
                "nobody looks: {:?}",
                task
            );
        }
        let spent: Credits = self.tasks.values().map(|task| task.charged).sum();
        prop_assert_eq!(spent, self.account.spent);
        let violations = rebuilt.compare(&self.account, self.journal.len() as u64, &open);
        prop_assert!(violations.is_empty(), "{:?}", violations);
        prop_assert!(
            self.ends.values().all(|ends| *ends <= 1),
            "a task ended twice"
        );
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Command {
    Hold(i64),
    Wait(i64),
    Renew(u64),
    Queue(u64),
    Refuse(bool),
    Unknown(u64),
    Bind {
        upstream: u8,
        reserved: i64,
        found: Found,
        status: u8,
    },
    News {
        upstream: u8,
        status: u8,
        used: Option<i64>,
    },
    InVain,
    HandBack,
    Callback,
    WantCancel,
    Sweep,
    Restore,
}

fn found() -> impl Strategy<Value = Found> {
    prop::sample::select(vec![
        Found::Answer,
        Found::Repeat,
        Found::Callback,
        Found::List,
        Found::Admin,
    ])
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (0..40_000_000_i64).prop_map(Command::Hold),
        prop_oneof![0..10_000_i64, 0..DEADLINE].prop_map(Command::Wait),
        (0..3_u64).prop_map(Command::Renew),
        (0..3_u64).prop_map(Command::Queue),
        any::<bool>().prop_map(Command::Refuse),
        (0..3_u64).prop_map(Command::Unknown),
        (0..3_u8, 0..200_000_000_i64, found(), 0..5_u8).prop_map(
            |(upstream, reserved, found, status)| Command::Bind {
                upstream,
                reserved,
                found,
                status
            }
        ),
        (0..3_u8, 0..5_u8, prop::option::of(0..100_000_000_i64)).prop_map(
            |(upstream, status, used)| Command::News {
                upstream,
                status,
                used
            }
        ),
        Just(Command::InVain),
        Just(Command::HandBack),
        Just(Command::Callback),
        Just(Command::WantCancel),
        Just(Command::Sweep),
        Just(Command::Restore),
    ]
}

fn micro(micro: i64) -> String {
    Credits::from_micro(micro).unwrap().to_decimal()
}

/// Runs one command on one task; what does not apply changes nothing.
fn turn(world: &World, id: &TaskId, command: &Command) -> Result<Turn, LifeError> {
    let (books, now) = (world.books(id), world.now());
    let until = now.plus(1_800_000);
    match command {
        Command::Renew(fence) => submit::renew(books, *fence, 5_000, 15_000, now),
        Command::Queue(fence) => {
            submit::queue(books, *fence, now.plus(1), "429".into(), 15_000, now)
        }
        Command::Refuse(told) => submit::refuse(books, refusal(), *told, *told, now),
        Command::Unknown(fence) => submit::unknown(books, *fence, "500".into(), until, now),
        Command::Bind {
            upstream,
            reserved,
            found,
            status,
        } => {
            let usage = format!(r#""credits_reserved":{}"#, micro(*reserved));
            let created = books.task.created;
            bind::bind(
                books,
                &report(*upstream, *status, &usage, created),
                *found,
                60_000,
                now,
            )
        }
        Command::News {
            upstream,
            status,
            used,
        } => {
            let usage = used.map(|used| format!(r#""credits_used":{}"#, micro(used)));
            let created = books.task.created;
            news::news(
                books,
                &report(*upstream, *status, &usage.unwrap_or_default(), created),
                now,
            )
        }
        Command::InVain => {
            let fence = books.task.fence;
            news::in_vain(books, fence, Some("404".into()), now)
        }
        Command::HandBack => news::hand_back(books.clone(), books.task.fence, now),
        Command::Callback => Ok(news::callback(books, None, 5_000, now)),
        Command::WantCancel => news::want_cancel(books, now).map(|(turn, _)| turn),
        Command::Sweep => {
            let account = books.account;
            let task = claim(books.task, now, now.plus(30_000))?;
            let books = Books { account, task };
            match books.task.state {
                State::Unknown { until, .. } if until <= now => deadline::lose(books, now),
                State::Pending | State::Processing => deadline::expire(books, now),
                _ => deadline::lease_ran_out(books, 1_800_000, now),
            }
        }
        Command::Hold(_) | Command::Wait(_) | Command::Restore => Err(LifeError::Stale),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_in_whatever_order_the_books_are_right(
        commands in prop::collection::vec((any::<prop::sample::Index>(), command()), 1..60)
    ) {
        let mut world = World::default();
        world.grant(credits("100"));
        for (n, (index, command)) in (0_u32..).zip(&commands) {
            match command {
                Command::Hold(estimate) => {
                    let estimate = Credits::from_micro(*estimate).unwrap();
                    let before = world.account.available;
                    match submit::hold(world.account, false, intent(n, estimate, world.now()), world.now()) {
                        Ok(turn) => world.store(turn),
                        Err(_) => prop_assert!(estimate > before),
                    }
                }
                Command::Wait(span) => world.now += span,
                Command::Restore => {
                    let now = world.now();
                    let lost = submit::hold(Account::default(), true, intent(n, credits("1"), now), now);
                    let lost = lost.unwrap().books.task;
                    let turn = bind::restore(world.account, lost, now.plus(1_800_000), now).unwrap();
                    world.store(turn);
                }
                command if !world.tasks.is_empty() => {
                    let id = index.get(&world.tasks.keys().cloned().collect::<Vec<_>>()).clone();
                    let before = world.tasks[&id].clone();
                    if let Ok(turn) = turn(&world, &id, command) {
                        let after = &turn.books.task;
                        if before.state.is_ended() {
                            prop_assert_eq!(&before.state, &after.state, "an end is an end");
                            prop_assert!(turn.postings.is_empty(), "money after the end");
                            prop_assert!(turn.event.is_none(), "an event after the end");
                        }
                        let most = before.hold.max(after.reserved.unwrap_or_default());
                        prop_assert!(after.charged <= most.max(before.charged), "above the hold");
                        world.store(turn);
                    }
                }
                _ => {}
            }
            world.check()?;
        }
    }
}
