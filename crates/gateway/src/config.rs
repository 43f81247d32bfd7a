//! The settings: read from three layers, checked as a whole, then typed and final.
//!
//! The layers are the compiled-in defaults (`config/evogate.toml`, which is also the manual), a file, and
//! environment variables. Every fault is found in one go and names its key; a secret is in none of the
//! texts. A [`Config`] that exists is sound: whoever uses it has nothing left to check.

mod auth;
mod catalogue;
mod evolink;
mod hosts;
mod layers;
mod listen;
mod log;
mod metrics;
mod problem;
mod reader;
mod refused;
mod rules;
mod server;
mod setting;
mod store;
mod tasks;
mod telemetry;
mod units;
mod warnings;
mod webhooks;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use evogate_models::catalogue::Catalogue;
use evogate_models::retention::Retention;
use evogate_models::time::millis;

pub(crate) use auth::is_safe_provider;
pub use auth::{Auth, Issuer, KeysFrom};
pub use evolink::EvoLink;
pub use hosts::ProxyUrl;
pub use listen::{Admin, Callbacks, Listen, Shutdown};
pub use log::{InvalidLevel, Level, Log, LogFormat, LogRequests};
pub use metrics::Metrics;
pub use problem::{ConfigErrors, Problem, Warning};
pub use refused::Refused;
pub use server::Server;
pub use store::{StoreConfig, StoreUrl};
pub use tasks::{Journal, Reads, Submit, Tasks};
pub use telemetry::Telemetry;
pub(crate) use units::parse_duration;
pub use webhooks::Webhooks;

use layers::Layers;
use reader::Reader;

/// Everything that can be set. The meaning of each key, for operators, is in `config/evogate.toml`.
#[derive(Debug, Clone)]
pub struct Config {
    /// The sockets.
    pub listen: Listen,
    /// How much the listeners take, and how long they wait.
    pub server: Server,
    /// `public_url` and what authenticates callbacks.
    pub callbacks: Callbacks,
    /// The API upstream.
    pub evolink: EvoLink,
    /// From a request to EvoLink's answer.
    pub submit: Submit,
    /// Once EvoLink has accepted a task.
    pub tasks: Tasks,
    /// How long the accounts' entries are kept.
    pub journal: Journal,
    /// When a client asks for a task.
    pub reads: Reads,
    /// What is kept of refused submits.
    pub refused: Refused,
    /// What is shown of the whole store.
    pub metrics: Metrics,
    /// Where everything is kept.
    pub store: StoreConfig,
    /// The identity providers.
    pub auth: Auth,
    /// Who may administer.
    pub admin: Admin,
    /// Where webhooks may go.
    pub webhooks: Webhooks,
    /// The models, limits and prices.
    pub catalogue: Arc<Catalogue>,
    /// How the process stops.
    pub shutdown: Shutdown,
    /// What is logged.
    pub log: Log,
    /// Where spans are sent.
    pub telemetry: Telemetry,
}

impl Config {
    /// The defaults, `file` over them, and `environment` over both.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let environment: Vec<_> = environment.collect();
        let mut layers = Layers::new();
        layers.opentelemetry(&environment);
        if let Some(path) = file {
            layers.file(path)?;
        }
        layers.environment(environment.into_iter());
        Self::build(layers)
    }

    /// The defaults, `environment` over them, and the TOML text `pinned` over both: for a mode that must
    /// not be turned into another one by what happens to be in the environment.
    pub fn load_pinned(
        pinned: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let environment: Vec<_> = environment.collect();
        let mut layers = Layers::new();
        layers.opentelemetry(&environment);
        layers.environment(environment.into_iter());
        layers.text("built-in settings", pinned)?;
        Self::build(layers)
    }

    /// The defaults and the TOML text `overrides` over them.
    pub fn load_from_str(overrides: &str) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        Self::load_pinned(overrides, std::iter::empty())
    }

    /// How long what has ended is kept.
    pub fn retention(&self) -> Retention {
        Retention {
            tasks: millis(self.tasks.retention),
            journal: millis(self.journal.retention),
        }
    }

    fn build(layers: Layers) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let (merged, problems) = layers.finish();
        let mut reader = Reader::new(merged, problems);
        let config = Self::read(&mut reader);
        rules::check(&mut reader);
        let problems = reader.finish();
        match config {
            Some(config) if problems.is_empty() => {
                let warnings = warnings::collect(&config);
                Ok((config, warnings))
            }
            _ => Err(ConfigErrors::new(problems)),
        }
    }

    /// Reads every section before it gives up on one, so that all faults are found.
    fn read(from: &mut Reader) -> Option<Self> {
        let listen = Listen::read(from);
        let server = Server::read(from);
        let callbacks = Callbacks::read(from);
        let evolink = EvoLink::read(from);
        let submit = Submit::read(from);
        let tasks = Tasks::read(from);
        let journal = Journal::read(from);
        let reads = Reads::read(from);
        let refused = Refused::read(from);
        let metrics = Metrics::read(from);
        let store = StoreConfig::read(from);
        let auth = Auth::read(from);
        let admin = Admin::read(from);
        let webhooks = Webhooks::read(from);
        let catalogue = catalogue::read(from);
        let shutdown = Shutdown::read(from);
        let log = Log::read(from);
        let telemetry = Telemetry::read(from);
        Some(Self {
            listen: listen?,
            server: server?,
            callbacks: callbacks?,
            evolink: evolink?,
            submit: submit?,
            tasks: tasks?,
            journal: journal?,
            reads: reads?,
            refused: refused?,
            metrics: metrics?,
            store: store?,
            auth: auth?,
            admin: admin?,
            webhooks: webhooks?,
            catalogue: catalogue?,
            shutdown: shutdown?,
            log: log?,
            telemetry: telemetry?,
        })
    }
}
