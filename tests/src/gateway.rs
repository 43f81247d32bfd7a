//! `evogate serve` with a settings file of its own, behind a proxy whose address outlives it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::answer::Answer;
use crate::binaries::{binary, require_fail_points};
use crate::callers::{Anonymous, Caller};
use crate::process::Process;
use crate::proxy::Proxy;
use crate::wait::{until, until_within};

/// Settings by their dotted keys: `submit.answer_within`.
#[derive(Debug, Clone, Default)]
pub struct Settings(BTreeMap<String, Value>);

impl Settings {
    /// Sets a key.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Takes a key back: its default counts.
    pub fn unset(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// Is it set?
    pub fn is_set(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Is it set to this?
    pub fn is(&self, key: &str, value: &str) -> bool {
        self.0.get(key).is_some_and(|set| set == value)
    }

    /// As a settings file.
    pub fn toml(&self) -> String {
        self.0.iter().fold(String::new(), |mut file, (key, value)| {
            let _ = writeln!(file, "{key} = {}", toml(value));
            file
        })
    }
}

/// A value as TOML: JSON's texts and numbers are TOML's too, its objects are not.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| format!("{key:?} = {}", toml(value));
            let fields: Vec<_> = fields.iter().map(field).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// How long it may take until a gateway passes a point of its own end.
const DYING: Duration = Duration::from_mins(1);

/// How long connections for callbacks are kept while one of several replicas is to die.
const CALLED_ANEW: Duration = Duration::from_secs(1);

/// The setting that tells EvoLink where to call back.
pub(crate) const PUBLIC_URL: &str = "public_url";
/// The `public_url` that stands for the address of this kit's own proxy.
pub(crate) const OURS: &str = "ours";

/// A gateway that serves, stops, and serves again from the same folder.
#[derive(Debug)]
pub struct Gateway {
    /// What it is told at its next start.
    pub settings: Settings,
    /// The address that stays, for clients.
    pub front: Proxy,
    /// The one for EvoLink's callbacks: `public_url`. Replicas share one, which reaches any of them.
    pub callbacks: Arc<Proxy>,
    /// The point at which it ends itself after its next start, once (the gateway's `failpoint.rs`).
    pub fail_point: Option<String>,
    /// What its environment has beside the little that every process's has, from its next start on.
    pub environment: BTreeMap<String, String>,
    folder: PathBuf,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Process,
    api: SocketAddr,
    ops: SocketAddr,
    callbacks: SocketAddr,
}

impl Gateway {
    /// Starts one that keeps everything in `folder`.
    pub async fn start(folder: &Path, settings: Settings) -> Self {
        Self::replica(folder, settings, Arc::new(Proxy::start().await)).await
    }

    /// Starts one that shares the address for callbacks with others.
    pub async fn replica(folder: &Path, settings: Settings, callbacks: Arc<Proxy>) -> Self {
        let mut gateway = Self {
            settings,
            front: Proxy::start().await,
            callbacks,
            fail_point: None,
            environment: BTreeMap::new(),
            folder: folder.to_owned(),
            running: None,
        };
        gateway.restart().await;
        gateway
    }

    /// The address for clients, across restarts.
    pub fn url(&self) -> String {
        self.front.url()
    }

    /// The address of this very process, with nothing in between.
    pub fn direct_url(&self) -> String {
        format!("http://{}", self.running().api)
    }

    /// The address of its api listener.
    pub fn api(&self) -> SocketAddr {
        self.running().api
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.running().process.id()
    }

    /// Whoever asks the ops listener.
    pub fn ops(&self) -> Anonymous {
        Anonymous::at(format!("http://{}", self.running().ops))
    }

    /// What it said since the first start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("evogate.log")).unwrap_or_default()
    }

    /// Starts it (again), and waits until it is ready.
    pub async fn restart(&mut self) {
        let (mut process, before) = self.launch();
        let mut address = async |name| {
            let what = format!("where its {name} listener is");
            process.says(&what, before, |log| listener(log, name)).await
        };
        let (api, ops) = (address("api").await, address("ops").await);
        let callbacks = match self.settings.0.get("listen.callbacks") {
            Some(_) => address("callbacks").await,
            None => api,
        };
        self.front.lead_to(Some(api));
        self.callbacks.lead_also_to(callbacks);
        self.running = Some(Running {
            process,
            api,
            ops,
            callbacks,
        });
        let ops = self.ops();
        until("the gateway is ready", async || {
            let answer = ops
                .try_send(ops.request(http::Method::GET, "/readyz"))
                .await
                .ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    /// Starts it (again) to end itself at this point (the gateway's `failpoint.rs`), and waits until it has.
    pub async fn die_at(&mut self, point: &str) {
        self.fail_point = Some(point.to_owned());
        let (mut process, before) = self.launch();
        // It may end before it is ready, and before it says where it listens.
        let mut led = None;
        let mut cut = Instant::now();
        let status = until_within(DYING, &format!("it ends at {point}"), async || {
            if led.is_none() {
                let log = self.log();
                led = listener(log.get(before..).unwrap_or_default(), "api");
                if let Some(api) = led {
                    self.front.lead_to(Some(api));
                    self.callbacks.lead_also_to(api);
                }
            }
            // Callbacks come on connections that are kept: new ones, or none may ever come here.
            if cut.elapsed() > CALLED_ANEW {
                self.callbacks.cut_all();
                cut = Instant::now();
            }
            process.has_ended()
        })
        .await;
        assert!(!status.success(), "it ended by itself, with {status}");
        if let Some(api) = led {
            self.callbacks.lead_no_longer_to(api);
        }
        self.front.lead_to(None);
    }

    /// Starts the process. Answers also how much was in the log before.
    fn launch(&mut self) -> (Process, usize) {
        if self.running.is_some() {
            self.is_gone();
        }
        let file = self.folder.join("evogate.toml");
        let mut settings = self.settings.clone();
        if settings.is(PUBLIC_URL, OURS) {
            settings.set(PUBLIC_URL, self.callbacks.url());
        }
        fs::write(&file, settings.toml()).expect("a settings file");
        let mut command = Process::command(&binary("evogate"));
        command
            .args(["serve", "--config"])
            .arg(&file)
            .current_dir(&self.folder)
            .envs(&self.environment);
        if let Some(point) = self.fail_point.take() {
            require_fail_points();
            command.env("EVOGATE_FAIL_POINT", point);
        }
        let before = self.log().len();
        (Process::start("evogate", command, &self.folder), before)
    }

    /// Stops it if it runs, changes these settings, and starts it again.
    pub async fn restart_with(&mut self, settings: impl IntoIterator<Item = (&str, Value)>) {
        if self.running.is_some() {
            self.stop().await;
        }
        for (key, value) in settings {
            self.settings.set(key, value);
        }
        self.restart().await;
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.running_mut().process.kill();
        self.is_gone();
    }

    /// SIGSTOP.
    pub fn pause(&self) {
        self.running().process.pause();
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.running().process.resume();
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.running().process.terminate();
    }

    /// Waits for its end after [`Gateway::terminate`].
    pub async fn ended(&mut self) -> ExitStatus {
        let status = self.running_mut().process.ended().await;
        self.is_gone();
        status
    }

    /// The same with a limit of its own.
    pub async fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        let process = &mut self.running_mut().process;
        let status = until_within(limit, "it ends", async || process.has_ended()).await;
        self.is_gone();
        status
    }

    /// SIGTERM, and waits for the end, which must be a good one.
    pub async fn stop(&mut self) {
        self.terminate();
        let status = self.ended().await;
        assert!(status.success(), "the gateway ended with {status}");
    }

    /// The value of a metric, summed over those of its lines that contain all of `labels`.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let answer: Answer = self.ops().get("/metrics").await;
        let text = answer.text();
        let lines = text.lines().filter(|line| {
            let end = line.find(['{', ' ']).unwrap_or(line.len());
            &line[..end] == name && labels.iter().all(|label| line.contains(label))
        });
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    fn is_gone(&mut self) {
        if let Some(running) = self.running.take() {
            self.callbacks.lead_no_longer_to(running.callbacks);
        }
        self.front.lead_to(None);
        for proxy in [&self.front, &*self.callbacks] {
            proxy.cut_all();
        }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the gateway runs")
    }

    fn running_mut(&mut self) -> &mut Running {
        self.running.as_mut().expect("the gateway runs")
    }
}

/// The address in the log line with which a listener begins.
fn listener(log: &str, name: &str) -> Option<SocketAddr> {
    log.lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let ours = line["message"] == "listening" && line["listener"] == name;
        ours.then(|| line["address"].as_str()?.parse().ok())?
    })
}
