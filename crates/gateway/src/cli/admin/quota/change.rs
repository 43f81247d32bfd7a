//! A change of a quota: the fields that are named, each with its new value or with none.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{Read as _, stdin};
use std::path::Path;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::cli::remote::Problem;

/// `None`: no longer limited.
#[derive(Debug, Default)]
pub(super) struct Change(BTreeMap<String, Option<Box<RawValue>>>);

impl Change {
    /// Reads a file with a JSON object; `-` is stdin.
    pub(super) fn read(file: &Path) -> Result<Self, Problem> {
        let shown = if file == Path::new("-") {
            "stdin".to_owned()
        } else {
            file.display().to_string()
        };
        let text = if file == Path::new("-") {
            let mut text = String::new();
            stdin().read_to_string(&mut text).map(|_| text)
        } else {
            fs::read_to_string(file)
        };
        let text = text.map_err(|error| Problem::usage(format_args!("{shown}: {error}")))?;
        serde_json::from_str(&text)
            .map_err(|error| Problem::usage(format_args!("{shown} has no quota in it: {error}")))
    }

    /// Names a field with its value. `null` is none.
    pub(super) fn set(&mut self, name: &str, value: Box<RawValue>) {
        let value = Some(value).filter(|value| value.get() != "null");
        self.0.insert(name.to_owned(), value);
    }

    /// Names a field where it has a value.
    pub(super) fn set_if(
        &mut self,
        name: &str,
        value: Option<impl Serialize>,
    ) -> Result<(), Problem> {
        if let Some(value) = value {
            let raw = to_raw_value(&value).map_err(Problem::usage)?;
            self.set(name, raw);
        }
        Ok(())
    }

    /// Names a field without a value.
    pub(super) fn unset(&mut self, name: &str) {
        self.0.insert(name.to_owned(), None);
    }

    /// Another change after this one.
    pub(super) fn and(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn names(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_fields(self) -> impl Iterator<Item = (String, Option<Box<RawValue>>)> {
        self.0.into_iter()
    }
}

/// Reads an object's fields; those of an object within get `outer.` before their names.
impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Change;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a quota, a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Change, A::Error> {
                let mut change = Change::default();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    match value.get().chars().next() {
                        Some('{') => {
                            let inner: BTreeMap<String, Box<RawValue>> =
                                serde_json::from_str(value.get()).map_err(A::Error::custom)?;
                            for (field, value) in inner {
                                change.set(&format!("{name}.{field}"), value);
                            }
                        }
                        _ => change.set(&name, value),
                    }
                }
                Ok(change)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}
