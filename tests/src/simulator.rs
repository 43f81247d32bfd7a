//! The fake EvoLink: as a process of its own, and what a test asks it behind EvoLink's back.

use std::collections::BTreeMap;
use std::path::Path;

use http::Method;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::binaries::binary;
use crate::callers::{Anonymous, Caller};
use crate::credits::Micro;
use crate::process::Process;
use crate::wait::until;

/// A simulator somewhere, by its `/_sim` routes.
#[derive(Debug, Clone)]
pub struct Simulator {
    /// Its address, without a slash at the end.
    pub url: String,
    caller: Anonymous,
}

impl Caller for Simulator {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.caller.request(method, path)
    }
}

impl Simulator {
    /// The one at this address.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            caller: Anonymous::at(url),
        }
    }

    /// Adds a rule: `fault` on what fits `matches`.
    pub async fn rule(&self, matches: Value, fault: Value) -> u64 {
        self.rules(json!([{ "match": matches, "fault": fault }]))
            .await
    }

    /// Adds rules as they are. Answers the first one's number.
    pub async fn rules(&self, rules: Value) -> u64 {
        let added = self
            .post("/_sim/rules", &json!({ "rules": rules }))
            .await
            .ok();
        added["rules"][0]
            .as_u64()
            .unwrap_or_else(|| panic!("no rule's number: {added}"))
    }

    /// Takes all rules back.
    pub async fn behave(&self) {
        self.delete("/_sim/rules").await.ok();
    }

    /// The whole journal.
    pub async fn journal(&self) -> Value {
        self.get("/_sim/journal").await.ok()
    }

    /// The requests of one kind, in order: `create`, `read`, `cancel`, `list`, `batch`, `download`…
    pub async fn requests(&self, operation: &str) -> Vec<Value> {
        let page = self
            .get(&format!("/_sim/journal?operation={operation}"))
            .await
            .ok();
        page["requests"].as_array().expect("requests").clone()
    }

    /// The creates whose prompt contains `text`.
    pub async fn creates(&self, text: &str) -> Vec<Value> {
        let mut creates = self.requests("create").await;
        creates.retain(|create| {
            create["prompt"]
                .as_str()
                .is_some_and(|all| all.contains(text))
        });
        creates
    }

    /// The reads of one of its tasks, and of batches that name it.
    pub async fn reads_of(&self, upstream: &str) -> usize {
        let reads = self.requests("read").await;
        reads
            .iter()
            .filter(|read| read["task_id"] == upstream)
            .count()
    }

    /// The callbacks that were tried, in order.
    pub async fn callbacks(&self) -> Vec<Value> {
        let page = self.get("/_sim/journal?operation=callback").await.ok();
        page["callbacks"].as_array().expect("callbacks").clone()
    }

    /// The account without its jobs.
    pub async fn account(&self) -> Value {
        self.get("/_sim/account?jobs=false").await.ok()
    }

    /// What it billed in all.
    pub async fn billed(&self) -> Micro {
        Micro::of(&self.account().await["billed"])
    }

    /// Every task that it ever accepted.
    pub async fn jobs(&self) -> Vec<Value> {
        let account = self.get("/_sim/account").await.ok();
        account["jobs"].as_array().expect("jobs").clone()
    }

    /// The only task whose prompt contains `text`, as soon as it was accepted.
    pub async fn job(&self, text: &str) -> Value {
        let what = format!("a job about {text}");
        let found = until(&what, async || {
            let mut jobs = self.jobs().await;
            jobs.retain(|job| job["prompt"].as_str().is_some_and(|all| all.contains(text)));
            (!jobs.is_empty()).then_some(jobs)
        });
        let jobs = found.await;
        assert_eq!(jobs.len(), 1, "accepted more than once: {jobs:?}");
        jobs[0].clone()
    }

    /// Jobs by the `Idempotency-Key` that they came with: what the gateway calls its task.
    pub async fn jobs_by_key(&self) -> BTreeMap<String, Vec<Value>> {
        let mut by_key: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for job in self.jobs().await {
            let key = job["idempotency_key"]
                .as_str()
                .expect("every submit has a key")
                .to_owned();
            by_key.entry(key).or_default().push(job);
        }
        by_key
    }

    /// Puts its clock forward.
    pub async fn advance(&self, seconds: u64) {
        self.post("/_sim/time/advance", &json!({ "seconds": seconds }))
            .await
            .ok();
    }

    /// Forces a task's end, and calls back.
    pub async fn force(&self, upstream: &str, end: Value) {
        self.post(&format!("/_sim/tasks/{upstream}"), &end)
            .await
            .ok();
    }

    /// From now on it does not know this task.
    pub async fn forget(&self, upstream: &str) {
        self.post(&format!("/_sim/forget/{upstream}"), &json!({}))
            .await
            .ok();
    }
}

/// A simulator that a test started; it lives as long as this value.
#[derive(Debug)]
pub struct SimulatorProcess {
    /// How to talk to it.
    pub simulator: Simulator,
    process: Process,
}

impl SimulatorProcess {
    /// Starts one that accepts the rig's key, with more arguments.
    pub async fn start(folder: &Path, key: &str, arguments: &[String]) -> Self {
        let mut command = Process::command(&binary("evolink-sim"));
        command
            .args(["--listen", "127.0.0.1:0", "--key", key])
            .args(arguments);
        let mut process = Process::start("evolink-sim", command, folder);
        let url = process.says("its address", 0, |log| {
            let line = log
                .lines()
                .find_map(|line| line.strip_prefix("evolink-sim listening on "));
            line.map(|url| url.trim().to_owned())
        });
        let simulator = Simulator::at(&url.await);
        Self { simulator, process }
    }

    /// What it said.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The id of its process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }
}
