//! Where a client waits for its submit, and where both sides agree on who tells what.
//!
//! Three things race: the outcome, the client's patience (`submit.answer_within`), and the client
//! hanging up. Whoever comes first decides once and for all:
//! - the outcome: the client gets it, and a refusal is the answer itself, not an event;
//! - the patience: the client gets its pending task, and what comes later is an event;
//! - the hang-up: the same request finds its task again for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evogate_models::Credits;
use evogate_models::quota::RateState;
use evogate_models::task::Task;
use tokio::sync::Notify;

use super::{Answer, hung_up};
use crate::error::ApiError;
use crate::state::Gateway;

/// See the module. Cheap to clone; one side waits, the other puts.
#[derive(Debug, Clone, Default)]
pub(super) struct Desk(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    put: Notify,
}

#[derive(Debug, Default)]
struct State {
    client: Client,
    /// The task with its hold, once there is one, what is left, and the tenant's rate.
    held: Option<(Arc<Task>, Credits, Option<RateState>)>,
    outcome: Option<Result<Answer, ApiError>>,
}

/// What the client did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Client {
    /// It waits.
    #[default]
    Waiting,
    /// It waits, and will get the outcome that is being recorded now.
    Promised,
    /// It has its pending task.
    Told,
    /// It went away.
    Gone,
}

impl Desk {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The hold was taken: from now on the client can be given its task.
    pub(super) fn publish(
        &self,
        gateway: &Gateway,
        task: &Arc<Task>,
        available: Credits,
        rate: Option<RateState>,
    ) {
        let gone = self.with(|state| {
            state.held = Some((Arc::clone(task), available, rate));
            state.client == Client::Gone
        });
        if gone {
            note_hang_up(gateway, task);
        }
    }

    /// Promises the client the outcome that will now be recorded. `true` when the client already has
    /// its task, so that the outcome must be told in another way.
    pub(super) fn promise(&self) -> bool {
        self.with(|state| {
            if state.client == Client::Waiting {
                state.client = Client::Promised;
            }
            state.client == Client::Told
        })
    }

    /// The outcome.
    pub(super) fn put(&self, outcome: Result<Answer, ApiError>) {
        self.with(|state| state.outcome = Some(outcome));
        self.0.put.notify_one();
    }

    /// The client's side: the outcome, or after `submit.answer_within` the pending task.
    pub(super) async fn wait(&self, gateway: &Gateway) -> Result<Answer, ApiError> {
        let visit = Visit {
            desk: self,
            gateway,
        };
        let answer = self.answer(gateway.config.submit.answer_within).await;
        std::mem::forget(visit);
        answer
    }

    async fn answer(&self, patience: Duration) -> Result<Answer, ApiError> {
        let patience = tokio::time::sleep(patience);
        tokio::pin!(patience);
        let mut patient = true;
        loop {
            if let Some(outcome) = self.with(|state| state.outcome.take()) {
                return outcome;
            }
            tokio::select! {
                () = self.0.put.notified() => {}
                () = &mut patience, if patient => {
                    if let Some(answer) = self.with(State::give_pending) {
                        return Ok(answer);
                    }
                    // Promised, or still without a hold: either ends soon by itself.
                    patient = false;
                }
            }
        }
    }
}

impl State {
    fn give_pending(&mut self) -> Option<Answer> {
        let (task, available, rate) = self.held.clone()?;
        if self.client != Client::Waiting || self.outcome.is_some() {
            return None;
        }
        self.client = Client::Told;
        Some(Answer {
            task: Task::clone(&task),
            replay: false,
            available,
            rate,
        })
    }
}

/// Dropped before the answer: the client hung up.
struct Visit<'a> {
    desk: &'a Desk,
    gateway: &'a Gateway,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let task = self.desk.with(|state| {
            state.client = Client::Gone;
            state.held.as_ref().map(|(task, _, _)| Arc::clone(task))
        });
        if let Some(task) = task {
            note_hang_up(self.gateway, &task);
        }
    }
}

fn note_hang_up(gateway: &Gateway, task: &Arc<Task>) {
    let (worker, task) = (gateway.clone(), Arc::clone(task));
    gateway
        .background
        .spawn(async move { hung_up(&worker, &task).await });
}
