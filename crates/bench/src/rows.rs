//! The rows of the table, each in a file of its own.

mod binary;
mod embedded;
mod growth;
mod latency;
mod memory;
mod polls;
mod reads;
mod start;
mod submits;

use std::fmt;

use clap::ValueEnum;
use rand::seq::SliceRandom as _;
use tokio::runtime::Runtime;

use crate::Options;
use crate::drive::{Closed, Target, closed};
use crate::report::Line;

/// A row, or a few that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// Reads of tasks, by key and by token.
    Reads,
    /// Upstream reads while many clients poll unfinished tasks on two replicas.
    Polls,
    /// Submits on Redis.
    Submits,
    /// What the gateway adds to the time of a submit.
    Latency,
    /// Submits on the embedded store.
    Embedded,
    /// The gateway's memory.
    Memory,
    /// From the start to readiness.
    Start,
    /// The size of the binary.
    Binary,
    /// A full store beside an empty one. Takes long.
    Growth,
}

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        out.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

impl Row {
    /// Those that are measured unless others are named.
    pub(crate) fn usual() -> Vec<Self> {
        let all = Self::value_variants().iter().copied();
        all.filter(|row| *row != Self::Growth).collect()
    }

    /// Measures it.
    pub(crate) fn measure(self, options: &Options) -> Vec<Line> {
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(async {
            match self {
                Self::Reads => reads::measure(options).await,
                Self::Polls => polls::measure(options).await,
                Self::Submits => submits::measure(options).await,
                Self::Latency => latency::measure(options).await,
                Self::Embedded => embedded::measure(options).await,
                Self::Memory => memory::measure(options).await,
                Self::Start => start::measure(options),
                Self::Binary => vec![binary::measure()],
                Self::Growth => growth::measure(options).await,
            }
        })
    }
}

/// Something that takes its turn in every round.
struct Contender {
    target: Target,
    /// Whose CPU time is watched.
    processes: Vec<u32>,
}

/// Lets the contenders take turns, in another order in every round. For each, its measurement of each round.
fn rounds(options: &Options, contenders: &[Contender]) -> Vec<Vec<Closed>> {
    let mut measured = vec![Vec::new(); contenders.len()];
    let mut order: Vec<_> = (0..contenders.len()).collect();
    let mut random: rand::rngs::StdRng = rand::make_rng();
    for _ in 0..options.rounds {
        order.shuffle(&mut random);
        for &at in &order {
            let Contender { target, processes } = &contenders[at];
            let one = closed(target, options.connections, options.length(), processes);
            eprintln!("  {at}: {}", one.shown());
            measured[at].push(one);
        }
    }
    measured
}

/// The CPU time of the first process for one answer, of each round, in microseconds.
fn cpu(rounds: &[Closed]) -> Vec<f64> {
    rounds.iter().map(|round| round.cpu_us(0)).collect()
}

/// One to the other, round by round.
fn ratios(one: &[f64], other: &[f64]) -> Vec<f64> {
    let pairs = one.iter().zip(other);
    pairs.map(|(one, other)| one / other).collect()
}
