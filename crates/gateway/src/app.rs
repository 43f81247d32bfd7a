//! The gateway as a whole: opens the store, starts the workers, serves, and ends in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evogate_models::time::millis;
use evogate_store::{Store, StoreError, SystemClock, SystemRandom};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::background::Background;
use crate::breaker::Breaker;
use crate::config::{Config, StoreUrl};
use crate::content::Files;
use crate::evolink::{EvoLink, EvoLinkError};
use crate::heal::Matcher;
use crate::listeners::Listeners;
use crate::reads::Reads;
use crate::state::{Gateway, Parts};
use crate::token::Tokens;
use crate::webhooks::{self, Deliverer};
use crate::{ops, reconcile, router, server, sweep};

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
    /// There is no way to EvoLink.
    #[error(transparent)]
    EvoLink(#[from] EvoLinkError),
    /// An HTTP client can't be made.
    #[error("the HTTP client can't be made: {0}")]
    Client(#[from] reqwest::Error),
    /// A socket is not what it should be.
    #[error(transparent)]
    Socket(#[from] io::Error),
}

impl Server {
    /// Opens the store and starts everything that runs.
    pub fn start(config: Config, listeners: Listeners) -> Result<Self, StartError> {
        let StoreUrl::Embedded(path) = &config.store.url;
        ops::recorder();
        let clock = Arc::new(SystemClock);
        let store = Store::embedded(path, config.store.cache, clock.clone())?;
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
        let gateway = Gateway::from(Parts {
            auth: Auth::new(&config.auth, clock.clone(), background.clone())?,
            evolink: EvoLink::new(&config.evolink, clock.clone())?,
            breaker: Arc::new(Breaker::new(&config.submit, clock)),
            tokens,
            reads: Reads::default(),
            matcher: Matcher::default(),
            files: Files::new(&config)?,
            targets: Arc::new(webhooks::address_policy(&config, &own)),
            background,
            random: Arc::new(SystemRandom),
            store,
            config,
        });
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

fn start_workers(gateway: &Gateway) -> Result<(), StartError> {
    let background = &gateway.background;
    background.spawn(reconcile::run(gateway.clone()));
    background.spawn(sweep::run(gateway.clone()));
    let (authenticating, worker) = (gateway.clone(), background.clone());
    background.spawn(async move { authenticating.auth.run(worker).await });
    let breaker = Arc::clone(&gateway.breaker);
    background.spawn(breaker.run(gateway.evolink.clone(), background.clone()));
    let deliverer = Deliverer::new(
        gateway.store.clone(),
        Arc::clone(&gateway.targets),
        &gateway.config.webhooks,
        Arc::new(SystemClock),
        Arc::clone(&gateway.random),
    )?;
    background.spawn(deliverer.run(background.clone()));
    let stopping = background.clone();
    background.spawn(async move {
        while !stopping.is_stopping() {
            tokio::select! {
                () = tokio::time::sleep(UPKEEP) => {}
                () = stopping.stopping() => {}
            }
            if let Some(recorder) = ops::recorder() {
                recorder.run_upkeep();
            }
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
        let loops = server::serve(listener, router, background, closing.clone(), drain);
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
