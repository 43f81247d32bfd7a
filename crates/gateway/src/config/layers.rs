//! The layers that a configuration is made of, each in front of the one before: the compiled-in defaults,
//! a file, environment variables.

use std::path::Path;

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::problem::{ConfigErrors, Problem};
use super::setting::toml_value;

/// The commented defaults, as an operator reads them.
pub(super) const DEFAULTS: &str = include_str!("../../../../config/evogate.toml");

/// How the name of every variable that sets a key begins.
pub(super) const ENVIRONMENT_PREFIX: &str = "EVOGATE__";

/// Collects layers, lowest first.
pub(super) struct Layers {
    figment: Figment,
    defaults: toml::Table,
    problems: Vec<Problem>,
}

/// What one file or one variable sets. The defaults have no name.
struct Layer {
    name: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

impl Layers {
    /// Nothing but the compiled-in defaults.
    pub(super) fn new() -> Self {
        let mut layers = Self {
            figment: Figment::new(),
            defaults: toml::Table::new(),
            problems: Vec::new(),
        };
        // They parse: a test says so. If they did not, every key would be reported as not set.
        let defaults: toml::Table = toml::from_str(DEFAULTS).unwrap_or_default();
        layers.merge(String::new(), defaults.clone());
        layers.defaults = defaults;
        layers
    }

    /// A file on disk. One that can't be read ends it: what it would have set is not known.
    pub(super) fn file(&mut self, path: &Path) -> Result<(), ConfigErrors> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|why| ConfigErrors::of(&name, format!("can't be read: {why}")))?;
        self.text(&name, &text)
    }

    /// A file's text.
    pub(super) fn text(&mut self, name: &str, text: &str) -> Result<(), ConfigErrors> {
        let table = toml::from_str(text).map_err(|why| {
            // The whole error would quote the line, and with it a secret.
            let message = why.message().replace('\n', ", ");
            let place = why.span().map_or(0, |span| span.start);
            let (line, column) = position(text, place);
            let reason = format!("is not TOML: line {line}, column {column}: {message}");
            ConfigErrors::of(name, reason)
        })?;
        self.merge(name.to_owned(), table);
        Ok(())
    }

    /// What OpenTelemetry's own variables say, for machines where every program gets them.
    pub(super) fn opentelemetry(&mut self, variables: &[(String, String)]) {
        let value = |wanted: &str| {
            let given = variables.iter().find(|(name, _)| name == wanted);
            let given = given.map(|(_, value)| value.trim());
            given.filter(|value| !value.is_empty())
        };
        let first = |names: [&'static str; 2]| {
            names
                .into_iter()
                .find_map(|name| Some((name, value(name)?)))
        };
        if value("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return;
        }
        let mut set = Vec::new();
        let protocol = first([
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ]);
        // The address is good for the one protocol that is spoken here.
        if protocol.is_none_or(|(_, protocol)| protocol == "http/protobuf") {
            let address = [
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "OTEL_EXPORTER_OTLP_ENDPOINT",
            ];
            set.extend(first(address).map(|(name, value)| (name, "otlp_endpoint", value)));
        }
        for (name, key) in [
            ("OTEL_SERVICE_NAME", "service_name"),
            ("OTEL_TRACES_SAMPLER_ARG", "sampling"),
        ] {
            set.extend(value(name).map(|value| (name, key, value)));
        }
        for (name, key, value) in set {
            let value = toml::Value::String(value.to_owned());
            let section = toml::Table::from_iter([(key.to_owned(), value)]);
            let table = toml::Table::from_iter([("telemetry".to_owned(), section.into())]);
            self.merge(name.to_owned(), table);
        }
    }

    /// Those of the variables that begin with [`ENVIRONMENT_PREFIX`].
    pub(super) fn environment(&mut self, variables: impl Iterator<Item = (String, String)>) {
        let mut ours: Vec<_> = variables
            .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX))
            .collect();
        // A whole section first, so that a single key of it has the last word.
        ours.sort_by_key(|(name, _)| (name.matches("__").count(), name.clone()));
        for (name, text) in ours {
            self.variable(name, &text);
        }
    }

    /// The merged layers, and what was wrong with them.
    pub(super) fn finish(self) -> (Figment, Vec<Problem>) {
        (self.figment, self.problems)
    }

    fn variable(&mut self, name: String, text: &str) {
        let path = name
            .strip_prefix(ENVIRONMENT_PREFIX)
            .unwrap_or_default()
            .to_ascii_lowercase();
        let path: Vec<_> = path.split("__").collect();
        if path.iter().any(|part| part.is_empty()) {
            let reason = "is not the name of a setting; write EVOGATE__SECTION__KEY";
            return self.problem(name, reason.into());
        }
        let value = if self.is_section(&path) {
            let Some(table @ toml::Value::Table(_)) = toml_value(text) else {
                let reason = "must be a TOML table, such as {key = \"value\"}";
                return self.problem(name, reason.into());
            };
            table
        } else {
            toml::Value::String(unquoted(text))
        };
        let nested = path.iter().rev().fold(value, |inner, part| {
            toml::Table::from_iter([((*part).to_owned(), inner)]).into()
        });
        if let toml::Value::Table(table) = nested {
            self.merge(name, table);
        }
    }

    fn merge(&mut self, name: String, mut table: toml::Table) {
        // A section that is set to something else would take the defaults of its keys away.
        table.retain(|key, value| {
            let sound = value.is_table() || !self.is_section(&[key]);
            if !sound {
                self.problems.push(Problem {
                    key: key.to_owned(),
                    reason: format!("is a section: write [{key}] and its keys below"),
                    set_by: Some(name.clone()),
                });
            }
            sound
        });
        let values = Value::serialize(&table).ok().and_then(Value::into_dict);
        let values = values.unwrap_or_default();
        self.figment = std::mem::take(&mut self.figment).merge(Layer { name, values });
    }

    fn is_section(&self, path: &[&str]) -> bool {
        matches!(path, [name] if self.defaults.get(*name).is_some_and(toml::Value::is_table))
    }

    fn problem(&mut self, key: String, reason: String) {
        self.problems.push(Problem {
            key,
            reason,
            set_by: None,
        });
    }
}

/// Line and column, from 1, of the byte at `place`.
fn position(text: &str, place: usize) -> (usize, usize) {
    let before = text.get(..place).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let lines = before.matches('\n').count();
    (
        lines.saturating_add(1),
        line.chars().count().saturating_add(1),
    )
}

/// Some tools that set variables keep the quotes of `KEY="value"`.
fn unquoted(text: &str) -> String {
    match toml_value(text) {
        Some(toml::Value::String(inner)) => inner,
        _ => text.to_owned(),
    }
}
