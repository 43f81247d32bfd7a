//! Turns a random move into a command for one task.

use evogate_models::life::bind::Found;
use evogate_models::report::Report;
use evogate_models::task::{State, Task};
use evogate_models::{Credits, Timestamp, UpstreamId};
use evogate_store::TaskCommand;

use crate::kit::command::{Move, Said, Upstream};
use crate::kit::{LEASE, UNKNOWN, WINDOW, refusal, report};

fn upstream(task: &Task, upstream: Upstream) -> UpstreamId {
    let id = match (upstream, &task.upstream) {
        (Upstream::Own, Some(bound)) => return bound.clone(),
        (Upstream::Own, None) => format!("up-{}-{}", task.tenant, task.id),
        (Upstream::Shared(n), _) => format!("up-{n}"),
    };
    id.parse().unwrap()
}

fn said(task: &Task, said: &Said) -> Report {
    let usage: Vec<String> = [
        ("credits_reserved", said.reserved),
        ("credits_used", said.used),
    ]
    .into_iter()
    .filter_map(|(name, micro)| {
        let amount = Credits::from_micro(micro?)?;
        Some(format!(r#""{name}":{}"#, amount.to_decimal()))
    })
    .collect();
    let id = upstream(task, said.upstream);
    let created = task.created.plus(said.taken);
    let mut report = report(id.as_str(), said.status, &usage.join(","), created);
    if !said.same_model {
        report.model = Some("another".to_owned());
    }
    report
}

/// The nearest move to `step` that the task's state allows.
fn fit(task: &Task, step: Move) -> Move {
    match (&task.state, step) {
        (
            State::Submitting { .. } | State::Queued { .. } | State::Unknown { .. },
            Move::News(said),
        ) => Move::Bind(said, Found::Answer),
        (State::Queued { .. }, Move::Queue(fence, _) | Move::Unknown(fence)) => Move::Renew(fence),
        (
            State::Unknown { .. } | State::Pending | State::Processing,
            Move::Renew(fence) | Move::Queue(fence, _) | Move::Unknown(fence),
        ) => Move::InVain(fence, true),
        (State::Pending | State::Processing, Move::Bind(said, _)) => Move::News(said),
        (State::Pending | State::Processing, Move::LeaseRanOut | Move::Lose) => Move::Expire,
        (_, step) => step,
    }
}

/// The command.
pub(super) fn command(task: &Task, step: Move, fitting: bool, now: Timestamp) -> TaskCommand {
    let step = if fitting { fit(task, step) } else { step };
    let fence = |which| super::fence(which, task.fence);
    match step {
        Move::Renew(which) => TaskCommand::Renew {
            fence: fence(which),
            send_within: 5_000,
            lease: LEASE,
        },
        Move::Queue(which, wait) => TaskCommand::Queue {
            fence: fence(which),
            until: now.plus(wait),
            why: "429".into(),
            lease: LEASE,
        },
        Move::Refuse { temporary, told } => TaskCommand::Refuse {
            refusal: refusal(),
            temporary,
            told,
        },
        Move::Unknown(which) => TaskCommand::Unknown {
            fence: fence(which),
            why: "time-out".into(),
            until: now.plus(UNKNOWN),
        },
        Move::Bind(report, found) => TaskCommand::Bind {
            report: said(task, &report),
            found,
            window: WINDOW,
        },
        Move::News(report) => TaskCommand::News {
            report: said(task, &report),
        },
        Move::InVain(which, why) => TaskCommand::InVain {
            fence: fence(which),
            why: why.then(|| "404".into()),
        },
        Move::HandBack(which) => TaskCommand::HandBack {
            fence: fence(which),
        },
        Move::Callback(named) => TaskCommand::Callback {
            upstream: named.map(|id| upstream(task, id)),
            refresh_after: 5_000,
        },
        Move::WantCancel => TaskCommand::WantCancel,
        Move::CancelSent => TaskCommand::CancelSent {
            answer: "accepted".into(),
        },
        Move::LeaseRanOut => TaskCommand::LeaseRanOut {
            unknown_deadline: UNKNOWN,
        },
        Move::Lose => TaskCommand::Lose,
        Move::Expire => TaskCommand::Expire,
        Move::HungUp => TaskCommand::HungUp,
        Move::Fetched => TaskCommand::Fetched,
        Move::Expiring(delivered) => TaskCommand::Expiring { delivered },
    }
}
