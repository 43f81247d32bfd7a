//! What a task's moves do to the tenant's money and to the platform's.

use super::{DEADLINE, at, bound, credits, held, intent, report};
use crate::account::Account;
use crate::journal::Posting;
use crate::life::bind::{self, Found};
use crate::life::{deadline, news, submit};
use crate::task::State;

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
fn a_record_that_is_made_again_is_held_and_unknown_whatever_it_was() {
    let done = report(1, 2, "", at(0));
    let lost = news::news(bound("10", "12"), &done, at(60_000)).unwrap();
    let account = Account::default();
    let until = at(1_800_000);
    let turn = bind::restore(account, lost.books.task, until, at(70_000)).unwrap();
    let task = &turn.books.task;
    assert!(matches!(task.state, State::Unknown { .. }));
    assert_eq!(
        (task.hold, task.charged, task.loss()),
        (credits("10"), credits("0"), credits("0"))
    );
    assert_eq!(
        (&task.upstream, &task.body, task.ended),
        (&None, &None, None)
    );
    assert_eq!(turn.books.account.held, credits("10"));
    assert!(task.due.is_some() && task.lease.is_none());
}
