//! Dashboards and alerts against a real Prometheus that watches a real gateway: every expression is taken, and
//! no panel of a gateway that has done something stays empty.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use evogate_tests::{
    Anonymous, Caller as _, Process, Receiver, Rig, assert_books, until, until_within, workspace,
};
use serde_json::{Value, json};

/// The expressions of all dashboards, with the panels that they are for.
fn panels() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let folder = workspace().join("deploy/grafana/dashboards");
    for entry in fs::read_dir(&folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            let name = format!("{}: {}", dashboard["title"], panel["title"]);
            for target in panel["targets"].as_array().into_iter().flatten() {
                // What Grafana puts in their places.
                let expression = target["expr"].as_str().unwrap();
                let expression = expression
                    .replace("$__rate_interval", "1m")
                    .replace("$__range", "1h");
                assert!(!expression.contains('$'), "{name}: {expression}");
                found.push((name.clone(), expression));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// Starts a Prometheus that asks this gateway once a second, with the rules of `deploy`.
async fn prometheus(folder: &Path, ops: &str) -> (Process, Anonymous) {
    let rules = workspace().join("deploy/prometheus/rules/*.yml");
    let ops = ops.trim_start_matches("http://");
    let settings = json!({
        "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
        "rule_files": [rules],
        "scrape_configs": [{ "job_name": "evogate", "static_configs": [{ "targets": [ops] }] }],
    });
    // JSON is YAML as well.
    let file = folder.join("prometheus.yml");
    fs::write(&file, settings.to_string()).unwrap();
    let mut command = Process::command(Path::new("prometheus"));
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("tsdb").display()
        ))
        .arg("--web.listen-address=127.0.0.1:0");
    let mut process = Process::start("prometheus", command, folder);
    let address = process.says("where it listens", 0, |log| {
        let (_, rest) = log.split_once(r#"msg="Listening on" address="#)?;
        let (address, rest) = rest.split_once(char::is_whitespace)?;
        let ready = rest.contains("ready to receive web requests");
        ready.then(|| address.to_owned())
    });
    let base = format!("http://{}", address.await);
    (process, Anonymous::at(base))
}

/// What an expression gives now.
async fn ask(prometheus: &Anonymous, expression: &str) -> Vec<Value> {
    let query: String = url_encoded(expression);
    let answer = prometheus
        .get(&format!("/api/v1/query?query={query}"))
        .await;
    let answer = answer.ok();
    assert_eq!(answer["status"], "success", "{expression}: {answer}");
    answer["data"]["result"].as_array().unwrap().clone()
}

fn url_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        let _ = write!(encoded, "%{byte:02X}");
        encoded
    })
}

#[tokio::test]
async fn no_panel_is_empty_and_no_alert_fires_for_a_gateway_that_is_well() {
    let rig = Rig::builder()
        .set("metrics.every", "1s")
        .set("metrics.account_every", "1s")
        .start()
        .await;
    let ops = rig.gateway.ops();
    let (_process, prometheus) = prometheus(rig.folder(), ops.base()).await;
    let receiver = Receiver::start().await;
    let body = json!({
        "model": "seedance-2.0", "prompt": "watched", "callback_url": receiver.url("/hook")
    });
    let task = rig.team.submit(&body).await.ok();
    receiver.delivery(1).await;
    rig.team.task(task["id"].as_str().unwrap()).await;
    for (panel, expression) in panels() {
        let what = format!("{panel} has data: {expression}");
        until_within(Duration::from_mins(1), &what, async || {
            (!ask(&prometheus, &expression).await.is_empty()).then_some(())
        })
        .await;
    }
    until("the rules are evaluated", async || {
        let answer = prometheus.get("/api/v1/rules").await.ok();
        let groups = answer["data"]["groups"].as_array().unwrap().clone();
        let mut rules = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap());
        rules.all(|rule| rule["health"] != "unknown").then_some(())
    })
    .await;
    let answer = prometheus.get("/api/v1/rules").await.ok();
    for group in answer["data"]["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            assert_eq!(rule["health"], "ok", "{rule}");
            assert_eq!(rule["state"], "inactive", "{rule}");
        }
    }
    assert_books(&rig.admin, &rig.sim).await;
}

#[test]
fn dashboards_and_alerts_name_no_metric_that_nobody_records() {
    let mut recorded = BTreeSet::new();
    sources(&workspace().join("crates/gateway/src"), &mut recorded);
    let mut text = String::new();
    for (_, expression) in panels() {
        text.push_str(&expression);
        text.push('\n');
    }
    for entry in fs::read_dir(workspace().join("deploy/prometheus/rules")).unwrap() {
        text.push_str(&fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    let names: BTreeSet<&str> = metrics(&text).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let base = ["_bucket", "_sum", "_count"]
            .into_iter()
            .find_map(|end| name.strip_suffix(end));
        assert!(
            recorded.contains(name) || base.is_some_and(|base| recorded.contains(base)),
            "nobody records {name}"
        );
    }
}

/// Words that begin as the names of our metrics do.
fn metrics(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| word.starts_with("evogate_"))
}

/// The metrics that the sources name in quotes.
fn sources(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            let quoted = text.lines().filter(|line| line.contains("\"evogate_"));
            found.extend(quoted.flat_map(metrics).map(str::to_owned));
        }
    }
}
