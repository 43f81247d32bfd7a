//! Who may work on a task, and wishes to cancel.

use super::{at, held, refusal, report};
use crate::life::bind::{self, Found};
use crate::life::{Books, LifeError, claim, deadline, news, submit};
use crate::task::State;

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

#[test]
fn nobody_sweeps_a_task_whose_submitter_is_not_silent() {
    let renewed = submit::renew(held("10"), 1, 5_000, 15_000, at(10_000)).unwrap();
    let books = renewed.books;
    let swept = deadline::lease_ran_out(books.clone(), 1_800_000, at(24_999));
    assert_eq!(swept, Err(LifeError::Stale));
    let claimed = claim(books.task.clone(), at(24_999), at(60_000));
    assert_eq!(claimed, Err(LifeError::Stale));
    assert!(deadline::lease_ran_out(books, 1_800_000, at(25_000)).is_ok());
}

#[test]
fn a_client_that_hung_up_gets_its_task_again_unless_it_was_refused() {
    let turn = submit::hung_up(held("10"), at(1_000));
    assert_eq!(turn.repeat_until, Some(at(121_000)));
    let refused = submit::refuse(held("10"), refusal(), false, false, at(900)).unwrap();
    let turn = submit::hung_up(refused.books, at(1_000));
    assert_eq!(turn.repeat_until, None);
}
