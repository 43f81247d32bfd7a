//! The alerts of `deploy/prometheus`: Prometheus's own tool takes them, each is tested, and each leads to what
//! to do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use evogate_tests::workspace;

/// The YAML files of a folder of `deploy/prometheus`.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = workspace().join("deploy/prometheus").join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|why| panic!("{}: {why}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "yml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

/// Runs `promtool` to a good end.
fn promtool(arguments: &[&str], files: &[PathBuf]) {
    let output = Command::new("promtool")
        .args(arguments)
        .args(files)
        .output();
    let output = output.expect("promtool is there: tests/run installs it");
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "promtool {arguments:?}:\n{}",
        String::from_utf8_lossy(&said)
    );
}

/// The alerts: by name, the lines that say what they are.
fn alerts() -> BTreeMap<String, Vec<String>> {
    let mut alerts = BTreeMap::new();
    for file in files("rules") {
        let text = fs::read_to_string(&file).unwrap();
        let mut lines = None;
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("- alert: ") {
                let twice = alerts.insert(name.to_owned(), Vec::new());
                assert_eq!(twice, None, "{name} is there twice");
                lines = alerts.get_mut(name);
            } else if line.starts_with("- name:") {
                lines = None;
            } else if let Some(lines) = &mut lines {
                lines.push(line.to_owned());
            }
        }
    }
    alerts
}

fn value<'a>(lines: &'a [String], key: &str) -> Option<&'a str> {
    lines
        .iter()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

#[test]
fn prometheus_takes_the_rules_and_the_settings_that_load_them() {
    promtool(&["check", "rules"], &files("rules"));
    let settings = workspace().join("deploy/prometheus/prometheus.yml");
    promtool(&["check", "config"], &[settings]);
}

#[test]
fn the_alerts_fire_when_they_should_and_only_then() {
    promtool(&["test", "rules"], &files("tests"));
}

#[test]
fn every_alert_says_how_bad_it_is_and_leads_to_what_to_do() {
    let runbook = read(&workspace().join("docs/runbook.md"));
    let sections: Vec<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let alerts = alerts();
    for (name, lines) in &alerts {
        assert!(value(lines, "for").is_some(), "{name} has no `for`");
        assert!(value(lines, "summary").is_some(), "{name} has no summary");
        let severity = value(lines, "severity");
        assert!(
            matches!(severity, Some("critical" | "warning" | "info")),
            "{name}: {severity:?}"
        );
        let page = format!("/docs/runbook.md#{}", name.to_lowercase());
        let link = value(lines, "runbook_url").unwrap_or_default();
        assert!(
            link.starts_with("https://") && link.ends_with(&page),
            "{name} leads to {link}"
        );
        assert!(
            sections.contains(&name.as_str()),
            "{name} is not in docs/runbook.md"
        );
    }
    for section in sections {
        assert!(alerts.contains_key(section), "{section} is no alert");
    }
}

#[test]
fn every_alert_is_seen_to_fire_and_to_be_silent() {
    let tests: String = files("tests").iter().map(|file| read(file)).collect();
    let expected = |name: &str| -> Vec<bool> {
        let after = |rest: &str| !rest.trim_start().starts_with("exp_alerts: []");
        let alert = format!("alertname: {name}\n");
        tests.split(&alert).skip(1).map(after).collect()
    };
    for name in alerts().keys() {
        let expected = expected(name);
        assert!(expected.contains(&true), "no test sees {name} fire");
        assert!(expected.contains(&false), "no test sees {name} be silent");
    }
}
