//! The gateway as a whole: opens the store, starts the workers, serves, and ends in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evogate_models::time::millis;
use evogate_store::{Durability, LinkOptions, Store, StoreError, SystemClock, SystemRandom};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::background::Background;
use crate::breaker::Breaker;
use crate::config::{Config, StoreConfig, StoreUrl};
use crate::content::Files;
use crate::evolink::{EvoLink, EvoLinkError};
use crate::heal::Matcher;
use crate::listeners::Listeners;
use crate::reads::Reads;
use crate::recovery::Recovery;
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
    closing: CancellationToken,
    listeners: Vec<JoinHandle<()>>,
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
    let options = LinkOptions {
        wait_aof: config.wait_aof,
        ..LinkOptions::new(config.timeout)
    };
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
        let gateway = Gateway::from(Parts {
            durability: Arc::new(durability::Watch::new(durability, required)),
            auth: Auth::new(&config.auth, clock.clone(), background.clone())?,
            evolink: EvoLink::new(&config.evolink, clock.clone())?,
            breaker: Arc::new(Breaker::new(&config.submit, clock)),
            tokens,
            recovery: Recovery::default(),
            reads: Reads::default(),
            matcher: Matcher::default(),
            files: Files::new(&config)?,
            targets: Arc::new(webhooks::address_policy(&config, &own)),
            vault: vault(&config),
            background,
            random: Arc::new(SystemRandom),
            store,
            config,
        });
        metrics::BUILD_INFO.set([env!("CARGO_PKG_VERSION"), gateway.store.engine()], 1.0);
        start_workers(&gateway)?;
        let closing = CancellationToken::new();
        let listeners = serve(&gateway, listeners, &closing)?;
        Ok(Self {
            gateway,
            closing,
            listeners,
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

    /// Serves until `stop`; then stops accepting, lets the requests under way finish, ends the
    /// workers, and closes the store. All of it within `shutdown.drain_timeout` and a little.
    pub async fn run(self, stop: CancellationToken) {
        stop.cancelled().await;
        let Self {
            gateway,
            closing,
            listeners,
        } = self;
        closing.cancel();
        for listener in listeners {
            let _ = listener.await;
        }
        gateway.background.stop();
        if !gateway
            .background
            .finished(gateway.config.shutdown.drain_timeout)
            .await
        {
            tracing::warn!(
                "some work was cut at the end of the drain; it is taken up at the next start"
            );
        }
        gateway.store.close().await;
        tracing::info!("ended");
    }
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

fn start_workers(gateway: &Gateway) -> Result<(), StartError> {
    let background = &gateway.background;
    background.spawn(reconcile::run(gateway.clone()));
    background.spawn(recovery::run(gateway.clone()));
    background.spawn(sweep::run(gateway.clone()));
    background.spawn(metrics::runtime::run(background.clone()));
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

fn serve(
    gateway: &Gateway,
    listeners: Listeners,
    closing: &CancellationToken,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let Listeners {
        api,
        callbacks,
        ops,
    } = listeners;
    let mut routers = vec![
        ("api", router::api(gateway, callbacks.is_none()), api),
        ("ops", router::ops(gateway), ops),
    ];
    if let Some(callbacks) = callbacks {
        routers.push(("callbacks", router::callbacks(gateway), callbacks));
    }
    let mut serving = Vec::new();
    for (name, router, listener) in routers {
        tracing::info!(listener = name, address = %listener.local_addr()?, "listening");
        let drain = gateway.config.shutdown.drain_timeout;
        let background = gateway.background.clone();
        let open = metrics::OPEN_CONNECTIONS.handle([name]);
        let loops = server::serve(listener, router, background, closing.clone(), drain, open);
        serving.push(gateway.background.spawn(loops));
    }
    Ok(serving)
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
