//! The one place where work is spawned, so that a shutdown knows what it waits for.
//!
//! Bookkeeping (a submit on its way, a settlement) runs here and never in the future of a request: a
//! client that hangs up drops the request's future, and must not take the bookkeeping with it.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context;

/// Spawns background work and waits for its end. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Background {
    tracker: TaskTracker,
    stop: CancellationToken,
    hand_back: CancellationToken,
}

impl Background {
    /// Spawns work that ends by itself. It has the context of the work that it is spawned from.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        #[expect(clippy::disallowed_methods, reason = "this is the place that tracks")]
        tokio::spawn(self.tracker.track_future(context::inherit(work)))
    }

    /// The same on the runtime of `lane`.
    pub fn spawn_on<T: Send + 'static>(
        &self,
        lane: &Handle,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        lane.spawn(self.tracker.track_future(context::inherit(work)))
    }

    /// Resolves when a shutdown begins: loops end, no new work is begun.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Has a shutdown begun?
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Begins the shutdown: whoever waits on [`Background::stopping`] ends.
    pub fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
    }

    /// Resolves when there is no more time: what can't end at once hands back what it has in its hands, so
    /// that another replica goes on with it now and not when a lease ends.
    pub async fn handing_back(&self) {
        self.hand_back.cancelled().await;
    }

    /// Has that time come?
    pub fn is_handing_back(&self) -> bool {
        self.hand_back.is_cancelled()
    }

    /// Ends the time for what is under way.
    pub fn hand_back(&self) {
        self.hand_back.cancel();
    }

    /// Waits for all that was spawned, at most for `limit`. `false` when something was left.
    pub async fn finished(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.tracker.wait())
            .await
            .is_ok()
    }
}
