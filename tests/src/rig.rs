//! What most tests start with: a simulator, a gateway in front of it, and a tenant with credits.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use evogate_redis_kit::{Options, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::callers::{Admin, Anonymous, Tenant};
use crate::gateway::{Gateway, OURS, PUBLIC_URL, Settings};
use crate::proxy::Proxy;
use crate::simulator::{Simulator, SimulatorProcess};

/// The gateway's key at the simulator.
pub const EVOLINK_KEY: &str = "sk-upstream-7h3c0mp4ny5k3y";
/// Opens the admin routes.
pub const ADMIN_KEY: &str = "admin-8e1f60d2c94b4f7aa3d5";
/// Authenticates callbacks.
pub const CALLBACKS_SECRET: &str = "f0c2b6a1d94e4c35a77188e2b05d13c9";

/// The embedded store's file in the rig's folder.
const EMBEDDED: &str = "evogate.redb";
/// Where the gateways keep everything.
const STORE_URL: &str = "store.url";

/// Names the engine of rigs that don't say which one they want: `redis`, or `embedded`.
const STORE: &str = "EVOGATE_TEST_STORE";

fn on_redis_by_default() -> bool {
    match std::env::var(STORE).as_deref() {
        Err(_) | Ok("" | "embedded") => false,
        Ok("redis") => true,
        Ok(other) => panic!("{STORE} is redis or embedded, not {other}"),
    }
}

/// A running set. Dropped, everything ends.
#[derive(Debug)]
pub struct Rig {
    /// The gateway.
    pub gateway: Gateway,
    /// More of them on the same Redis, where the builder was asked for replicas.
    pub others: Vec<Gateway>,
    /// The Redis that they keep everything in, where it is not the embedded store.
    pub redis: Option<Server>,
    /// Between the gateways and Redis, where the builder was asked for it.
    pub store: Option<Proxy>,
    /// The fake EvoLink behind it.
    pub sim: Simulator,
    /// Between the two, where the builder was asked for it.
    pub upstream: Option<Proxy>,
    /// The admin.
    pub admin: Admin,
    /// A tenant, `team`, with 1000 credits.
    pub team: Tenant,
    /// Keeps the simulator alive.
    pub sim_process: SimulatorProcess,
    folder: TempDir,
}

impl Rig {
    /// One as most tests need it: tasks take milliseconds, callbacks come, reads are fresh.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// One that differs.
    pub fn builder() -> RigBuilder {
        RigBuilder::new()
    }

    /// Somebody without a credential.
    pub fn anonymous(&self) -> Anonymous {
        Anonymous::at(self.gateway.url())
    }

    /// The Redis, which must be there.
    pub fn redis(&mut self) -> &mut Server {
        self.redis.as_mut().expect("a rig on Redis")
    }

    /// The store loses all that it has: the embedded one while its gateway does not run.
    pub fn lose_everything(&self) {
        match &self.redis {
            Some(redis) => redis.command(&["FLUSHALL"]),
            None => std::fs::remove_file(self.folder().join(EMBEDDED)).expect("a store"),
        }
    }

    /// Where everything is kept.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// What a rig is made of.
#[derive(Debug)]
pub struct RigBuilder {
    settings: Settings,
    sim_speed: f64,
    sim_arguments: Vec<String>,
    upstream_proxy: bool,
    redis: Option<Options>,
    store_proxy: bool,
    replicas: usize,
}

impl RigBuilder {
    fn new() -> Self {
        let mut settings = Settings::default();
        for (key, value) in [
            ("listen.api", "127.0.0.1:0"),
            ("listen.ops", "127.0.0.1:0"),
            (PUBLIC_URL, OURS),
            ("callbacks.secret", CALLBACKS_SECRET),
            ("evolink.api_key", EVOLINK_KEY),
            ("admin.bootstrap_key", ADMIN_KEY),
            ("reads.refresh_after", "100ms"),
            // No load balancer has to notice that one ends.
            ("shutdown.drain_pause", "0s"),
        ] {
            settings.set(key, value);
        }
        // What `evogate dev` allows: receivers on this machine.
        settings.set(
            "webhooks.allow_insecure_hosts",
            json!(["127.0.0.1", "localhost"]),
        );
        settings.set("webhooks.allow_networks", json!(["127.0.0.0/8"]));
        Self {
            settings,
            sim_speed: 500.0,
            sim_arguments: Vec::new(),
            upstream_proxy: false,
            redis: on_redis_by_default().then(Options::default),
            store_proxy: false,
            replicas: 1,
        }
    }

