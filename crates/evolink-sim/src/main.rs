//! `evolink-sim`: the fake EvoLink as a program of its own.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use evolink_sim::{Micro, Sim, SimConfig};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A fake EvoLink, for tests and development.
#[derive(Debug, Parser)]
#[command(version)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
struct Options {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
    /// How much faster than EvoLink tasks finish.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// A bearer key that is accepted; may be given several times. None: any that begins with `sk-`.
    #[arg(long = "key")]
    keys: Vec<String>,
    /// What the account owns.
    #[arg(long, default_value = "1000000")]
    credits: Micro,
    /// Keep tasks, account and files in this file across restarts.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Base of the result URLs, where it differs from the listen address.
    #[arg(long)]
    public_url: Option<String>,
    /// Tasks are done at once and the journal only counts: for benchmarks.
    #[arg(long)]
    instant: bool,
    /// Let `Idempotency-Key` mean something.
    #[arg(long)]
    honours_idempotency: bool,
    /// Refuse callback URLs that are not https, or private, as EvoLink does.
    #[arg(long)]
    strict_callbacks: bool,
    /// Leave out `GET /v1/tasks`.
    #[arg(long)]
    no_list: bool,
    /// Leave out `POST /v1/tasks/batch`.
    #[arg(long)]
    no_batch: bool,
    /// Hours after which a task reads as 404.
    #[arg(long, default_value_t = 24)]
    retention_hours: u64,
    /// Makes ids and the dice of rules repeatable.
    #[arg(long)]
    seed: Option<u64>,
}

impl From<Options> for SimConfig {
    fn from(options: Options) -> Self {
        Self {
            listen: options.listen,
            speed: options.speed,
            api_keys: options.keys,
            credits: options.credits,
            public_url: options.public_url,
            state_file: options.state,
            instant: options.instant,
            list_reads: !options.no_list,
            batch_reads: !options.no_batch,
            honours_idempotency: options.honours_idempotency,
            allow_local_callbacks: !options.strict_callbacks,
            retention: Duration::from_hours(options.retention_hours),
            seed: options.seed,
            ..Self::default()
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .init();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let sim = Sim::start(Options::parse().into()).await?;
    println!("evolink-sim listening on {}", sim.url());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    sim.shutdown().await;
    Ok(())
}
