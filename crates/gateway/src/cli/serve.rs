//! `evogate serve`: the gateway in front of the real EvoLink.

use std::path::PathBuf;

use clap::Args;

use super::signals::{Signals, run_until_stopped};
use super::{Failure, environment};
use crate::app::Server;
use crate::config::Config;
use crate::listeners::Listeners;
use crate::{logging, telemetry};

/// Which settings.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The file with the settings. Environment variables (`EVOGATE__…`) override it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Serves until a signal ends it.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (config, warnings) = Config::load(arguments.config.as_deref(), environment())?;
    logging::init(&config.log);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    telemetry::init(&config.telemetry).map_err(Failure::new)?;
    let signals = Signals::listen()?;
    let listeners = Listeners::bind(&config.listen)
        .await
        .map_err(Failure::new)?;
    let gateway = Server::start(config, listeners)
        .await
        .map_err(Failure::new)?;
    run_until_stopped(gateway, signals).await
}