    /// On a private Redis: an append-only file that is written through before every answer.
    #[must_use]
    pub fn on_redis(mut self) -> Self {
        self.redis.get_or_insert_default();
        self
    }

    /// On a private Redis that is set up like this.
    #[must_use]
    pub fn on(mut self, redis: Options) -> Self {
        self.redis = Some(redis);
        self
    }

    /// On a private Redis behind a proxy.
    #[must_use]
    pub fn with_store_proxy(mut self) -> Self {
        self.redis = Some(Options::default().on_port());
        self.store_proxy = true;
        self
    }

    /// So many gateways on one private Redis. EvoLink's callbacks reach any of them.
    #[must_use]
    pub fn replicas(self, count: usize) -> Self {
        Self {
            replicas: count,
            ..self.on_redis()
        }
    }

    /// Sets a key of the gateway's.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.settings.set(key, value);
        self
    }

    /// No callback URL is given to EvoLink: tasks are found by polling alone.
    #[must_use]
    pub fn without_callbacks(mut self) -> Self {
        self.settings.unset(PUBLIC_URL);
        self.settings.unset("callbacks.secret");
        self
    }

    /// How many times faster than EvoLink's the videos are made.
    #[must_use]
    pub fn sim_speed(mut self, speed: f64) -> Self {
        self.sim_speed = speed;
        self
    }

    /// One more argument of the simulator's.
    #[must_use]
    pub fn sim_argument(mut self, argument: &str) -> Self {
        self.sim_arguments.push(argument.to_owned());
        self
    }

    /// Puts a proxy between the gateway and the simulator.
    #[must_use]
    pub fn with_upstream_proxy(mut self) -> Self {
        self.upstream_proxy = true;
        self
    }

    /// Starts it all, and waits until it is ready.
    pub async fn start(self) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let Self {
            mut settings,
            sim_speed,
            mut sim_arguments,
            upstream_proxy,
            redis,
            store_proxy,
            replicas,
        } = self;
        let (mut server, mut store) = (None, None);
        if !settings.is_set(STORE_URL) {
            if let Some(options) = redis {
                let redis = Server::with(options);
                let mut url = redis.url();
                if store_proxy {
                    let proxy = Proxy::start().await;
                    proxy.lead_to(Some(([127, 0, 0, 1], redis.port()).into()));
                    url = format!("redis://{}", proxy.address());
                    store = Some(proxy);
                }
                settings.set(STORE_URL, url);
                server = Some(redis);
            } else {
                settings.set(STORE_URL, format!("embedded:{EMBEDDED}"));
            }
        }
        let upstream = if upstream_proxy {
            Some(Proxy::start().await)
        } else {
            None
        };
        sim_arguments.push(format!("--speed={sim_speed}"));
        if let Some(proxy) = &upstream {
            // So that results are where the API is, as the gateway's rules for files expect.
            sim_arguments.push(format!("--public-url={}", proxy.url()));
        }
        let sim_process = SimulatorProcess::start(folder.path(), EVOLINK_KEY, &sim_arguments).await;
        let sim = sim_process.simulator.clone();
        let mut base = sim.url.clone();
        if let Some(proxy) = &upstream {
            let address: Option<SocketAddr> = base
                .strip_prefix("http://")
                .and_then(|address| address.parse().ok());
            proxy.lead_to(address);
            base = proxy.url();
        }
        settings.set("evolink.base_url", format!("{base}/v1"));
        let gateway = Gateway::start(folder.path(), settings.clone()).await;
        if settings.is(PUBLIC_URL, OURS) {
            settings.set(PUBLIC_URL, gateway.callbacks.url());
        }
        let mut others = Vec::new();
        for number in 2..=replicas {
            let own = folder.path().join(format!("replica-{number}"));
            std::fs::create_dir(&own).expect("a folder");
            let callbacks = Arc::clone(&gateway.callbacks);
            others.push(Gateway::replica(&own, settings.clone(), callbacks).await);
        }
        let admin = Admin::at(&gateway.url(), ADMIN_KEY);
        let team = admin.tenant("team", "1000").await;
        Rig {
            gateway,
            others,
            redis: server,
            store,
            sim,
            upstream,
            admin,
            team,
            sim_process,
            folder,
        }
    }
}
