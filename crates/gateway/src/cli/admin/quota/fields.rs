//! A quota's fields, by their names in the gateway's JSON: `credits_per_day`, `per_user.credits_per_day`.
//! Values stay the text that they are, so that no amount goes through a float, and a field that only a newer
//! gateway knows is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::change::Change;
use crate::cli::admin::diff::plain;
use crate::cli::admin::table::NOTHING;

/// Every field that there is, in the order in which people read them.
pub(super) const NAMES: [&str; 19] = [
    "unlimited",
    "credits_per_day",
    "credits_per_week",
    "credits_per_month",
    "per_user.credits_per_day",
    "per_user.credits_per_week",
    "per_user.credits_per_month",
    "per_key.credits_per_day",
    "per_key.credits_per_week",
    "per_key.credits_per_month",
    "time_zone",
    "max_tasks_in_flight",
    "submits_per_minute",
    "submit_burst",
    "reads_per_minute",
    "models",
    "max_duration",
    "max_quality",
    "low_credit_threshold",
];

/// Reads a field's name: as it is, or as its flag is called.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let flag = |name: &str| name.replace(['_', '.'], "-");
    let wanted = flag(text.trim_start_matches('-'));
    let wanted = if wanted == "model" {
        "models".to_owned()
    } else {
        wanted
    };
    let found = NAMES.iter().find(|name| flag(name) == wanted);
    found
        .map(|name| (*name).to_owned())
        .ok_or_else(|| format!("a quota's fields are: {}", NAMES.join(", ")))
}

/// A field's value as it is written in JSON.
type Raw = Box<RawValue>;

/// A quota: its fields that have a value.
#[derive(Debug, Clone, Default)]
pub(in crate::cli::admin) struct Quota(BTreeMap<String, Raw>);

impl PartialEq for Quota {
    fn eq(&self, other: &Self) -> bool {
        let text = |quota: &Self| -> Vec<(String, String)> {
            let fields = quota.0.iter();
            fields
                .map(|(name, raw)| (name.clone(), raw.get().to_owned()))
                .collect()
        };
        text(self) == text(other)
    }
}

impl Quota {
    /// Does what is named, and leaves the rest.
    pub(super) fn take(&mut self, change: Change) {
        for (name, value) in change.into_fields() {
            if let Some(value) = value {
                self.0.insert(name, value);
                continue;
            }
            let within = format!("{name}.");
            self.0
                .retain(|known, _| *known != name && !known.starts_with(&within));
        }
    }

    /// Every field with its value.
    pub(super) fn fields(&self) -> Vec<(String, String)> {
        let newer = self.0.keys().filter(|name| !NAMES.contains(&name.as_str()));
        let names = NAMES.iter().map(|name| (*name).to_owned());
        let names = names.chain(newer.cloned());
        names
            .map(|name| (name.clone(), self.value(&name)))
            .collect()
    }

    /// What limits the tenant.
    pub(in crate::cli::admin) fn limits(&self) -> Vec<(String, String)> {
        let idle = |(name, value): &(String, String)| {
            value == NOTHING
                || matches!(
                    (name.as_str(), value.as_str()),
                    ("unlimited", "false") | ("time_zone", "UTC")
                )
        };
        let mut fields = self.fields();
        fields.retain(|field| !idle(field));
        fields
    }

    /// One field as people read it; a dash where nothing is limited.
    pub(super) fn value(&self, name: &str) -> String {
        let value = self.0.get(name).map(|raw| raw.get());
        match value.and_then(|text| text.chars().next()) {
            None => NOTHING.to_owned(),
            // A number stays the text that it is.
            Some('0'..='9' | '-') => value.unwrap_or_default().to_owned(),
            Some(_) => match serde_json::from_str(value.unwrap_or_default()) {
                Ok(serde_json::Value::Array(items)) if items.is_empty() => NOTHING.to_owned(),
                Ok(serde_json::Value::Array(items)) => {
                    let items: Vec<String> = items.iter().map(plain).collect();
                    items.join(" ")
                }
                Ok(value) => plain(&value),
                Err(_) => NOTHING.to_owned(),
            },
        }
    }
}

impl<'de> Deserialize<'de> for Quota {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut quota = Self::default();
        quota.take(Change::deserialize(deserializer)?);
        Ok(quota)
    }
}

impl Serialize for Quota {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// A value, or fields of its own.
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Node<'a> {
            Value(&'a RawValue),
            Fields(BTreeMap<&'a str, &'a RawValue>),
        }
        let mut tree = BTreeMap::new();
        for (name, value) in &self.0 {
            match name.split_once('.') {
                None => {
                    tree.insert(name.as_str(), Node::Value(value));
                }
                Some((outer, inner)) => {
                    let node = tree
                        .entry(outer)
                        .or_insert_with(|| Node::Fields(BTreeMap::new()));
                    if let Node::Fields(fields) = node {
                        fields.insert(inner, value);
                    }
                }
            }
        }
        tree.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = r#"{"unlimited":false,"credits_per_day":9007199254.740991,"credits_per_week":null,
        "per_user":{"credits_per_day":60,"credits_per_week":null},"models":["a*","b"],"newer":[1]}"#;

    fn quota(text: &str) -> Quota {
        serde_json::from_str(text).unwrap()
    }

    fn changed(text: &str, by: &str) -> String {
        let mut quota = quota(text);
        quota.take(serde_json::from_str(by).unwrap());
        serde_json::to_string(&quota).unwrap()
    }

    #[test]
    fn what_is_not_named_stays_to_the_letter() {
        assert_eq!(
            changed(
                SET,
                r#"{"max_duration":10,"per_user":{"credits_per_month":900.5}}"#
            ),
            r#"{"credits_per_day":9007199254.740991,"max_duration":10,"models":["a*","b"],"newer":[1],"per_user":{"credits_per_day":60,"credits_per_month":900.5},"unlimited":false}"#
        );
    }

    #[test]
    fn null_unsets_a_field_or_everything_within() {
        assert_eq!(
            changed(
                SET,
                r#"{"models":null,"newer":null,"per_user":null,"credits_per_day":null}"#
            ),
            r#"{"unlimited":false}"#
        );
    }

    #[test]
    fn people_read_what_limits_a_tenant() {
        let limits = quota(SET).limits();
        let limits: Vec<_> = limits
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            limits,
            [
                "credits_per_day=9007199254.740991",
                "per_user.credits_per_day=60",
                "models=a* b",
                "newer=1",
            ]
        );
    }

    #[test]
    fn a_field_is_named_as_in_json_or_as_its_flag() {
        for text in [
            "per_user.credits_per_day",
            "per-user-credits-per-day",
            "--per-user-credits-per-day",
        ] {
            assert_eq!(parse(text).as_deref(), Ok("per_user.credits_per_day"));
        }
        assert_eq!(parse("model").as_deref(), Ok("models"));
        assert!(
            parse("credits")
                .unwrap_err()
                .contains("low_credit_threshold")
        );
    }

    #[test]
    fn the_names_are_those_of_the_gateway() {
        let quota = serde_json::to_value(evogate_models::quota::Quota::default()).unwrap();
        let mut names = Vec::new();
        for (name, value) in quota.as_object().unwrap() {
            match value.as_object() {
                Some(inner) => names.extend(inner.keys().map(|inner| format!("{name}.{inner}"))),
                None => names.push(name.clone()),
            }
        }
        let mut known = NAMES.map(str::to_owned).to_vec();
        known.sort_unstable();
        names.sort_unstable();
        assert_eq!(known, names);
    }
}
