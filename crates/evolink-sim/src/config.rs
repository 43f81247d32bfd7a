//! What a simulator can be told at its start.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::money::Micro;

const DAY: Duration = Duration::from_hours(24);

/// How a simulator behaves. `SimConfig::default()` is an obedient EvoLink on a free loopback port.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, named at the place of use"
)]
pub struct SimConfig {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// How much faster than EvoLink tasks finish: 10 means ten times.
    pub speed: f64,
    /// The bearer keys that are accepted. Empty: any that begins with `sk-`.
    pub api_keys: Vec<String>,
    /// What the account owns at the start.
    pub credits: Micro,
    /// Base of the result URLs, without a slash at the end; default `http://<listen address>`.
    pub public_url: Option<String>,
    /// Keeps tasks, account, clock and files across restarts in this file. Default: memory only.
    pub state_file: Option<PathBuf>,
    /// Tasks are done the moment they are accepted and the journal only counts: for benchmarks.
    pub instant: bool,
    /// Whether `GET /v1/tasks` exists.
    pub list_reads: bool,
    /// Whether `POST /v1/tasks/batch` exists.
    pub batch_reads: bool,
    /// Whether `Idempotency-Key` on creates means anything.
    pub honours_idempotency: bool,
    /// Whether callbacks may go to plain http, loopback and private hosts. EvoLink itself takes https only.
    pub allow_local_callbacks: bool,
    /// The waits before the second, third … delivery of a callback. Real time, not divided by `speed`.
    pub callback_backoff: Vec<Duration>,
    /// How long a callback may take to be answered.
    pub callback_timeout: Duration,
    /// How long after its creation a task reads as 404. On the simulator's clock, but not divided by
    /// `speed`: a fast simulator would otherwise forget tasks while a test still looks at them.
    pub retention: Duration,
    /// How long after completion a result URL works. On the simulator's clock, not divided by `speed`.
    pub result_ttl: Duration,
    /// How long a request that is told to hang is kept open.
    pub hang_limit: Duration,
    /// How many requests and callbacks the journal remembers.
    pub journal_limit: usize,
    /// How many tasks are remembered. Beyond that the oldest finished ones leave the list of jobs,
    /// while the account's sums keep them.
    pub task_limit: usize,
    /// Makes ids and the dice of rules repeatable.
    pub seed: Option<u64>,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            speed: 1.0,
            api_keys: Vec::new(),
            credits: Micro::from_credits(1_000_000),
            public_url: None,
            state_file: None,
            instant: false,
            list_reads: true,
            batch_reads: true,
            honours_idempotency: false,
            allow_local_callbacks: true,
            callback_backoff: [1, 2, 4].map(Duration::from_secs).to_vec(),
            callback_timeout: Duration::from_secs(10),
            retention: DAY,
            result_ttl: DAY,
            hang_limit: Duration::from_mins(10),
            journal_limit: 200_000,
            task_limit: 200_000,
            seed: None,
        }
    }
}
