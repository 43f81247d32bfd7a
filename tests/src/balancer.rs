//! A load balancer in front of several gateways, of the simplest kind: it asks each for `/readyz` now and then,
//! and leads new connections to those that are ready. Connections that it has made are never touched.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::callers::{Anonymous, Caller as _};
use crate::gateway::Gateway;
use crate::proxy::Proxy;
use crate::spawn;

/// How often it asks. A gateway's `shutdown.drain_pause` has to be longer.
const EVERY: Duration = Duration::from_millis(50);

/// See the module. Ends when it is dropped.
#[derive(Debug)]
pub struct Balancer {
    proxy: Arc<Proxy>,
    asking: Vec<JoinHandle<()>>,
}

impl Balancer {
    /// One with nobody behind it yet.
    pub async fn start() -> Self {
        Self {
            proxy: Arc::new(Proxy::start().await),
            asking: Vec::new(),
        }
    }

    /// The address for clients.
    pub fn url(&self) -> String {
        self.proxy.url()
    }

    /// From now on this gateway is one of those behind it, as long as it is ready. Once it has ended for good
    /// it is asked no more; one that starts again has to be added again.
    pub fn add(&mut self, gateway: &Gateway) {
        let (proxy, ops, api) = (Arc::clone(&self.proxy), gateway.ops(), gateway.api());
        self.asking
            .push(spawn(async move { follow(&proxy, &ops, api).await }));
    }
}

async fn follow(proxy: &Proxy, ops: &Anonymous, api: SocketAddr) {
    let mut inside = false;
    loop {
        let answer = ops
            .try_send(ops.request(http::Method::GET, "/readyz"))
            .await;
        let (ready, gone) = match answer {
            Ok(answer) => (answer.status == 200, false),
            Err(why) => (false, why.is_connect()),
        };
        match (inside, ready) {
            (false, true) => proxy.lead_also_to(api),
            (true, false) => proxy.lead_no_longer_to(api),
            _ => {}
        }
        inside = ready;
        if gone {
            return;
        }
        sleep(EVERY).await;
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        for asking in &self.asking {
            asking.abort();
        }
    }
}
