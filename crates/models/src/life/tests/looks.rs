//! When a task is looked at: callbacks, hints, deadlines.

use super::{at, bound, held, refusal, report};
use crate::life::bind::{self, Found};
use crate::life::{Books, LifeError, claim, deadline, news, submit};
use crate::task::State;

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

/// A task whose submit was not answered, at 500 ms.
fn unknown() -> Books {
    let until = at(1_800_000);
    let turn = submit::unknown(held("10"), 1, "time-out".into(), until, at(500));
    turn.unwrap().books
}

fn look_in_vain(books: Books, now: i64) -> Books {
    let task = claim(books.task, at(now), at(now + 30_000)).unwrap();
    let (account, fence) = (books.account, task.fence);
    let books = Books { account, task };
    let why = Some("500".into());
    let turn = news::in_vain(books, fence, why, at(now));
    turn.unwrap().books
}

#[test]
fn the_id_that_a_callback_named_is_tried_until_the_task_is_bound() {
    let named = Some("up-7".parse().unwrap());
    let mut books = news::callback(unknown(), named.clone(), 5_000, at(1_000)).books;
    let mut waits = Vec::new();
    for _ in 0..10 {
        let now = books.task.due.unwrap();
        books = look_in_vain(books, now.since(at(0)));
        waits.push(books.task.due.unwrap().since(now));
        assert_eq!(books.task.hint.as_ref().unwrap().upstream, named);
    }
    assert_eq!(waits[..4], [1_000, 2_000, 4_000, 3_000]);
}

#[test]
fn of_two_ids_that_callbacks_named_the_newer_is_tried() {
    let (old, new) = (Some("up-7".parse().unwrap()), Some("up-8".parse().unwrap()));
    let books = news::callback(unknown(), old, 5_000, at(1_000)).books;
    let books = news::callback(books, new.clone(), 5_000, at(2_000)).books;
    let books = news::callback(books, None, 5_000, at(3_000)).books;
    assert_eq!(books.task.hint.unwrap().upstream, new);
}

#[test]
fn a_callback_that_comes_while_somebody_looks_is_followed_within_a_second() {
    let books = unknown();
    let now = books.task.due.unwrap().since(at(0));
    let task = claim(books.task, at(now), at(now + 30_000)).unwrap();
    let fence = task.fence;
    let account = books.account;
    let books = news::callback(Books { account, task }, None, 5_000, at(now + 10)).books;
    let turn = news::in_vain(books, fence, None, at(now + 20)).unwrap();
    assert_eq!(turn.books.task.due, Some(at(now + 1_020)));
}

#[test]
fn every_look_that_follows_a_callback_still_has_its_hint() {
    let mut books = news::callback(bound("10", "10"), None, 5_000, at(1_000)).books;
    let mut hinted = Vec::new();
    for _ in 0..5 {
        hinted.push(books.task.hint.is_some());
        let now = books.task.due.unwrap().since(at(0));
        books = look_in_vain(books, now);
    }
    // At once, and after 1, 2 and 4 seconds; then it is a look like any other.
    assert_eq!(hinted, [true, true, true, true, false]);
}

#[test]
fn a_read_that_failed_counts_as_one() {
    let books = bound("10", "10");
    let due = books.task.due.unwrap();
    let books = look_in_vain(books, due.since(at(0)));
    assert_eq!(books.task.refreshed, Some(due));
}

#[test]
fn news_older_than_evolinks_own_verdict_makes_nothing_due() {
    for status in [2, 3, 4] {
        let books = bound("10", "10");
        let created = books.task.created;
        let end = report(1, status, "", created);
        let ended = news::news(books, &end, at(60_000)).unwrap().books;
        let late = report(1, 1, "", created);
        let turn = news::news(ended.clone(), &late, at(60_001)).unwrap();
        assert_eq!(turn.books.task.due, ended.task.due);
        assert_eq!(turn.books.task.body, ended.task.body);
    }
}

#[test]
fn what_evolink_called_back_about_and_then_refused_is_looked_into() {
    let named = Some("up-7".parse().unwrap());
    let books = news::callback(held("10"), named, 5_000, at(100)).books;
    let turn = submit::refuse(books, refusal(), false, false, at(200)).unwrap();
    assert!(matches!(turn.books.task.state, State::Rejected { .. }));
    assert_eq!(turn.books.task.due, Some(at(200)));
    let turn = submit::refuse(held("10"), refusal(), false, false, at(200)).unwrap();
    assert_eq!(turn.books.task.due, None);
}

#[test]
fn a_callback_about_what_ended_without_evolinks_word_is_looked_into() {
    let books = deadline::lose(unknown(), at(1_800_000)).unwrap().books;
    let turn = news::callback(books, None, 5_000, at(1_900_000));
    assert_eq!(turn.books.task.due, Some(at(1_900_000)));
    let (turn, _) = news::want_cancel(queued(), at(1_500)).unwrap();
    let turn = news::callback(turn.books, None, 5_000, at(2_000));
    assert_eq!(turn.books.task.due, Some(at(2_000)));
}

fn queued() -> Books {
    let turn = submit::queue(held("10"), 1, at(9_000), "429".into(), 15_000, at(1_000));
    turn.unwrap().books
}

#[test]
fn what_was_not_sent_yet_can_not_be_looked_for() {
    for books in [held("10"), queued()] {
        let turn = news::in_vain(books, 1, None, at(2_000));
        assert!(matches!(turn, Err(LifeError::Invalid(_))));
    }
}
