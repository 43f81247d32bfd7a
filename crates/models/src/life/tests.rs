//! Random lives of random tasks, and what must hold after every turn.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::bind::{self, Found};
use super::{Books, LifeError, Turn, claim, deadline, news, submit};
use crate::account::Account;
use crate::journal::{Entry, Posting, Rebuilt};
use crate::report::Report;
use crate::task::{Author, MediaKind, Spec, State, Task};
use crate::{Credits, Refusal, TaskId, Timestamp};

const START: i64 = 1_800_000_000_000;
const DEADLINE: i64 = 26 * 3_600_000;

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

fn spec() -> Spec {
    Spec {
        kind: MediaKind::Video,
        model: "seedance-2.0".into(),
        duration: Some(5),
        quality: Some("720p".into()),
        estimated_time: 132,
        shortest: 30,
        longest: 60,
        billing_rule: "per_second".into(),
    }
}

fn intent(n: u32, estimate: Credits, now: Timestamp) -> submit::Intent {
    submit::Intent {
        id: TaskId::mint(now, u128::from(n)),
        tenant: "demo".parse().unwrap(),
        author: Author::default(),
        spec: spec(),
        estimate,
        callback_url: None,
        idempotency_key: None,
        fingerprint: n.to_string(),
        resend: None,
        send_within: 5_000,
        lease: 15_000,
        deadline: DEADLINE,
    }
}

fn refusal() -> Refusal {
    Refusal {
        status: 400,
        kind: "invalid_request_error".into(),
        code: "invalid_parameter".into(),
        message: "no".into(),
        retry_after: None,
    }
}

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
        Just(Command::Callback),
        Just(Command::WantCancel),
        Just(Command::Sweep),
        Just(Command::Restore),
    ]
}

