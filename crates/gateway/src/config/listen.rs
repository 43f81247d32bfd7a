//! Where this process listens, how it is reached, and how it stops.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::hosts::BaseUrl;
use super::reader::Reader;
use crate::secret::Secret;

/// The shortest `callbacks.secret`: 128 bits, written in hexadecimal.
const CALLBACKS_SECRET: usize = 32;

/// The shortest `admin.bootstrap_key`: 128 bits in base64 with some room.
const BOOTSTRAP_KEY: usize = 24;

/// `listen`: the sockets.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Tenant and admin routes.
    pub api: SocketAddr,
    /// EvoLink's callbacks; `None`: the api listener takes them.
    pub callbacks: Option<SocketAddr>,
    /// Metrics and health, without credentials.
    pub ops: SocketAddr,
    /// The peers that may say whom they speak for (`X-Forwarded-For`).
    pub trusted_proxies: Vec<IpNet>,
}

impl Listen {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let api = from.required("listen.api");
        let callbacks = from.optional("listen.callbacks");
        let ops = from.required("listen.ops");
        let trusted_proxies = from.required("listen.trusted_proxies");
        Some(Self {
            api: api?,
            callbacks: callbacks?,
            ops: ops?,
            trusted_proxies: trusted_proxies?,
        })
    }
}

/// `public_url` and `callbacks`: how EvoLink's news reach us.
#[derive(Debug, Clone)]
pub struct Callbacks {
    /// Where EvoLink reaches the callbacks listener, with a `/` at its end. `None`: by polling alone.
    pub public_url: Option<Url>,
    /// What the callback tokens are authenticated with. Present whenever `public_url` is.
    pub secret: Option<Secret>,
}

impl Callbacks {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let public_url = from.optional::<BaseUrl>("public_url");
        let secret = from.secret("callbacks.secret", CALLBACKS_SECRET);
        Some(Self {
            public_url: public_url?.map(|BaseUrl(url)| url),
            secret: secret?,
        })
    }
}

/// `admin`: who may administer.
#[derive(Debug, Clone)]
pub struct Admin {
    /// The key that opens the admin routes.
    pub bootstrap_key: Option<Secret>,
}

impl Admin {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let bootstrap_key = from.bearer("admin.bootstrap_key", BOOTSTRAP_KEY)?;
        Some(Self { bootstrap_key })
    }
}

/// `shutdown`: how it stops.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// How long it goes on serving when it is not ready any more.
    pub drain_pause: Duration,
    /// How long everything under way may take to finish after that.
    pub drain_timeout: Duration,
}

impl Shutdown {
    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let bounds = Duration::ZERO..=Duration::from_hours(1);
        let drain_pause = from.within("shutdown.drain_pause", bounds.clone());
        let drain_timeout = from.within("shutdown.drain_timeout", bounds);
        Some(Self {
            drain_pause: drain_pause?,
            drain_timeout: drain_timeout?,
        })
    }
}
