//! `docs/metrics.md`, made of the list of metrics.

use std::fmt::Write as _;

use super::handle::{Kind, Label, Listed, Metric, Values};
use super::names::SECTIONS;

const HEAD: &str = "\
# Metrics

Prometheus reads them at `GET /metrics` of the ops listener (`listen.ops`). This page is made from
`crates/gateway/src/metrics/names.rs`, where each metric is described; `cargo run -- metrics > docs/metrics.md`
writes it anew.

- Names begin with `evogate_`. Seconds, bytes and credits are the units; counters end in `_total`. Credits are
  EvoLink's, with decimals.
- Labels have few values. `tenant` names the `metrics.tenants` largest tenants (50), `model` those of the
  catalogue; all others are `other`. No label has a task, a key, a user or a URL.
- Counters are each replica's own: add them up. Gauges of the whole store come from every replica alike: take
  their `max`, not their sum.
- Dashboards are in `deploy/grafana/dashboards`, alerts in `deploy/prometheus/rules`, and what to do about
  them in [the runbook](runbook.md).
";

/// The page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for section in SECTIONS {
        let _ = write!(page, "\n## {}\n", section.title);
        if !section.about.is_empty() {
            let _ = write!(page, "\n{}\n", section.about);
        }
        page.push_str("\n| metric | kind | labels | meaning |\n|---|---|---|---|\n");
        for metric in section.metrics.iter().copied().map(Listed::metric) {
            row(&mut page, metric);
        }
    }
    page
}

fn row(page: &mut String, metric: &Metric) {
    let labels: Vec<String> = metric.labels.iter().map(label).collect();
    let unit = match (metric.kind, metric.unit) {
        (_, "") => String::new(),
        (_, unit) => format!(", {unit}"),
    };
    let _ = write!(
        page,
        "| `{}` | {}{unit} | {} | {}",
        metric.name,
        metric.kind.as_str(),
        labels.join("; "),
        metric.help
    );
    if metric.kind == Kind::Histogram {
        let bounds: Vec<String> = metric.buckets.iter().map(ToString::to_string).collect();
        let _ = write!(page, " Buckets: {}.", bounds.join(", "));
    }
    page.push_str(" |\n");
}

fn label(label: &Label) -> String {
    match label.values {
        Values::OneOf(values) => {
            let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            format!("`{}`: {}", label.name, values.join(", "))
        }
        Values::Any(what) => format!("`{}`: {what}", label.name),
    }
}