fn report(upstream: u8, status: u8, usage: &str, created: Timestamp) -> Report {
    let status = ["pending", "processing", "completed", "failed", "cancelled"][usize::from(status)];
    let created = created.seconds();
    let text = format!(
        r#"{{"id":"up-{upstream}","model":"seedance-2.0","status":"{status}","created":{created},"usage":{{{usage}}}}}"#
    );
    Report::parse(text.as_bytes()).unwrap()
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

fn held(estimate: &str) -> Books {
    let mut account = Account::default();
    account = account
        .post(&Posting::Granted {
            amount: credits("100"),
        })
        .unwrap();
    let now = Timestamp::from_millis(START);
    submit::hold(account, false, intent(1, credits(estimate), now), now)
        .unwrap()
        .books
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

fn bound(estimate: &str, reserved: &str) -> Books {
    let books = held(estimate);
    let usage = format!(r#""credits_reserved":{reserved}"#);
    let report = report(1, 0, &usage, books.task.created);
    bind::bind(books, &report, Found::Answer, 60_000, at(500))
        .unwrap()
        .books
}

#[test]
fn the_refusal_of_a_hold_reads_as_evolinks() {
    let now = at(0);
    let account = Account::default()
        .post(&Posting::Granted {
            amount: credits("2.1"),
        })
        .unwrap();
    let error = submit::hold(account, false, intent(1, credits("17.784"), now), now).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Insufficient credits. Required: 17.784, Available: 2.100"
    );
    assert!(submit::hold(account, true, intent(1, credits("17.784"), now), now).is_ok());
}

#[test]
fn the_hold_moves_to_what_evolink_reserved_within_three_times_the_estimate() {
    assert_eq!(bound("10", "30").task.hold, credits("30"));
    assert_eq!(bound("10", "0").task.hold, credits("0"));
    let far = bound("10", "30.000001");
    assert_eq!(far.task.hold, credits("10"));
    assert_eq!(far.task.reserved, Some(credits("30.000001")));
}

#[test]
fn the_charge_is_what_was_used_and_never_above_the_hold() {
    for (usage, charged, loss) in [
        (r#""credits_used":6.12"#, "6.12", "0"),
        (r#""credits_reserved":12"#, "12", "0"),
        ("", "12", "0"),
        (r#""credits_used":15"#, "12", "3"),
    ] {
        let books = bound("10", "12");
        let report = report(1, 2, usage, books.task.created);
        let turn = news::news(books, &report, at(60_000)).unwrap();
        assert_eq!(turn.books.task.charged, credits(charged), "{usage}");
        assert_eq!(turn.books.task.loss(), credits(loss), "{usage}");
        assert_eq!(turn.books.account.spent, credits(charged));
        assert!(turn.books.account.held.is_zero());
    }
}

#[test]
fn an_expired_tasks_loss_is_corrected_by_later_news() {
    let turn = deadline::expire(bound("10", "12"), at(DEADLINE)).unwrap();
    assert_eq!(turn.books.task.loss(), credits("12"));
    assert!(turn.books.account.spent.is_zero() && turn.books.account.held.is_zero());
    let failed = report(1, 3, "", turn.books.task.created);
    let later = news::news(turn.books.clone(), &failed, at(DEADLINE + 1)).unwrap();
    assert_eq!(later.books.task.loss(), credits("0"));
    let used = report(1, 2, r#""credits_used":11"#, later.books.task.created);
    let later = news::news(later.books, &used, at(DEADLINE + 2)).unwrap();
    assert_eq!(later.books.task.loss(), credits("11"));
    assert_eq!(later.books.task.state, State::Expired);
}

#[test]
fn a_lost_task_that_was_found_after_all_is_the_platforms_loss() {
    let books = held("10");
    let books = submit::unknown(books, 1, "time-out".into(), at(1_000), at(500))
        .unwrap()
        .books;
    let books = deadline::lose(books, at(1_000)).unwrap().books;
    let done = report(1, 2, r#""credits_reserved":12"#, books.task.created);
    let turn = bind::bind(books, &done, Found::Callback, 60_000, at(90_000)).unwrap();
    assert_eq!(turn.books.task.state, State::Lost);
    assert_eq!(turn.books.task.loss(), credits("12"));
    assert!(turn.postings.is_empty() && turn.event.is_none());
}

#[test]
fn what_does_not_fit_the_intent_is_not_bound_on_a_match() {
    let late = report(1, 0, "", at(71_000));
    for found in [Found::List, Found::Callback, Found::Admin] {
        let books = held("10");
        assert!(matches!(
            bind::bind(books, &late, found, 60_000, at(80_000)),
            Err(LifeError::Misfit(_))
        ));
    }
    assert!(bind::bind(held("10"), &late, Found::Answer, 60_000, at(80_000)).is_ok());
}

#[test]
fn a_callback_that_came_before_the_answer_makes_the_bound_task_due_at_once() {
    let turn = news::callback(held("10"), None, 5_000, at(100));
    assert!(
        turn.books.task.due > Some(at(100)),
        "the submitter still holds its lease"
    );
    let report = report(1, 0, "", turn.books.task.created);
    let turn = bind::bind(turn.books, &report, Found::Answer, 60_000, at(500)).unwrap();
    assert_eq!(turn.books.task.due, Some(at(500)));
}

#[test]
fn only_the_first_callback_bypasses_refresh_after() {
    let mut books = bound("10", "10");
    books.task.refreshed = Some(at(1_000));
    let turn = news::callback(books, None, 5_000, at(1_500));
    assert_eq!(turn.books.task.due, Some(at(1_500)));
    let mut books = turn.books;
    books.task.due = Some(at(60_000));
    let turn = news::callback(books, None, 5_000, at(2_000));
    assert_eq!(turn.books.task.due, Some(at(6_000)));
}

#[test]
fn after_a_callback_a_read_that_finds_no_end_is_tried_again_after_1_2_4_seconds() {
    let mut books = news::callback(bound("10", "10"), None, 5_000, at(1_000)).books;
    let mut now = at(1_000);
    let mut waits = Vec::new();
    for _ in 0..4 {
        let task = claim(books.task, now, now.plus(30_000)).unwrap();
        let running = report(1, 1, "", task.created);
        books = news::news(
            Books {
                account: books.account,
                task,
            },
            &running,
            now,
        )
        .unwrap()
        .books;
        let due = books.task.due.unwrap();
        waits.push(due.since(now));
        now = due;
    }
    assert_eq!(waits, [1_000, 2_000, 4_000, 10_000]);
}

#[test]
fn who_slept_past_the_lease_changes_nothing() {
    let books = held("10");
    let swept = claim(books.task.clone(), at(20_000), at(50_000)).unwrap();
    let books = Books {
        account: books.account,
        task: swept,
    };
    let books = deadline::lease_ran_out(books, 1_800_000, at(20_000))
        .unwrap()
        .books;
    assert_eq!(
        submit::renew(books.clone(), 1, 5_000, 15_000, at(21_000)),
        Err(LifeError::Stale)
    );
    assert_eq!(
        submit::unknown(books, 1, "".into(), at(1), at(21_000)),
        Err(LifeError::Stale)
    );
}

#[test]
fn a_queued_task_is_cancelled_at_once_and_a_submitted_one_on_bind() {
    let queued = submit::queue(held("10"), 1, at(2_000), "429".into(), 15_000, at(1_000)).unwrap();
    let (turn, cancel) = news::want_cancel(queued.books, at(1_500)).unwrap();
    assert_eq!(
        (cancel, &turn.books.task.state),
        (news::Cancel::Done, &State::Cancelled)
    );
    assert!(turn.books.account.held.is_zero());
    let (turn, cancel) = news::want_cancel(held("10"), at(1_500)).unwrap();
    assert_eq!(cancel, news::Cancel::Later);
    let report = report(1, 0, "", turn.books.task.created);
    let bound = bind::bind(turn.books, &report, Found::Answer, 60_000, at(2_000)).unwrap();
    assert_eq!(
        bound.books.task.due,
        Some(at(2_000)),
        "a worker sends the wish now"
    );
}
