//! What can be done to a task: one atomic step each.

use evogate_models::account::Account;
use evogate_models::life::bind::Found;
use evogate_models::life::news::Cancel;
use evogate_models::life::submit::Intent;
use evogate_models::note::Why;
use evogate_models::quota::RateState;
use evogate_models::report::Report;
use evogate_models::task::Task;
use evogate_models::{Millis, Refusal, Timestamp, UpstreamId};

/// A submit that asks for its hold.
#[derive(Debug, Clone)]
pub struct Submit {
    /// What is asked for.
    pub intent: Intent,
    /// The version of the tenant that the caller looked at; with another one nothing is made.
    pub policy: Option<u64>,
    /// May something new be made? Repeats of known requests are answered either way.
    pub may_create: bool,
}

/// What a submit got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The task: a new one with its hold, which the caller sends under the lease in it; or the one
    /// that the same request made before.
    pub task: Task,
    /// Is it the one made before? Then nothing is sent.
    pub replay: bool,
    /// The tenant's account from now on.
    pub account: Account,
    /// The tenant's rate of submits, where it has a limit and this one counted.
    pub rate: Option<RateState>,
}

/// A move of a task. The rules are the functions of the same names in `evogate_models::life`.
#[derive(Debug, Clone)]
pub enum TaskCommand {
    /// More time for the submitter.
    Renew {
        /// The submitter's fencing token.
        fence: u64,
        /// How long from now it may be sent.
        send_within: Millis,
        /// How long the submitter may be silent.
        lease: Millis,
    },
    /// It will be sent again.
    Queue {
        /// The submitter's fencing token.
        fence: u64,
        /// When.
        until: Timestamp,
        /// Why not now.
        why: Why,
        /// How long the submitter may be silent after that.
        lease: Millis,
    },
    /// EvoLink said no.
    Refuse {
        /// What the client gets.
        refusal: Refusal,
        /// May the client try again with the same idempotency key?
        temporary: bool,
        /// Was somebody already given the task?
        told: bool,
    },
    /// The outcome is not known.
    Unknown {
        /// The submitter's fencing token.
        fence: u64,
        /// What came instead of an answer.
        why: Why,
        /// When it is given up.
        until: Timestamp,
    },
    /// EvoLink has it.
    Bind {
        /// EvoLink's task object.
        report: Report,
        /// How it was found.
        found: Found,
        /// How long after the hold EvoLink may have taken it.
        window: Millis,
    },
    /// A read of the bound task.
    News {
        /// EvoLink's task object.
        report: Report,
    },
    /// EvoLink was asked in vain.
    InVain {
        /// The worker's fencing token.
        fence: u64,
        /// What came instead; none when there was nothing to ask.
        why: Option<Why>,
    },
    /// The look was broken off: somebody else may look at once.
    HandBack {
        /// The worker's fencing token.
        fence: u64,
    },
    /// A callback with a valid token came.
    Callback {
        /// The id that its body named.
        upstream: Option<UpstreamId>,
        /// The least time between reads of one task.
        refresh_after: Millis,
    },
    /// The client wants it cancelled.
    WantCancel,
    /// EvoLink was asked to cancel it.
    CancelSent {
        /// What it answered.
        answer: Why,
    },
    /// The submitter went silent.
    LeaseRanOut {
        /// How long it may stay unknown.
        unknown_deadline: Millis,
    },
    /// It is given up as lost.
    Lose,
    /// It is unfinished past its deadline.
    Expire,
    /// The client hung up before its answer.
    HungUp,
    /// The client was given the results.
    Fetched,
    /// The results run out soon.
    Expiring {
        /// Did a receiver take the event of the task's end?
        delivered: bool,
    },
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskOutcome {
    /// The task from now on.
    pub task: Task,
    /// The tenant's account from now on.
    pub account: Account,
    /// For [`TaskCommand::WantCancel`]: what is to be done about it.
    pub cancel: Option<Cancel>,
    /// Did the task end for the tenant in this very step?
    pub ended: bool,
}
