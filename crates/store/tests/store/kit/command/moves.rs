//! Random moves of a task, and what EvoLink says of it.

use evogate_models::Millis;
use evogate_models::life::bind::Found;
use proptest::prelude::*;

use super::{Fence, fence, micro};

/// An id of EvoLink's.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Upstream {
    /// The one that the task is bound to, or that it would get.
    Own,
    /// One of a few that several tasks may be given.
    Shared(u8),
}

/// A report of EvoLink's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    pub(crate) upstream: Upstream,
    pub(crate) status: &'static str,
    pub(crate) reserved: Option<i64>,
    pub(crate) used: Option<i64>,
    /// How long after the hold EvoLink says that it took the task.
    pub(crate) taken: Millis,
    /// Is the model the one that was asked for?
    pub(crate) same_model: bool,
}

/// A move of a task.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Move {
    Renew(Fence),
    Queue(Fence, Millis),
    Refuse { temporary: bool, told: bool },
    Unknown(Fence),
    Bind(Said, Found),
    News(Said),
    InVain(Fence, bool),
    HandBack(Fence),
    Callback(Option<Upstream>),
    WantCancel,
    CancelSent,
    LeaseRanOut,
    Lose,
    Expire,
    HungUp,
    Fetched,
    Expiring(bool),
}

fn upstream() -> impl Strategy<Value = Upstream> {
    prop_oneof![5 => Just(Upstream::Own), 2 => (0..3_u8).prop_map(Upstream::Shared)]
}

fn status() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        3 => Just("pending"),
        3 => Just("processing"),
        3 => Just("completed"),
        1 => Just("failed"),
        1 => Just("cancelled"),
        1 => Just("warming_up"),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    // Around the three times of the estimate that a hold may grow to, which is often 10 credits.
    let reserved = prop_oneof![
        6 => prop::option::of(micro()),
        1 => (29_999_999..=30_000_001_i64).prop_map(Some),
    ];
    let taken = prop_oneof![6 => Just(0), 2 => -15_000..50_000_i64];
    let same_model = prop::bool::weighted(0.9);
    (
        upstream(),
        status(),
        reserved,
        prop::option::of(micro()),
        taken,
        same_model,
    )
        .prop_map(
            |(upstream, status, reserved, used, taken, same_model)| Said {
                upstream,
                status,
                reserved,
                used,
                taken,
                same_model,
            },
        )
}

fn found() -> impl Strategy<Value = Found> {
    prop_oneof![
        4 => Just(Found::Answer),
        1 => Just(Found::Repeat),
        1 => Just(Found::Callback),
        1 => Just(Found::List),
        1 => Just(Found::Admin),
    ]
}

/// One move.
pub(super) fn step() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => fence().prop_map(Move::Renew),
        2 => (fence(), 0..5_000_i64).prop_map(|(fence, wait)| Move::Queue(fence, wait)),
        2 => any::<(bool, bool)>().prop_map(|(temporary, told)| Move::Refuse { temporary, told }),
        3 => fence().prop_map(Move::Unknown),
        6 => (said(), found()).prop_map(|(said, found)| Move::Bind(said, found)),
        6 => said().prop_map(Move::News),
        3 => (fence(), any::<bool>()).prop_map(|(fence, why)| Move::InVain(fence, why)),
        2 => fence().prop_map(Move::HandBack),
        2 => prop::option::of(upstream()).prop_map(Move::Callback),
        2 => Just(Move::WantCancel),
        1 => Just(Move::CancelSent),
        2 => Just(Move::LeaseRanOut),
        1 => Just(Move::Lose),
        1 => Just(Move::Expire),
        2 => Just(Move::HungUp),
        1 => Just(Move::Fetched),
        3 => any::<bool>().prop_map(Move::Expiring),
    ]
}
