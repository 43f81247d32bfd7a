//! The list of metrics against its page, and what is counted against what is shown.

use super::{TASK_READS, UPSTREAM_REQUESTS, VALIDATION_FAILURES, begin, page, render};

const COPY: &str = include_str!("../../../../docs/metrics.md");
const HOW: &str = "docs/metrics.md is not what the code says. Look at the difference, and when it is meant:\n\
                   \n    cargo run -- metrics > docs/metrics.md\n";

/// The number of one series; none where it is not shown.
fn shown(series: &str) -> Option<u64> {
    let text = render();
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(value.parse().unwrap())
}

#[test]
fn the_committed_page_is_what_the_code_says() {
    let page = page();
    for (number, (copy, code)) in COPY.lines().zip(page.lines()).enumerate() {
        assert_eq!(copy, code, "line {}: {HOW}", number + 1);
    }
    assert!(COPY == page, "{HOW}");
}

#[test]
fn a_counter_with_a_closed_list_is_shown_before_anything_happened_and_then_grows() {
    begin();
    let series = r#"evogate_task_reads_total{source="cache"}"#;
    let before = shown(series).unwrap();
    TASK_READS.one(["cache"]);
    assert!(shown(series).unwrap() > before);
    let text = render();
    for line in [
        "# HELP evogate_task_reads_total Clients' reads of a task, by where the answer came from.",
        "# TYPE evogate_task_reads_total counter",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{text}");
    }
}

#[test]
fn a_value_that_nobody_listed_is_another_where_there_are_others() {
    VALIDATION_FAILURES.one(["a field of the caller's"]);
    let text = render();
    assert!(text.contains(r#"evogate_validation_failures_total{field="other"}"#));
    assert!(!text.contains("a field of the caller's"));
}

#[test]
fn each_pair_of_values_has_a_series_of_its_own() {
    UPSTREAM_REQUESTS.one(["models", "failed"]);
    UPSTREAM_REQUESTS.add(["list", "dead"], 3);
    let series = |operation: &str, outcome: &str| {
        let name = "evogate_upstream_requests_total";
        shown(&format!(
            r#"{name}{{operation="{operation}",outcome="{outcome}"}}"#
        ))
    };
    assert!(series("models", "failed") >= Some(1));
    assert!(series("list", "dead") >= Some(3));
    assert_eq!(series("list", "alive"), None);
}
