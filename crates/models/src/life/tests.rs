//! The rules of a task's life: random lives, and one test per rule.

mod leases;
mod looks;
mod money;
mod random;
mod results;

use super::bind::{self, Found};
use super::{Books, submit};
use crate::account::Account;
use crate::journal::Posting;
use crate::quota::Windows;
use crate::report::Report;
use crate::task::{Author, MediaKind, Spec};
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
        windows: Windows::default(),
        trace: None,
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

fn report(upstream: u8, status: u8, usage: &str, created: Timestamp) -> Report {
    let status = ["pending", "processing", "completed", "failed", "cancelled"][usize::from(status)];
    let created = created.seconds();
    let text = format!(
        r#"{{"id":"up-{upstream}","model":"seedance-2.0","status":"{status}","created":{created},"usage":{{{usage}}}}}"#
    );
    Report::parse(text.as_bytes()).unwrap()
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
