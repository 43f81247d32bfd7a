//! How a running gateway is told to end: the first Ctrl-C or SIGTERM ends it in order, the second at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::app::Server;
use crate::telemetry;

/// The signals that end a process. From [`Signals::listen`] on they no longer do so by themselves.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// What ends a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Ctrl-C: somebody may be at the terminal.
    Interrupt,
    /// SIGTERM: there is no time for questions.
    Terminate,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(Failure::new)?,
            terminate: signal(SignalKind::terminate()).map_err(Failure::new)?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Interrupt,
            _ = self.terminate.recv() => Stop::Terminate,
        }
    }
}

/// Serves until a signal, then until everything under way is done.
pub(super) async fn run_until_stopped(
    gateway: Server,
    mut signals: Signals,
) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    let twice = async {
        signals.next().await;
        tracing::info!("ending; a second signal ends it at once");
        stop.cancel();
        signals.next().await;
    };
    tokio::select! {
        () = gateway.run(stop.clone()) => {
            telemetry::shutdown().await;
            Ok(())
        }
        () = twice => Err(Failure::interrupted()),
    }
}
