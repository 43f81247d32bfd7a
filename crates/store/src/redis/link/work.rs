//! The one place from which the link's background work is spawned, so that closing waits for it.

use std::future::Future;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns, counts connections, and ends everything together.
#[derive(Clone)]
pub(super) struct Work {
    tasks: TaskTracker,
    ending: CancellationToken,
    connections: watch::Sender<u64>,
}

impl Work {
    pub(super) fn new() -> Self {
        Self {
            tasks: TaskTracker::new(),
            ending: CancellationToken::new(),
            connections: watch::Sender::new(0),
        }
    }

    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let ending = self.ending.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = work => {}
                () = ending.cancelled() => {}
            }
        });
    }

    /// Says that a connection was made.
    pub(super) fn connected(&self) {
        self.connections
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(super) fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }

    /// Ends it all, without waiting.
    pub(super) fn end(&self) {
        self.ending.cancel();
        self.tasks.close();
    }

    /// Ends it all, and waits until it has ended.
    pub(super) async fn ended(&self) {
        self.end();
        self.tasks.wait().await;
    }
}
