//! Whether a completed task's results are in the tenant's hands.

use super::{at, bound, report};
use crate::event::EventKind;
use crate::life::{Books, LifeError, claim, news, results};

const HOUR: i64 = 3_600_000;

/// A task that completed one second after the start.
fn completed() -> Books {
    let books = bound("10", "10");
    let report = report(1, 2, "", books.task.created);
    news::news(books, &report, at(1_000)).unwrap().books
}

/// The worker takes what is due.
fn claimed(mut books: Books, now: i64) -> Books {
    books.task = claim(books.task, at(now), at(now + 60_000)).unwrap();
    books
}

#[test]
fn results_that_nobody_has_are_told_of_once_four_hours_before_they_are_deleted() {
    let books = completed();
    let due = 1_000 + 20 * HOUR;
    assert_eq!(books.task.due, Some(at(due)));
    let turn = results::expiring(claimed(books, due), false, at(due)).unwrap();
    assert_eq!(turn.event, Some(EventKind::TaskExpiring));
    assert_eq!((turn.books.task.due, turn.books.task.lease), (None, None));
    let again = results::expiring(turn.books, false, at(due + 1)).unwrap();
    assert_eq!(again.event, None);
}

#[test]
fn results_that_were_fetched_or_delivered_are_not_told_of() {
    let due = 1_000 + 20 * HOUR;
    let fetched = results::fetched(completed(), at(5_000)).books;
    assert_eq!(fetched.task.fetched, Some(at(5_000)));
    assert_eq!(fetched.task.due, None);
    assert_eq!(results::fetched(fetched.clone(), at(9_000)).books, fetched);
    // The worker had claimed it before the client came.
    let late = results::fetched(claimed(completed(), due), at(due)).books;
    let turn = results::expiring(late, false, at(due)).unwrap();
    assert_eq!(turn.event, None);
    let delivered = results::expiring(claimed(completed(), due), true, at(due)).unwrap();
    assert_eq!((delivered.event, delivered.books.task.due), (None, None));
}

#[test]
fn who_looks_too_early_comes_again_in_time() {
    let due = at(1_000 + 20 * HOUR);
    let turn = results::expiring(completed(), false, at(HOUR)).unwrap();
    assert_eq!((turn.event, turn.books.task.due), (None, Some(due)));
}

#[test]
fn only_a_completed_task_has_results() {
    let error = results::expiring(bound("10", "10"), false, at(0)).unwrap_err();
    assert_eq!(error, LifeError::Invalid("pending"));
    let open = bound("10", "10");
    assert_eq!(results::fetched(open.clone(), at(1)).books, open);
}

#[test]
fn a_repeated_report_changes_nothing_of_what_is_due() {
    let books = completed();
    let repeat = report(1, 2, "", books.task.created);
    let turn = news::news(books.clone(), &repeat, at(2_000)).unwrap();
    assert_eq!(turn.books.task.due, books.task.due);
}

#[test]
fn results_run_out_from_the_look_on_until_somebody_has_them_or_knows() {
    let due = 1_000 + 20 * HOUR;
    assert!(!results::run_out(&bound("10", "10").task));
    assert!(!results::run_out(&completed().task), "nobody looked yet");
    let claimed = claimed(completed(), due);
    assert!(!results::run_out(&claimed.task), "somebody looks");
    let turn = results::expiring(claimed.clone(), false, at(due)).unwrap();
    assert!(results::run_out(&turn.books.task));
    let again = results::expiring(turn.books, false, at(due + 1)).unwrap();
    assert!(results::run_out(&again.books.task), "a second look is none");
    let taken = results::fetched(again.books, at(due + 2)).books;
    assert_eq!(taken.task.fetched, Some(at(due + 2)));
    assert!(!results::run_out(&taken.task));
    let delivered = results::expiring(claimed, true, at(due)).unwrap();
    assert_eq!(delivered.books.task.fetched, Some(at(due)));
    assert!(!results::run_out(&delivered.books.task));
}

#[test]
fn an_event_that_is_taken_ends_the_care_for_results_where_no_look_sees_it() {
    let (ended, look) = (at(1_000), at(1_000 + 20 * HOUR));
    assert_eq!(results::expiring_at(ended), look);
    let late = |kind, now| results::taken_late(kind, ended, now);
    assert!(!late(EventKind::TaskCompleted, at(1_000 + 19 * HOUR)));
    // A clock that is fast may have looked before.
    assert!(late(EventKind::TaskCompleted, look.plus(-60_000)));
    assert!(late(EventKind::TaskCompleted, look));
    assert!(results::taken_late(EventKind::TaskExpiring, look, look));
    assert!(!late(EventKind::CreditsLow, look));
}
