//! Where an issuer's keys come from, and how they stay fresh.
//!
//! What must hold: a key that the provider took out is out here within [`REFRESH`]; a token that names an
//! unknown key makes us ask, but all such tokens together at most once in [`ASK`]; whoever asks at the
//! same time shares one download; and while the provider is away, the keys stay as they were.

mod file;
mod remote;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use evogate_models::Millis;
use evogate_store::Clock;
use jsonwebtoken::Algorithm;

use super::{KeyPrint, KeySet, NoKey, SigningKey};
use crate::background::Background;
use crate::config::{Issuer, KeysFrom};
use crate::metrics::IDENTITY_KEYS;
use file::KeyFile;
use remote::Remote;

/// How often a provider is asked when nothing calls for it.
const REFRESH: Duration = Duration::from_mins(5);
/// How soon again after it did not answer.
const RETRY: Duration = Duration::from_secs(30);
/// How often tokens with unknown keys may make us ask, in milliseconds.
const ASK: Millis = 30_000;

/// The keys of one issuer.
#[derive(Debug)]
pub(crate) struct KeySource {
    issuer: Arc<str>,
    algorithms: Vec<Algorithm>,
    origin: Origin,
    set: ArcSwapOption<KeySet>,
    /// Grows with each set.
    version: AtomicU64,
    /// Held while the provider is asked.
    flight: tokio::sync::Mutex<()>,
    /// Answers so far: tells who waited for [`Self::flight`] whether somebody else got one.
    answers: AtomicU64,
    /// When a token last made us ask.
    asked: AtomicI64,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
enum Origin {
    /// A secret that never changes.
    Fixed,
    File(KeyFile),
    Remote(Remote),
}

/// Why there is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The provider has not given us any keys yet: nobody can say whether the token is good.
    NoKeys,
    /// The provider's keys are known, and none is for this token.
    Key(NoKey),
}

/// How many keys the issuer has now for its algorithms; or why they can't be had.
pub(crate) async fn usable_keys(issuer: &Issuer) -> Result<usize, String> {
    let shown = |error: reqwest::Error| error.without_url().to_string();
    let set = match &issuer.keys {
        KeysFrom::Secret(secret) => KeySet::of_secret(secret, &issuer.algorithms),
        KeysFrom::File(path) => {
            let text = tokio::fs::read(path)
                .await
                .map_err(|error| error.to_string())?;
            KeySet::parse(&text)?
        }
        KeysFrom::Jwks(url) => Remote::jwks(url).map_err(shown)?.keys().await?,
        KeysFrom::Discovery(url) => {
            let remote = Remote::discovery(url, &issuer.issuer).map_err(shown)?;
            remote.keys().await?
        }
    };
    Ok(set.usable_for(&issuer.algorithms))
}

impl KeySource {
    /// The source that `issuer` names. A file is read at once, a provider is not asked yet.
    pub(crate) fn new(issuer: &Issuer, clock: Arc<dyn Clock>) -> Result<Self, reqwest::Error> {
        let (origin, set) = match &issuer.keys {
            KeysFrom::Secret(secret) => {
                let set = KeySet::of_secret(secret, &issuer.algorithms);
                (Origin::Fixed, Some(set))
            }
            KeysFrom::File(path) => {
                let file = KeyFile::new(path.clone(), clock.now());
                let set = file.read_now(&issuer.name);
                (Origin::File(file), set)
            }
            KeysFrom::Jwks(url) => (Origin::Remote(Remote::jwks(url)?), None),
            KeysFrom::Discovery(url) => {
                let remote = Remote::discovery(url, &issuer.issuer)?;
                (Origin::Remote(remote), None)
            }
        };
        Ok(Self {
            issuer: issuer.name.as_str().into(),
            algorithms: issuer.algorithms.clone(),
            origin,
            set: ArcSwapOption::from(set.map(Arc::new)),
            version: AtomicU64::new(0),
            flight: tokio::sync::Mutex::default(),
            answers: AtomicU64::new(0),
            asked: AtomicI64::new(i64::MIN),
            clock,
        })
    }

