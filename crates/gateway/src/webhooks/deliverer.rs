//! The worker that empties the outbox.
//!
//! It sleeps until the next queue is due, a new event wakes it, or its tick, whichever is first; claims no
//! more than it has room for, and sends all that it claimed at once, so that nothing waits in its memory.
//! The room for targets that have not shown that they answer is a room of its own: however many of them
//! hang, those that work are sent theirs. Nothing that happens here can lose a delivery: what is claimed and
//! never recorded is due again when its lease ends.

mod shift;

use std::sync::Arc;
use std::time::Duration;

use evogate_models::Millis;
use evogate_models::time::millis;
use evogate_store::{Clock, Random, Store};

use super::Vault;
use super::courier::Courier;
use super::guard::{GuardedClient, Waits};
use crate::background::Background;
use crate::config::Webhooks;
use shift::Shift;

/// Beyond the time for an attempt: for what comes before it, and for recording it.
const MARGIN: Duration = Duration::from_secs(15);

/// Sends what the outbox holds.
#[derive(Debug)]
pub struct Deliverer {
    store: Store,
    courier: Arc<Courier>,
    lease: Millis,
}

impl Deliverer {
    /// A worker for `store`'s outbox that sends with `client`, which should wait no longer than `config`
    /// says.
    pub fn new(
        store: Store,
        client: GuardedClient,
        vault: Vault,
        config: &Webhooks,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let courier = Courier {
            store: store.clone(),
            client,
            vault,
            clock,
            random,
        };
        Self {
            store,
            courier: Arc::new(courier),
            lease: millis(config.timeout).saturating_add(millis(MARGIN)),
        }
    }

    /// Works until a shutdown begins. Attempts under way then go on as background work of their own.
    pub async fn run(self, background: Background) {
        Shift::new(self, background).work().await;
    }
}

/// The waits of a client for webhooks.
pub fn waits(config: &Webhooks) -> Waits {
    Waits {
        connect: config.connect_timeout,
        total: Some(config.timeout),
        silence: None,
    }
}
