//! `evogate`: the gateway, its development mode and its tools, as one binary.

use std::process::ExitCode;

use clap::Parser;
use evogate::cli::Cli;

/// Many small allocations on many threads are what a gateway does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let ended = Cli::parse().run().await;
    evogate::logging::flush();
    ended
}
