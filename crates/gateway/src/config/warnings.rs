//! What is allowed and still worth a word: said once at start, and by `evogate check`.

use std::time::Duration;

use evogate_models::address::{AddressPolicy, Refused};
use ipnet::IpNet;
use url::Url;

use super::hosts::is_loopback;
use super::problem::Warning;
use super::units::show_duration;
use super::{Config, Issuer, KeysFrom, StoreUrl};
use crate::secret::Secret;

/// EvoLink forgets a task after this long (tutorial).
const KEPT_UPSTREAM: Duration = Duration::from_hours(24);

/// When clients of EvoLink stop waiting for an answer.
const CLIENTS_GIVE_UP: Duration = Duration::from_secs(30);

/// A secret with fewer different characters can be guessed.
const VARIETY: usize = 8;

/// Everything about a valid configuration that somebody should know.
pub(super) fn collect(config: &Config) -> Vec<Warning> {
    let mut found = Warnings(Vec::new());
    found.about_listeners(config);
    found.about_callbacks(config);
    found.about_secrets(config);
    found.about_issuers(config);
    found.about_evolink(config);
    found.about_times(config);
    found.about_webhooks(config);
    found.about_privacy(config);
    found.about_logs(config);
    found.about_store(config);
    found.0
}

struct Warnings(Vec<Warning>);

impl Warnings {
    fn add(&mut self, key: &'static str, message: impl Into<String>) {
        let message = message.into();
        self.0.push(Warning { key, message });
    }

    fn about_listeners(&mut self, config: &Config) {
        let listen = &config.listen;
        if !listen.api.ip().is_loopback() && listen.trusted_proxies.is_empty() {
            self.add(
                "listen.api",
                "is open to other machines by plain HTTP; put a proxy that ends TLS in front of it \
                 and name it in listen.trusted_proxies",
            );
        }
        if !listen.ops.ip().is_loopback() {
            self.add(
                "listen.ops",
                "is open to other machines; metrics and health ask for no credentials",
            );
        }
        if listen.trusted_proxies.iter().any(is_wide) {
            self.add(
                "listen.trusted_proxies",
                "trusts a very large network; everyone in it can claim to be any address",
            );
        }
    }

    fn about_callbacks(&mut self, config: &Config) {
        let separate = config.listen.callbacks.is_some();
        match &config.callbacks.public_url {
            None => self.add(
                "public_url",
                "is not set: EvoLink can't call back, finished tasks are found by polling alone",
            ),
            Some(_) if !separate => self.add(
                "public_url",
                "is set without listen.callbacks: what makes it reachable from the internet makes \
                 the tenant and admin routes reachable too",
            ),
            Some(_) => {}
        }
        if let Some(url) = &config.callbacks.public_url
            && !is_loopback(url)
            && let Some(why) = out_of_reach(url)
        {
            self.add("public_url", format!("can't be called by EvoLink: {why}"));
        }
        if separate && config.callbacks.public_url.is_none() {
            self.add(
                "listen.callbacks",
                "listens for nobody while public_url is not set",
            );
        }
    }

    fn about_secrets(&mut self, config: &Config) {
        let secret = config.callbacks.secret.as_ref();
        if secret.is_some_and(is_monotonous) {
            self.add("callbacks.secret", "has few different characters");
        }
        match &config.admin.bootstrap_key {
            None => self.add(
                "admin.bootstrap_key",
                "is not set: nobody can administer this gateway",
            ),
            Some(key) if is_monotonous(key) => {
                self.add("admin.bootstrap_key", "has few different characters");
            }
            Some(_) => {}
        }
        match &config.auth.pepper {
            None => self.add(
                "auth.pepper",
                "is not set: keys are hashed without a secret, so whoever can write to the store can \
                 add a key of their own",
            ),
            Some(pepper) if is_monotonous(pepper) => {
                self.add("auth.pepper", "has few different characters");
            }
            Some(_) => {}
        }
    }

