//! `evogate`: the gateway, its development mode and its tools, as one binary.

use std::pin::Pin;
use std::process::ExitCode;

use clap::Parser;
use evogate::cli::Cli;

/// Many small allocations on many threads are what a gateway does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    // An object, or all of it would be compiled once more for each kind of runtime.
    let run: Pin<Box<dyn Future<Output = ExitCode>>> = Box::pin(Cli::parse().run());
    let ended = run.await;
    evogate::logging::flush();
    ended
}
