//! `evogate-bench`: what the gateway costs, measured beside nginx on the same machine.
//!
//! Every row of the table in `docs/performance.md` is one file under `rows/`. A row starts what it needs on
//! free loopback ports and in temporary folders (a private Redis, the fake EvoLink, nginx, gateways from the
//! release build), drives it, and reads what each process used from the system's own accounting. Where two
//! things are compared they take turns in shuffled rounds, so that whatever else the machine does hits both.

mod chart;
mod drive;
mod nginx;
mod report;
mod rows;
mod stage;
mod usage;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::report::Report;
use crate::rows::Row;

/// How long and how often things are measured.
#[derive(Debug, Clone, Parser)]
#[command(about = "Measures the gateway end to end, beside nginx", version)]
struct Options {
    /// Which rows; all but those that take long unless given.
    #[arg(long, value_delimiter = ',')]
    rows: Vec<Row>,
    /// How often each thing is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Keep-alive connections that ask one request after the other.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Minutes that the memory is watched under load.
    #[arg(long, default_value_t = 1.0)]
    soak_minutes: f64,
    /// Tasks in the full store of the row `growth`.
    #[arg(long, default_value_t = 1_000_000)]
    growth_tasks: usize,
    /// The folder with the binaries `evogate` and `evolink-sim`.
    #[arg(long, default_value = "target/release")]
    binaries: PathBuf,
    /// Where to write the table as Markdown.
    #[arg(long)]
    table: Option<PathBuf>,
    /// Where to draw the table, as SVG.
    #[arg(long)]
    chart: Option<PathBuf>,
}

impl Options {
    fn length(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

fn main() {
    let options = Options::parse();
    stage::use_binaries(&options.binaries);
    let rows = if options.rows.is_empty() {
        Row::usual()
    } else {
        options.rows.clone()
    };
    let mut report = Report::default();
    for row in rows {
        eprintln!("── {row}");
        report.extend(row.measure(&options));
    }
    println!("\n{report}");
    if let Some(path) = &options.table {
        std::fs::write(path, report.to_string()).expect("the table can be written");
    }
    if let Some(path) = &options.chart {
        std::fs::write(path, chart::draw(&report)).expect("the chart can be written");
    }
}
