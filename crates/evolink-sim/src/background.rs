//! Background work in one tracked place, so that a shutdown can end it and wait for it.

use std::time::Duration;

use hyper::rt::Executor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns work and knows when it must end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Background {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Background {
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.tracker.spawn(work));
    }

    /// Resolves when the simulator is asked to end.
    pub(crate) async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Waits for this long; false when the simulator is asked to end before that.
    pub(crate) async fn pause(&self, length: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(length) => true,
            () = self.stopping() => false,
        }
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
    }

    /// Waits until all work has ended, at most for this long.
    pub(crate) async fn ended(&self, within: Duration) {
        if tokio::time::timeout(within, self.tracker.wait())
            .await
            .is_err()
        {
            tracing::warn!("some work did not end in time");
        }
    }
}

impl<F> Executor<F> for Background
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, work: F) {
        drop(self.tracker.spawn(work));
    }
}
