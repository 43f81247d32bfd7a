//! The breaker's states and what moves them. No clock, no waiting, no locks.

use std::collections::BTreeMap;
use std::time::Duration;

use evogate_models::{Timestamp, time};

use super::{Open, State};
use crate::config;

/// A submit that waits longer than this for its answer counts as unanswered: ordinary ones take less.
const UNANSWERED: Duration = Duration::from_secs(5);
/// What a client is told to wait at least.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// A submit that was let through: its number, and the phase that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    number: u64,
    phase: u64,
}

/// What a submit told about EvoLink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answers.
    Definite,
    /// It does not.
    Unknown,
    /// Nothing: it was not asked.
    None,
}

#[derive(Debug)]
enum Phase {
    Closed {
        /// Unknown outcomes since the last definite one.
        unknowns: u32,
        /// When the submits without an answer began. Numbers grow with time, so the oldest come first.
        waiting: BTreeMap<u64, Timestamp>,
    },
    Open {
        /// When the next probe is due.
        probe_at: Timestamp,
    },
    HalfOpen {
        /// A trial is under way.
        trial: bool,
    },
}

#[derive(Debug)]
pub(super) struct Circuit {
    max_unknowns: u32,
    max_unanswered: usize,
    cooldown: Duration,
    phase: Phase,
    /// Counts the phases.
    phases: u64,
    /// Counts the submits.
    submits: u64,
}

impl Circuit {
    pub(super) fn new(config: &config::Submit) -> Self {
        Self {
            max_unknowns: config.breaker_unknowns,
            max_unanswered: usize::try_from(config.breaker_unanswered).unwrap_or(usize::MAX),
            cooldown: config.breaker_cooldown,
            phase: closed(),
            phases: 0,
            submits: 0,
        }
    }

    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// A submit wants to begin.
    pub(super) fn begin(&mut self, now: Timestamp) -> Result<Ticket, Open> {
        if self.is_piled_up(now) {
            self.open(now);
        }
        self.submits = self.submits.wrapping_add(1);
        let number = self.submits;
        let refuse = |wait: Duration| Open {
            retry_after: wait.max(LEAST_WAIT),
        };
        match &mut self.phase {
            Phase::Closed { waiting, .. } => {
                waiting.insert(number, now);
            }
            Phase::HalfOpen { trial: true } => return Err(refuse(self.cooldown)),
            Phase::HalfOpen { trial } => *trial = true,
            Phase::Open { probe_at } => {
                let left = probe_at.since(now).max(0);
                let left = Duration::from_millis(left.unsigned_abs());
                return Err(refuse(left.min(self.cooldown)));
            }
        }
        Ok(Ticket {
            number,
            phase: self.phases,
        })
    }

    /// A submit has ended.
    pub(super) fn end(&mut self, ticket: Ticket, verdict: Verdict, now: Timestamp) {
        if ticket.phase != self.phases {
            return;
        }
        match &mut self.phase {
            Phase::Closed { unknowns, waiting } => {
                waiting.remove(&ticket.number);
                match verdict {
                    Verdict::Definite => *unknowns = 0,
                    Verdict::Unknown => *unknowns = unknowns.saturating_add(1),
                    Verdict::None => {}
                }
                if *unknowns >= self.max_unknowns {
                    self.open(now);
                }
            }
            Phase::HalfOpen { trial } => match verdict {
                Verdict::Definite => self.enter(closed()),
                Verdict::Unknown => self.open(now),
                Verdict::None => *trial = false,
            },
            Phase::Open { .. } => {}
        }
    }

    /// EvoLink was probed.
    pub(super) fn probed(&mut self, alive: bool, now: Timestamp) {
        match &mut self.phase {
            Phase::Open { .. } if alive => self.enter(Phase::HalfOpen { trial: false }),
            Phase::Open { probe_at } => *probe_at = now.after(self.cooldown),
            Phase::Closed { .. } | Phase::HalfOpen { .. } => {}
        }
    }

    /// Are there more unanswered submits than allowed?
    fn is_piled_up(&self, now: Timestamp) -> bool {
        let Phase::Closed { waiting, .. } = &self.phase else {
            return false;
        };
        // The oldest come first: when this one has waited for too long, so have all before it.
        waiting.len() > self.max_unanswered
            && waiting
                .values()
                .nth(self.max_unanswered)
                .is_some_and(|began| now.since(*began) >= time::millis(UNANSWERED))
    }

    fn open(&mut self, now: Timestamp) {
        self.enter(Phase::Open {
            probe_at: now.after(self.cooldown),
        });
    }

    fn enter(&mut self, phase: Phase) {
        self.phases = self.phases.wrapping_add(1);
        self.phase = phase;
    }
}

fn closed() -> Phase {
    Phase::Closed {
        unknowns: 0,
        waiting: BTreeMap::new(),
    }
}
