//! The gateway as a whole: opens the store, starts the workers, serves, and ends in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evogate_models::time::millis;
use evogate_store::{Durability, LinkOptions, Store, StoreError, SystemClock, SystemRandom};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::background::Background;
use crate::breaker::Breaker;
use crate::config::{Config, Shutdown, StoreConfig, StoreUrl};
use crate::content::Files;
use crate::drain::{Drain, Phase};
use crate::evolink::{EvoLink, EvoLinkError};
use crate::front::Front;
use crate::heal::Matcher;
use crate::lanes::Lanes;
use crate::listeners::Listeners;
use crate::load::Load;
use crate::metrics::ledger::{self, Ledger};
use crate::metrics::{account, whole};
use crate::reads::Reads;
use crate::recovery::Recovery;
use crate::server::Door;
use crate::shares::Shares;
use crate::state::{Gateway, Parts};
use crate::token::Tokens;
use crate::webhooks::{self, Deliverer, GuardedClient, Vault};
use crate::{durability, metrics, reconcile, recovery, router, server, sweep};

/// Metrics that are kept as samples are folded this often, or memory grows.
const UPKEEP: Duration = Duration::from_secs(5);

/// A gateway that serves.
#[derive(Debug)]
pub struct Server {
    gateway: Gateway,
    /// What serves ops, which outlives everything else.
    ops: Background,
    /// What serves everybody else.
    lanes: Lanes,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store can't be opened.
    #[error("store.url: {0}")]
    Store(#[from] StoreError),
    /// The store can lose what it answers, and must not.
    #[error("store.require_durable is set, but the store can lose what it answers:{0}")]
    NotDurable(String),
    /// There is no way to EvoLink.
    #[error(transparent)]
    EvoLink(#[from] EvoLinkError),
    /// The certificates of `webhooks.ca_file` can't be had.
    #[error("webhooks.ca_file: {0}")]
    Authorities(#[from] webhooks::guard::AuthoritiesError),
    /// An HTTP client can't be made.
    #[error("the HTTP client can't be made: {0}")]
    Client(#[from] reqwest::Error),
    /// A socket is not what it should be.
    #[error(transparent)]
    Socket(#[from] io::Error),
}

impl StartError {
    fn not_durable(durability: &Durability) -> Self {
        let losing = durability.gaps.iter().filter(|gap| gap.kind.loses());
        let lines: Vec<String> = losing
            .map(|gap| format!("\n  {}: {gap}", gap.kind.code()))
            .collect();
        Self::NotDurable(lines.concat())
    }
}

/// How Redis is called, by the settings.
pub(crate) fn link_options(config: &StoreConfig) -> LinkOptions {
    LinkOptions {
        wait_aof: config.wait_aof,
        ..LinkOptions::new(config.timeout)
    }
}

/// Redis may come up a little after the gateway does.
const STORE_PATIENCE: Duration = Duration::from_secs(30);

/// Opens the store that the settings name. A Redis that does not answer yet is waited for.
async fn open(config: &StoreConfig) -> Result<Store, StoreError> {
    let url = match &config.url {
        StoreUrl::Embedded(path) => {
            return Store::embedded(path, config.cache, Arc::new(SystemClock));
        }
        StoreUrl::Redis(url) => url,
    };
    let options = link_options(config);
    let begun = Instant::now();
    loop {
        let opened = Store::redis(url, &options, config.shards, None, Arc::new(SystemRandom));
        match opened.await {
            Err(error @ (StoreError::Unavailable(_) | StoreError::Unanswered(_)))
                if begun.elapsed() < STORE_PATIENCE =>
            {
                tracing::warn!(%error, "Redis does not answer yet");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            other => return other,
        }
    }
}

impl Server {
    /// Opens the store and starts everything that runs.
    pub async fn start(config: Config, listeners: Listeners) -> Result<Self, StartError> {
        metrics::begin();
        let clock = Arc::new(SystemClock);
        let store = open(&config.store).await?;
        let store = store.observed(Arc::new(metrics::store::Calls));
        let durability = store.durability().await;
        if config.store.require_durable && !durability.is_guaranteed() {
            return Err(StartError::not_durable(&durability));
        }
        let own = addresses(&listeners)?;
        let tokens = match (&config.callbacks.public_url, &config.callbacks.secret) {
            (Some(url), Some(secret)) => Some(Tokens::new(
                secret.clone(),
                url.clone(),
                millis(config.tasks.deadline),
            )),
            _ => None,
        };
        let background = Background::default();
        let required = config.store.require_durable;
        let reads = Reads::new(config.reads.refresh_after);
        let remembering = reads.clone();
        store.when_turned(move |task| remembering.turned(&task.id));
        let gateway = Gateway::from(Parts {
            durability: Arc::new(durability::Watch::new(durability, required)),
            auth: Auth::new(&config.auth, clock.clone(), background.clone())?,
            evolink: EvoLink::new(&config.evolink, clock.clone())?,
            shares: Arc::new(Shares::new(&config.evolink)),
            breaker: Arc::new(Breaker::new(&config.submit, clock)),
            tokens,
            recovery: Recovery::default(),
            reads,
            matcher: Matcher::default(),
            files: Files::new(&config)?,
            targets: Arc::new(webhooks::address_policy(&config, &own)),
            vault: vault(&config),
            load: Arc::new(Load::new(&config.server)),
            drain: Arc::default(),
            ledger: Ledger::default(),
            background,
            random: Arc::new(SystemRandom),
            store,
            config,
        });
        metrics::BUILD_INFO.set([env!("CARGO_PKG_VERSION"), gateway.store.engine()], 1.0);
        let lanes = Lanes::start(gateway.config.server.threads)?;
        start_workers(&gateway, &lanes)?;
        let ops = serve(&gateway, listeners, &lanes)?;
        Ok(Self {
            gateway,
            ops,
            lanes,
        })
    }

    /// The open store, for who seeds it.
    pub fn store(&self) -> &Store {
        &self.gateway.store
    }

    /// What seals secrets, for who seeds the store.
    pub fn vault(&self) -> &Vault {
        &self.gateway.vault
    }

    /// Serves until `stop`, and then goes, step by step:
    ///
    /// 1. not ready any more, it goes on serving for `shutdown.drain_pause`, until load balancers have noticed;
    /// 2. its listeners close, workers begin nothing new, and everything under way may finish, for nearly
    ///    `shutdown.drain_timeout`;
    /// 3. what is left then is handed back, so that another replica goes on with it at once;
    /// 4. the ops listener and the store close.
    pub async fn run(self, stop: CancellationToken) {
        stop.cancelled().await;
        // The lanes end last, when nothing is under way on them any more.
        let Self {
            gateway,
            ops,
            lanes: _lanes,
        } = self;
        let Shutdown {
            drain_pause,
            drain_timeout,
        } = gateway.config.shutdown;
        go(&gateway.drain, Phase::Leaving);
        if !drain_pause.is_zero() {
            tokio::time::sleep(drain_pause).await;
        }
        go(&gateway.drain, Phase::Closing);
        let background = &gateway.background;
        background.stop();
        let handing_back = HANDING_BACK.min(drain_timeout / 4);
        if !background
            .finished(drain_timeout.saturating_sub(handing_back))
            .await
        {
            tracing::warn!("not everything has ended in time: what is left is handed back");
            background.hand_back();
            if !background.finished(handing_back).await {
                tracing::warn!(
                    "some work was cut at the end of the drain; it is taken up when its lease ends"
                );
            }
        }
        go(&gateway.drain, Phase::Ended);
        ops.stop();
        ops.finished(OPS).await;
        gateway.store.close().await;
        tracing::info!("ended");
    }
}

/// What is left of the drain for handing back what can't end: a few calls to the store.
const HANDING_BACK: Duration = Duration::from_secs(3);
/// How long a request of ops may take at the very end.
const OPS: Duration = Duration::from_secs(1);

fn go(drain: &Drain, phase: Phase) {
    tracing::info!(phase = phase.as_str(), "ending");
    drain.enter(phase);
}

/// What seals the secrets that sign webhooks, by the settings.
pub fn vault(config: &Config) -> Vault {
    let settings = &config.webhooks;
    Vault::new(
        settings.encryption_key.as_ref(),
        &settings.old_encryption_keys,
        Arc::new(SystemRandom),
    )
}

fn start_workers(gateway: &Gateway, lanes: &Lanes) -> Result<(), StartError> {
    let background = &gateway.background;
    background.spawn(reconcile::run(gateway.clone()));
    background.spawn(recovery::run(gateway.clone()));
    background.spawn(sweep::run(gateway.clone()));
    let sampler = metrics::runtime::run(background.clone(), lanes.handles());
    background.spawn(sampler);
    background.spawn(whole::run(gateway.clone()));
    background.spawn(ledger::run(gateway.clone()));
    background.spawn(account::run(gateway.clone()));
    let (authenticating, worker) = (gateway.clone(), background.clone());
    background.spawn(async move { authenticating.auth.run(worker).await });
    let breaker = Arc::clone(&gateway.breaker);
    background.spawn(breaker.run(gateway.evolink.clone(), background.clone()));
    let settings = &gateway.config.webhooks;
    let client = GuardedClient::new(
        Arc::clone(&gateway.targets),
        webhooks::waits(settings),
        webhooks::guard::authorities(settings.ca_file.as_deref())?,
    )?;
    let deliverer = Deliverer::new(
        gateway.store.clone(),
        client,
        gateway.vault.clone(),
        settings,
        Arc::new(SystemClock),
        Arc::clone(&gateway.random),
    );
    background.spawn(deliverer.run(background.clone()));
    let watch = Arc::clone(&gateway.durability);
    background.spawn(watch.run(gateway.store.clone(), background.clone()));
    let stopping = background.clone();
    background.spawn(async move {
        while !stopping.is_stopping() {
            tokio::select! {
                () = tokio::time::sleep(UPKEEP) => {}
                () = stopping.stopping() => {}
            }
            metrics::fold();
        }
    });
    Ok(())
}

/// Opens the doors. Answers what serves ops.
fn serve(gateway: &Gateway, listeners: Listeners, lanes: &Lanes) -> Result<Background, StartError> {
    let Listeners {
        api,
        callbacks,
        ops,
    } = listeners;
    let (config, drain) = (&gateway.config, &gateway.drain);
    let door = |name, front| {
        let load = Arc::clone(&gateway.load);
        Arc::new(Door::new(name, front, load, Arc::clone(drain), config))
    };
    let open = |listener: TcpListener, door: Arc<Door>, lanes, background: &Background| {
        let address = listener.local_addr()?;
        tracing::info!(listener = door.name(), %address, "listening");
        background.spawn(server::serve(listener, door, lanes, background.clone()));
        Ok::<(), StartError>(())
    };
    let lanes = || Some(lanes.clone());
    let front = Front::of_api(router::api(gateway, callbacks.is_none()), gateway);
    open(api, door("api", front), lanes(), &gateway.background)?;
    if let Some(callbacks) = callbacks {
        let door = door("callbacks", Front::plain(router::callbacks(gateway)));
        open(callbacks, door, lanes(), &gateway.background)?;
    }
    let front = Front::plain(router::ops(gateway));
    let door = Door::for_ops("ops", front, Arc::clone(drain), config);
    let background = Background::default();
    open(ops, Arc::new(door), None, &background)?;
    Ok(background)
}

fn addresses(listeners: &Listeners) -> io::Result<Vec<SocketAddr>> {
    let all = [
        Some(&listeners.api),
        listeners.callbacks.as_ref(),
        Some(&listeners.ops),
    ];
    all.into_iter()
        .flatten()
        .map(TcpListener::local_addr)
        .collect()
}
