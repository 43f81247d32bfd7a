//! The worker that empties the outbox.
//!
//! It sleeps until the next delivery is due, a new event wakes it, or its tick, whichever is first;
//! claims what is due; and lets the lanes decide what is sent now. What finds no room goes back to the
//! store for a while. Nothing that happens here can lose a delivery: what is claimed and never recorded
//! is due again when its lease ends.

mod shift;

use std::sync::Arc;
use std::time::Duration;

use evogate_models::Millis;
use evogate_models::address::AddressPolicy;
use evogate_models::time::millis;
use evogate_store::{Clock, Random, Store};

use super::courier::Courier;
use super::guard::{GuardedClient, Waits};
use crate::background::Background;
use crate::config::Webhooks;
use shift::Shift;

/// Beyond the time for an attempt: for recording it.
const MARGIN: Duration = Duration::from_secs(10);

/// Sends what the outbox holds.
#[derive(Debug)]
pub struct Deliverer {
    store: Store,
    courier: Arc<Courier>,
    /// How much of its lease a delivery must have left to be sent.
    needs: Millis,
    lease: Millis,
}

impl Deliverer {
    /// A worker for `store`'s outbox. Fails where the machine has no CA certificates.
    pub fn new(
        store: Store,
        policy: Arc<AddressPolicy>,
        config: &Webhooks,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, reqwest::Error> {
        let client = GuardedClient::new(policy, waits(config))?;
        Ok(Self::with_client(store, client, config, clock, random))
    }

    /// A worker that sends with `client`, which should wait no longer than `config` says.
    pub fn with_client(
        store: Store,
        client: GuardedClient,
        config: &Webhooks,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let attempt = millis(config.timeout);
        let needs = attempt.saturating_add(millis(MARGIN));
        let courier = Courier {
            store: store.clone(),
            client,
            clock,
            random,
        };
        Self {
            store,
            courier: Arc::new(courier),
            needs,
            // Half of it may be spent waiting in a lane.
            lease: needs.saturating_mul(2),
        }
    }

    /// Works until a shutdown begins. Then attempts under way go on as background work of their own,
    /// and what was not begun is handed back.
    pub async fn run(self, background: Background) {
        Shift::new(self, background).work().await;
    }
}

/// The waits of a client for webhooks.
pub(super) fn waits(config: &Webhooks) -> Waits {
    Waits {
        connect: config.connect_timeout,
        total: Some(config.timeout),
        silence: None,
    }
}
