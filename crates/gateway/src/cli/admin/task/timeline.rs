//! A task's timeline as people see it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cli::admin::diff::plain;
use crate::cli::admin::money::{TaskCredits, amount};
use crate::cli::admin::screen::Screen;
use crate::cli::admin::table::{Set, Table};

/// A task's timeline as the gateway shows it. What a step says depends on the step.
#[derive(Debug, Deserialize)]
pub(super) struct Timeline {
    id: String,
    state: String,
    credits: TaskCredits,
    data: Vec<BTreeMap<String, Box<RawValue>>>,
}

/// Its every step.
pub(super) fn shown(timeline: &Timeline, screen: &Screen) -> String {
    let mut table = Table::new(&[("at", Set::Firm), ("step", Set::Firm), ("what", Set::Text)]);
    for step in &timeline.data {
        let (mut at, mut name, mut said) = (String::new(), String::new(), Vec::new());
        for (field, value) in step {
            match field.as_str() {
                "at" => at = text(value),
                "step" => name = text(value),
                _ => said.push(format!("{field}: {}", text(value))),
            }
        }
        table.row([at, name, said.join(", ")]);
    }
    let credits = &timeline.credits;
    format!(
        "{}\n{} is {}: {} credits estimated, {} held, {} charged",
        screen.show(&table),
        timeline.id,
        timeline.state,
        amount(credits.estimated),
        amount(credits.held),
        amount(credits.charged),
    )
}

/// A value without quotes; a number stays the text that it is.
fn text(raw: &RawValue) -> String {
    match serde_json::from_str(raw.get()) {
        Ok(Value::Number(_)) | Err(_) => raw.get().to_owned(),
        Ok(value) => plain(&value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::admin::tests::people_of;

    #[test]
    fn each_step_says_what_it_has_to_say() {
        let answer = r#"{"object":"task.timeline","id":"task-1","state":"completed",
            "credits":{"estimated":17.784,"held":0,"charged":17.784},"data":[
            {"at":"2026-11-26T00:49:44.412Z","credits":17.784,"step":"held"},
            {"at":"2026-11-26T00:49:45.363Z","step":"callback"},
            {"at":"2026-11-26T00:49:45.375Z","charged":17.784,"released":0,"step":"settled"}]}"#;
        insta::assert_snapshot!(people_of(answer, shown), @r"
        AT                        STEP      WHAT
        2026-11-26T00:49:44.412Z  held      credits: 17.784
        2026-11-26T00:49:45.363Z  callback  -
        2026-11-26T00:49:45.375Z  settled   charged: 17.784, released: 0
        task-1 is completed: 17.784 credits estimated, 0.000 held, 17.784 charged
        ");
    }
}
