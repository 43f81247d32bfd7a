//! Names become addresses here, and only judged ones: whoever connects connects to what was judged, so
//! a name that answers differently a moment later gains nothing.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use evogate_models::address::AddressPolicy;
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Looks names up.
pub trait Lookup: Debug + Send + Sync + 'static {
    /// All addresses of `host`, in the order in which they should be tried.
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The resolver of a client that speaks to one port: the HTTP client names the host alone, and what is
/// the gateway's own or opened by ops depends on the port too.
#[derive(Debug)]
pub(super) struct JudgingResolver {
    pub(super) policy: Arc<AddressPolicy>,
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) port: u16,
}

impl Resolve for JudgingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let looked_up = self.lookup.lookup(host.clone());
        let (policy, port) = (Arc::clone(&self.policy), self.port);
        Box::pin(async move {
            let found = looked_up.await?;
            if found.is_empty() {
                return Err(format!("the host {host} has no address").into());
            }
            // One forbidden answer refuses them all: an honest name does not mix them, and which one
            // would be connected to is not ours to guess.
            for ip in &found {
                policy.judge_ip(&host, port, *ip)?;
            }
            let judged = found.into_iter().map(move |ip| SocketAddr::new(ip, port));
            Ok(Box::new(judged) as Addrs)
        })
    }
}
