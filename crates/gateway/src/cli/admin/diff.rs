//! What is different between two states of something: `suspended: false → true`.

use std::collections::BTreeMap;

use serde_json::Value;

/// The fields that are different, each with what it was and what it is. A field within another is named
/// `outer.inner`.
pub(super) fn diff(before: &Value, after: &Value) -> String {
    let (mut was, mut is) = (BTreeMap::new(), BTreeMap::new());
    leaves(before, "", &mut was);
    leaves(after, "", &mut is);
    let mut told = Vec::new();
    for (name, value) in &is {
        match was.get(name) {
            Some(old) if old == value => {}
            Some(old) => told.push(format!("{name}{old} → {value}")),
            None => told.push(format!("{name}{value}")),
        }
    }
    for (name, old) in was.iter().filter(|(name, _)| !is.contains_key(*name)) {
        told.push(format!("{name}{old} → nothing"));
    }
    told.join(", ")
}

/// The fields with a value. What is null or empty is no value.
fn leaves(value: &Value, name: &str, into: &mut BTreeMap<String, String>) {
    let text = match value {
        Value::Null => return,
        Value::Array(items) if items.is_empty() => return,
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = match name.trim_end_matches(": ") {
                    "" => format!("{field}: "),
                    outer => format!("{outer}.{field}: "),
                };
                leaves(value, &name, into);
            }
            return;
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(plain).collect();
            items.join(" ")
        }
        other => plain(other),
    };
    into.insert(name.to_owned(), text);
}

/// A value without quotes.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_changed_is_told() {
        let before = json!({"name": "a", "quota": {"credits_per_day": 5, "models": ["a", "b"]}});
        let after = json!({"name": "a", "quota": {"time_zone": "UTC", "models": ["a"], "x": null}});
        assert_eq!(
            diff(&before, &after),
            "quota.models: a b → a, quota.time_zone: UTC, quota.credits_per_day: 5 → nothing"
        );
        assert_eq!(diff(&Value::Null, &json!({"name": "a"})), "name: a");
        assert_eq!(diff(&json!("pending"), &json!("lost")), "pending → lost");
        assert_eq!(diff(&before, &before), "");
    }
}
