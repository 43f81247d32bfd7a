//! How a running gateway is told to end: the first Ctrl-C or SIGTERM ends it in order, the second at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::app::Server;

/// The signals that end a process. From [`Signals::listen`] on they no longer do so by themselves.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(Failure::new)?,
            terminate: signal(SignalKind::terminate()).map_err(Failure::new)?,
        })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
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
        () = gateway.run(stop.clone()) => Ok(()),
        () = twice => Err(Failure::interrupted()),
    }
}