    /// The key for a token that names `kid`, or none, and is signed by `algorithm`.
    pub(crate) async fn find(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
        background: &Background,
    ) -> Result<SigningKey, Missing> {
        self.look_at_file().await;
        // There is but one secret, whatever it is called.
        let kid = kid.filter(|_| !matches!(self.origin, Origin::Fixed));
        let known = self.known(kid, algorithm);
        let newer_may_have_it = matches!(known, Err(Missing::NoKeys | Missing::Key(NoKey::Absent)));
        if !newer_may_have_it || !matches!(self.origin, Origin::Remote(_)) {
            return known;
        }
        // Not in the request's future: the answer is for everybody, also when this client leaves.
        let source = Arc::clone(self);
        let _ = background
            .spawn(async move { source.ask_for_a_token().await })
            .await;
        self.known(kid, algorithm)
    }

    /// Grows when there are other keys.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Is this key still one of the issuer's?
    pub(crate) async fn holds(&self, print: &KeyPrint) -> bool {
        self.look_at_file().await;
        self.set.load().as_ref().is_some_and(|set| set.holds(print))
    }

    /// Asks a provider now and then, until the shutdown begins.
    pub(crate) async fn run(self: Arc<Self>, background: Background) {
        if !matches!(self.origin, Origin::Remote(_)) {
            return;
        }
        while !background.is_stopping() {
            let turn = async {
                let answered = self.refresh().await;
                tokio::time::sleep(if answered { REFRESH } else { RETRY }).await;
            };
            tokio::select! {
                () = turn => {}
                () = background.stopping() => {}
            }
        }
    }

    fn known(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<SigningKey, Missing> {
        let set = self.set.load();
        let set = set.as_ref().ok_or(Missing::NoKeys)?;
        let key = set.find(kid, algorithm).map_err(Missing::Key)?;
        Ok(key.clone())
    }

    async fn look_at_file(&self) {
        if let Origin::File(file) = &self.origin
            && let Some(set) = file.changed(&self.issuer, self.clock.now()).await
        {
            self.take(set);
        }
    }

    /// Asks, unless a token made us ask within [`ASK`], or somebody else got an answer while this one
    /// waited for its turn.
    async fn ask_for_a_token(&self) {
        let answers = self.answers.load(Ordering::SeqCst);
        let _flight = self.flight.lock().await;
        let now = self.clock.now().millis();
        let since = now.saturating_sub(self.asked.load(Ordering::SeqCst));
        // A clock that was set back must not close this for longer.
        if self.answers.load(Ordering::SeqCst) != answers || (0..ASK).contains(&since) {
            return;
        }
        self.asked.store(now, Ordering::SeqCst);
        self.download().await;
    }

    /// Asks, after whoever asks already.
    async fn refresh(&self) -> bool {
        let _flight = self.flight.lock().await;
        self.download().await
    }

    async fn download(&self) -> bool {
        let Origin::Remote(remote) = &self.origin else {
            return true;
        };
        let asked = remote.keys().await;
        let outcome = if asked.is_ok() { "taken" } else { "failed" };
        IDENTITY_KEYS.one([&self.issuer, outcome]);
        match asked {
            Ok(set) => {
                self.take(set);
                self.answers.fetch_add(1, Ordering::SeqCst);
                true
            }
            Err(why) => {
                let known = self.set.load().is_some();
                tracing::warn!(issuer = %self.issuer, why, known,
                    "the identity provider's keys can't be had; those that are known stay");
                false
            }
        }
    }

    fn take(&self, set: KeySet) {
        let usable = set.usable_for(&self.algorithms);
        if usable == 0 {
            tracing::error!(issuer = %self.issuer,
                "the identity provider has no key for any of the issuer's algorithms");
        }
        tracing::debug!(issuer = %self.issuer, usable, "keys of the identity provider");
        self.set.store(Some(Arc::new(set)));
        self.version.fetch_add(1, Ordering::AcqRel);
    }
}
