//! The breaker between submits and EvoLink, one per replica.
//!
//! While EvoLink does not answer, every submit would end with an unknown outcome and keep a hold, and they
//! would pile up. So several unknown outcomes in a row, or too many submits that wait for an answer, open the
//! breaker: then nothing is held and nothing is sent. A free read finds out when EvoLink answers again; after
//! that one submit at a time is let through until one gets a definite answer.
//!
//! Outcomes count only in the phase in which their submit began: what was sent into an outage ends long after
//! it, and says nothing about the time since.

mod circuit;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evogate_store::clock::Clock;
use tokio::sync::Notify;

use crate::background::Background;
use crate::config;
use crate::evolink::EvoLink;
use crate::metrics::BREAKER_STATE;

use circuit::{Circuit, Ticket, Verdict};

/// The state, for metrics and readiness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Submits go through.
    Closed,
    /// One submit at a time goes through, as a trial.
    HalfOpen,
    /// No submit goes through.
    Open,
}

impl State {
    /// As readiness shows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }

    const fn gauge(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::HalfOpen => 1.0,
            Self::Open => 2.0,
        }
    }
}

/// No submit may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("EvoLink does not answer submits at the moment")]
pub struct Open {
    /// When another try is worth while.
    pub retry_after: Duration,
}

/// See the module.
#[derive(Debug)]
pub struct Breaker {
    circuit: Mutex<Circuit>,
    cooldown: Duration,
    clock: Arc<dyn Clock>,
    opened: Notify,
}

impl Breaker {
    /// A closed one.
    pub fn new(config: &config::Submit, clock: Arc<dyn Clock>) -> Self {
        BREAKER_STATE.set([], State::Closed.gauge());
        Self {
            circuit: Mutex::new(Circuit::new(config)),
            cooldown: config.breaker_cooldown,
            clock,
            opened: Notify::new(),
        }
    }

    /// Asks whether a submit may begin. It has begun when this answers with a permit, and has ended when the
    /// permit has.
    pub fn permit(self: &Arc<Self>) -> Result<Permit, Open> {
        let ticket = self.change(|circuit| circuit.begin(self.clock.now()))?;
        Ok(Permit {
            breaker: Arc::clone(self),
            ticket,
            verdict: Verdict::None,
        })
    }

    /// The state now.
    pub fn state(&self) -> State {
        self.circuit().state()
    }

    /// Probes EvoLink while the breaker is open, until a shutdown begins.
    pub async fn run(self: Arc<Self>, evolink: EvoLink, background: Background) {
        let probing = async {
            loop {
                self.until_open().await;
                tokio::time::sleep(self.cooldown).await;
                let alive = evolink.probe().await;
                self.probed(alive);
            }
        };
        tokio::select! {
            () = probing => {}
            () = background.stopping() => {}
        }
    }

    /// EvoLink was probed.
    fn probed(&self, alive: bool) {
        self.change(|circuit| circuit.probed(alive, self.clock.now()));
    }

    async fn until_open(&self) {
        while self.state() != State::Open {
            self.opened.notified().await;
        }
    }

    /// Lets `step` change the circuit, and tells the world when the state is another one afterwards.
    fn change<T>(&self, step: impl FnOnce(&mut Circuit) -> T) -> T {
        let mut circuit = self.circuit();
        let before = circuit.state();
        let answer = step(&mut circuit);
        let after = circuit.state();
        if before != after {
            BREAKER_STATE.set([], after.gauge());
            let news = match after {
                State::Open => "EvoLink does not answer submits: new ones are refused",
                State::HalfOpen => "EvoLink answers reads: submits are tried one by one",
                State::Closed => "EvoLink answers submits again",
            };
            tracing::warn!(state = ?after, "{news}");
            if after == State::Open {
                self.opened.notify_one();
            }
        }
        answer
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A submit under way. Dropped without an outcome it says nothing about EvoLink: nothing was sent.
#[derive(Debug)]
#[must_use = "a permit that is dropped ends its submit"]
pub struct Permit {
    breaker: Arc<Breaker>,
    ticket: Ticket,
    verdict: Verdict,
}

impl Permit {
    /// EvoLink gave a definite answer, whichever.
    pub fn definite(mut self) {
        self.verdict = Verdict::Definite;
    }

    /// The outcome is unknown.
    pub fn unknown(mut self) {
        self.verdict = Verdict::Unknown;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Self {
            breaker,
            ticket,
            verdict,
        } = self;
        breaker.change(|circuit| circuit.end(*ticket, *verdict, breaker.clock.now()));
    }
}