    fn about_store(&mut self, config: &Config) {
        if let StoreUrl::Redis(url) = &config.store.url
            && url.bares_password()
        {
            self.add(
                "store.url",
                "sends its password to another machine unencrypted; rediss:// is by TLS",
            );
        }
    }

    fn about_issuers(&mut self, config: &Config) {
        for Issuer { name, keys, .. } in &config.auth.issuers {
            let KeysFrom::Secret(secret) = keys else {
                continue;
            };
            if is_monotonous(secret) {
                let message = format!("has few different characters in the hmac_secret of {name}");
                self.add("auth.issuers", message);
            }
        }
    }

    fn about_evolink(&mut self, config: &Config) {
        let base_url = &config.evolink.base_url;
        if base_url.scheme() == "http" && !is_loopback(base_url) {
            self.add(
                "evolink.allow_http",
                "is on: the key travels unencrypted to evolink.base_url",
            );
        }
    }

    fn about_times(&mut self, config: &Config) {
        let answer_within = config.submit.answer_within;
        if answer_within >= CLIENTS_GIVE_UP {
            let give_up = show_duration(CLIENTS_GIVE_UP);
            let message =
                format!("is not below {give_up}, when clients of EvoLink give up waiting");
            self.add("submit.answer_within", message);
        }
        if config.tasks.deadline < KEPT_UPSTREAM {
            let kept = show_duration(KEPT_UPSTREAM);
            let message = format!(
                "is below the {kept} that EvoLink keeps a task: what finishes later is paid by the \
                 platform, not by the tenant"
            );
            self.add("tasks.deadline", message);
        }
        if config.submit.unknown_deadline < config.evolink.timeout {
            self.add(
                "submit.unknown_deadline",
                "is below evolink.timeout: a submit may count as lost before EvoLink has done with it",
            );
        }
        if config.shutdown.drain_timeout < answer_within {
            self.add(
                "shutdown.drain_timeout",
                "is below submit.answer_within: a stop may cut off clients that wait for their answer",
            );
        }
    }

    fn about_privacy(&mut self, config: &Config) {
        if config.refused.keep_prompts {
            self.add(
                "refused.keep_prompts",
                "is on: prompts of refused submits are kept for 7 days, and admins can read them",
            );
        }
    }

    fn about_logs(&mut self, config: &Config) {
        if config.log.prompts {
            self.add(
                "log.prompts",
                "is on: whoever reads the logs reads the prompts of every tenant",
            );
        }
    }

    fn about_webhooks(&mut self, config: &Config) {
        let webhooks = &config.webhooks;
        match &webhooks.encryption_key {
            None => self.add(
                "webhooks.encryption_key",
                "is not set: the secrets that sign webhooks are kept unencrypted; make one with \
                 `openssl rand -hex 32`",
            ),
            Some(key) if is_monotonous(key) => {
                self.add("webhooks.encryption_key", "has few different characters");
            }
            Some(_) => {}
        }
        if webhooks.allow_networks.iter().any(is_wide) {
            self.add(
                "webhooks.allow_networks",
                "opens a very large network to the webhooks of every tenant",
            );
        }
    }
}

/// Wider than any private range: `10.0.0.0/8`, `fc00::/7`.
fn is_wide(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) => network.prefix_len() < 7,
    }
}

/// Why the internet can't reach `url`, as far as its text shows.
fn out_of_reach(url: &Url) -> Option<Refused> {
    let refused = AddressPolicy::default().judge_url(url.as_str()).err()?;
    let unreachable = matches!(
        refused,
        Refused::Name { .. } | Refused::Address { .. } | Refused::Metadata(_)
    );
    unreachable.then_some(refused)
}

fn is_monotonous(secret: &Secret) -> bool {
    let mut characters: Vec<_> = secret.expose().chars().collect();
    characters.sort_unstable();
    characters.dedup();
    characters.len() < VARIETY
}
