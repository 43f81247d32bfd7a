//! `evogate dev`: the gateway, an embedded store and a fake EvoLink in one process, with a tenant to try.
//!
//! It runs the same code as `serve`; only the settings differ. Nothing in it can reach the real EvoLink:
//! the address and the key upstream are pinned, whatever the environment says.

mod folder;
mod seed;
mod settings;
mod welcome;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use evolink_sim::{Sim, SimConfig};
use tokio::net::TcpListener;

use super::signals::{Signals, run_until_stopped};
use super::{Failure, environment, tell_user};
use crate::app::Server;
use crate::auth::Peppers;
use crate::config::Config;
use crate::listeners::{BindError, Listeners, bind};
use crate::{logging, telemetry};
use folder::Folder;
use settings::{Addresses, Secrets};
use welcome::Welcome;

/// Where everything listens and is kept.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where everything is kept, keys too.
    #[arg(long, value_name = "FOLDER", default_value = ".evogate")]
    data_dir: PathBuf,
    /// Where the gateway listens; port 0 picks one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    api: SocketAddr,
    /// Where its metrics and health are; port 0 picks one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    ops: SocketAddr,
    /// Where the fake EvoLink listens; port 0 picks one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9100")]
    sim: SocketAddr,
    /// How many times faster than EvoLink's the videos are made.
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = speed)]
    sim_speed: f64,
}

/// Runs it until a signal ends it.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let signals = Signals::listen()?;
    let folder = Folder::open(&arguments.data_dir)?;
    let secrets = Secrets::of(&folder)?;
    let listeners = Listeners {
        api: bind("--api", arguments.api).await.map_err(Failure::new)?,
        callbacks: None,
        ops: bind("--ops", arguments.ops).await.map_err(Failure::new)?,
    };
    let sim = start_sim(&arguments, &folder, &secrets).await?;
    let addresses = Addresses {
        api: address_of(&listeners.api)?,
        ops: address_of(&listeners.ops)?,
        sim: sim.addr(),
    };
    let pinned = settings::pinned(&addresses, &folder, &secrets);
    let (config, _) = Config::load_pinned(&pinned, environment())?;
    logging::init(&config.log);
    telemetry::init(&config.telemetry).map_err(Failure::new)?;
    let peppers = Peppers::new(&config.auth);
    let gateway = Server::start(config, listeners)
        .await
        .map_err(Failure::new)?;
    seed::demo(gateway.store(), gateway.vault(), &peppers, &secrets).await?;
    let welcome = Welcome {
        addresses,
        secrets: &secrets,
        env_file: folder.env_file(),
    };
    folder.write_env(&welcome.variables())?;
    tell_user(&welcome);
    let done = run_until_stopped(gateway, signals).await;
    sim.shutdown().await;
    done
}

async fn start_sim(
    arguments: &Arguments,
    folder: &Folder,
    secrets: &Secrets,
) -> Result<Sim, Failure> {
    let config = SimConfig {
        listen: arguments.sim,
        speed: arguments.sim_speed,
        api_keys: vec![secrets.evolink_key.expose().to_owned()],
        state_file: Some(folder.sim_file()),
        ..SimConfig::default()
    };
    let named = |error: io::Error| Failure::new(BindError::new("--sim", arguments.sim, error));
    Sim::start(config).await.map_err(named)
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(Failure::new)
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "not a number")?;
    if speed.is_finite() && speed > 0.0 {
        Ok(speed)
    } else {
        Err("must be above 0".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_a_number_above_zero() {
        assert_eq!(speed("10"), Ok(10.0));
        assert_eq!(speed("0.5"), Ok(0.5));
        for text in ["0", "-1", "inf", "NaN", "fast", ""] {
            assert!(speed(text).is_err(), "{text}");
        }
    }
}
