//! Takes the settings out of the merged layers, one key at a time, and collects every fault on the way.
//!
//! A key is known because somebody reads it here; there is no second list of keys to keep in step.

mod tables;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use figment::Figment;
use figment::value::{Dict, Value};

use super::layers::ENVIRONMENT_PREFIX;
use super::problem::Problem;
use super::setting::{Bounded, Raw, Setting};
use crate::secret::Secret;

/// The merged layers, and what was found wrong with them so far.
pub(super) struct Reader {
    layers: Figment,
    root: Value,
    known: BTreeSet<&'static str>,
    problems: Vec<Problem>,
}

impl Reader {
    /// `problems` are those that were found while the layers were read.
    pub(super) fn new(layers: Figment, problems: Vec<Problem>) -> Self {
        let root = layers.find_value("").unwrap_or_else(|_| Dict::new().into());
        Self {
            layers,
            root,
            known: BTreeSet::new(),
            problems,
        }
    }

    /// A key that has a default, or that must be set. `None` once its fault is noted.
    pub(super) fn required<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        self.known.insert(key);
        let Some(raw) = self.raw(key) else {
            self.problem(key, "is required, but not set");
            return None;
        };
        let read = T::read(raw);
        read.map_err(|reason| self.problem(key, reason)).ok()
    }

    /// A key that may be absent or empty: `Some(None)`. `None` once its fault is noted.
    #[expect(
        clippy::option_option,
        reason = "a fault and an absent value are different things"
    )]
    pub(super) fn optional<T: Setting>(&mut self, key: &'static str) -> Option<Option<T>> {
        self.known.insert(key);
        if self.raw(key).is_none_or(is_blank) {
            return Some(None);
        }
        self.required(key).map(Some)
    }

    /// A key whose value must lie within `bounds`.
    pub(super) fn within<T: Bounded>(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<T>,
    ) -> Option<T> {
        let value = self.required::<T>(key)?;
        if bounds.contains(&value) {
            return Some(value);
        }
        let (value, least, most) = (value.show(), bounds.start().show(), bounds.end().show());
        let reason = format!("is {value}, but must be between {least} and {most}");
        self.problem(key, reason);
        None
    }

    /// The same for a key that may be absent or empty: `Some(None)`.
    #[expect(
        clippy::option_option,
        reason = "a fault and an absent value are different things"
    )]
    pub(super) fn optional_within<T: Bounded>(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<T>,
    ) -> Option<Option<T>> {
        self.known.insert(key);
        if self.raw(key).is_none_or(is_blank) {
            return Some(None);
        }
        self.within(key, bounds).map(Some)
    }

    /// A secret of at least `least` characters, without the spaces and line ends around it. `Some(None)`
    /// when it is absent; one that is there and empty is a fault, for somebody meant to set it.
    #[expect(
        clippy::option_option,
        reason = "a fault and an absent value are different things"
    )]
    pub(super) fn secret(&mut self, key: &'static str, least: usize) -> Option<Option<Secret>> {
        self.known.insert(key);
        let Some(raw) = self.raw(key) else {
            return Some(None);
        };
        match raw.text().and_then(|text| check_secret(text, least)) {
            Ok(secret) => Some(Some(secret)),
            Err(reason) => {
                self.problem(key, reason);
                None
            }
        }
    }

    /// A list of secrets, each of at least `least` characters.
    pub(super) fn secrets(&mut self, key: &'static str, least: usize) -> Option<Vec<Secret>> {
        let texts = self.required::<Vec<String>>(key)?;
        let secrets = texts.iter().map(|text| check_secret(text, least));
        let secrets = secrets.collect::<Result<Vec<_>, _>>();
        secrets.map_err(|reason| self.problem(key, reason)).ok()
    }

    /// A secret that travels in an `Authorization` header, where not every character can be sent.
    #[expect(
        clippy::option_option,
        reason = "a fault and an absent value are different things"
    )]
    pub(super) fn bearer(&mut self, key: &'static str, least: usize) -> Option<Option<Secret>> {
        let secret = self.secret(key, least)?;
        let sendable =
            |secret: &Secret| secret.expose().bytes().all(|byte| byte.is_ascii_graphic());
        if secret.as_ref().is_none_or(sendable) {
            return Some(secret);
        }
        self.problem(key, "contains a space or a character outside ASCII");
        None
    }

    /// The value of a key if it is set and sound, for rules about several keys.
    pub(super) fn peek<T: Setting>(&self, key: &'static str) -> Option<T> {
        T::read(self.raw(key)?).ok()
    }

    /// Whether somebody gave the key a value, sound or not.
    pub(super) fn is_given(&self, key: &'static str) -> bool {
        self.raw(key).is_some()
    }

    /// Notes a fault of `key`.
    pub(super) fn problem(&mut self, key: &str, reason: impl Into<String>) {
        let set_by = self.root.find_ref(key).and_then(|value| self.set_by(value));
        self.problems.push(Problem {
            key: key.to_owned(),
            reason: reason.into(),
            set_by,
        });
    }

    /// Notes every key that is set and that nobody asked for, and hands out all that was found.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        let mut unknown = Vec::new();
        self.collect_unknown("", &self.root, &mut unknown);
        self.problems.append(&mut unknown);
        self.problems
    }

    /// Every key that was asked for.
    #[cfg(test)]
    pub(super) fn known(&self) -> &BTreeSet<&'static str> {
        &self.known
    }

    fn raw(&self, key: &str) -> Option<Raw<'_>> {
        let value = self.root.find_ref(key)?;
        let set_by = self.set_by(value);
        let untyped = set_by.is_some_and(|name| name.starts_with(ENVIRONMENT_PREFIX));
        Some(Raw { value, untyped })
    }

    /// Who set a value, unless it is a default.
    fn set_by(&self, value: &Value) -> Option<String> {
        let layer = self.layers.get_metadata(value.tag())?;
        (!layer.name.is_empty()).then(|| layer.name.to_string())
    }

    fn collect_unknown(&self, prefix: &str, value: &Value, found: &mut Vec<Problem>) {
        for (name, inner) in value.as_dict().into_iter().flatten() {
            let key = join(prefix, name);
            let below = join(&key, "");
            let is_section = self.known.iter().any(|known| known.starts_with(&below));
            if name.contains('.') || !(is_section || self.known.contains(key.as_str())) {
                found.push(Problem {
                    reason: self.describe_unknown(&key),
                    set_by: self.set_by(inner),
                    key,
                });
            } else if is_section {
                self.collect_unknown(&key, inner, found);
            }
        }
    }

    fn describe_unknown(&self, key: &str) -> String {
        let section = |known: &'static str| known.split_once('.').map(|(section, _)| section);
        let sections = self.known.iter().filter_map(|known| section(known));
        let candidates = self.known.iter().copied().chain(sections);
        let distance = |known: &&str| strsim::damerau_levenshtein(key, known);
        let near = candidates
            .min_by_key(distance)
            .filter(|known| distance(known) <= key.len().div_ceil(5).max(2));
        // The right name in the wrong place.
        let name = key.rsplit('.').next().unwrap_or(key);
        let mut known = self.known.iter().copied();
        let moved = known.find(|known| known.rsplit('.').next() == Some(name));
        match near.or(moved) {
            Some(known) => format!("is not a setting; did you mean {known}?"),
            None => "is not a setting".into(),
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

fn is_blank(raw: Raw<'_>) -> bool {
    raw.text().is_ok_and(str::is_empty)
}

/// Whatever is wrong, the reason tells lengths and nothing else of a secret.
pub(super) fn check_secret(text: &str, least: usize) -> Result<Secret, String> {
    let length = text.chars().count();
    if length == 0 {
        return Err(format!("is empty; it needs at least {least} characters"));
    }
    if length < least {
        return Err(format!(
            "is too short: {length} characters, at least {least} are needed"
        ));
    }
    if text.chars().any(char::is_control) {
        return Err("contains a line end or another control character".into());
    }
    Ok(Secret::new(text))
}
