//! The body as one JSON object: its fields as raw text, once it is certain that every reader sees the
//! same object in it. So duplicate keys are refused wherever they are, however they are written, and
//! so is text that some parser would have to guess about.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::shown;
use crate::{ErrorCode, Fault};

/// The deepest nesting that is taken; a request of EvoLink's needs three levels.
pub(super) const MAX_DEPTH: usize = 64;

/// The fields of an object, in their order. Keys are decoded, values are the client's own bytes.
#[derive(Debug, Clone)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(Cow<'a, str>, &'a RawValue)> {
        self.0.iter()
    }
}

/// Reads the body. `Err`: it is no object at all; beside the object, its duplicate keys.
pub(super) fn object(body: &[u8]) -> Result<(Object<'_>, Vec<Fault>), Fault> {
    let text = text(body)?;
    if too_deep(text.as_bytes()) {
        return Err(Fault::json(format!(
            "the body is nested more than {MAX_DEPTH} levels deep"
        )));
    }
    let start = text.trim_start_matches([' ', '\t', '\r', '\n']);
    if start.is_empty() {
        return Err(Fault::json("the body is empty; send a JSON object"));
    }
    if !start.starts_with('{') {
        // A syntax error is the better answer where there is one.
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| syntax(&error))?;
        return Err(Fault::json("the body must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let fields = json
        .deserialize_map(Fields)
        .map_err(|error| syntax(&error))?;
    json.end().map_err(|error| syntax(&error))?;

    let mut duplicates = Duplicates::default();
    let mut path = Path(Vec::new());
    duplicates.keys(fields.iter().map(|(key, _)| &**key), &path);
    for (key, value) in &fields {
        if needs_walk(value.get()) {
            path.0.push(Step::Key(key.to_string()));
            // The raw value was only skipped over; this reads it in full.
            let mut json = serde_json::Deserializer::from_str(value.get());
            let walk = Walk {
                duplicates: &mut duplicates,
                path: &mut path,
            };
            walk.deserialize(&mut json).map_err(|error| {
                Fault::json(format!(
                    "the body is not valid JSON: in {path}: {}",
                    reason(&error)
                ))
            })?;
            path.0.pop();
        }
    }
    Ok((Object(fields), duplicates.faults))
}

/// Whether skipping over a value has left something open: what is in it, or its escapes.
fn needs_walk(value: &str) -> bool {
    match value.as_bytes().first() {
        Some(b'{' | b'[') => true,
        Some(b'"') => value.contains('\\'),
        _ => false,
    }
}

fn text(body: &[u8]) -> Result<&str, Fault> {
    if body.starts_with(&[0xef, 0xbb, 0xbf]) {
        return Err(Fault::json(
            "the body begins with a byte order mark; send UTF-8 without one",
        ));
    }
    std::str::from_utf8(body).map_err(|error| {
        let place = error.valid_up_to();
        Fault::json(format!("the body is not valid UTF-8 (at byte {place})"))
    })
}

/// Counts brackets outside of strings, so that no parser recurses into what is too deep. Where the
/// text is not JSON the count may be off, but then the parser stops before it gets so deep.
fn too_deep(text: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text {
        if in_string {
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

fn syntax(error: &serde_json::Error) -> Fault {
    Fault::json(format!("the body is not valid JSON: {error}"))
}

/// The error without its place, which would be counted from the start of a field.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ")
        .map_or(text.clone(), |(reason, _)| reason.to_owned())
}

/// Reads the top level into raw values.
struct Fields;

impl<'a> Visitor<'a> for Fields {
    type Value = Vec<(Cow<'a, str>, &'a RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(Key(key)) = map.next_key::<Key<'a>>()? {
            fields.push((key, map.next_value::<&'a RawValue>()?));
        }
        Ok(fields)
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor).map(Key)
    }
}

struct KeyVisitor;

impl<'a> Visitor<'a> for KeyVisitor {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'a str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// Duplicate keys found so far.
#[derive(Default)]
struct Duplicates {
    faults: Vec<Fault>,
}

impl Duplicates {
    fn keys<'k>(&mut self, keys: impl Iterator<Item = &'k str>, path: &Path) {
        let mut seen = HashSet::new();
        let mut told = HashSet::new();
        for key in keys {
            if !seen.insert(key) && told.insert(key) && self.faults.len() < super::MAX_FAULTS {
                let param = path.to(key);
                self.faults.push(Fault {
                    code: ErrorCode::InvalidJson,
                    message: format!("{param} is given more than once"),
                    param: Some(param),
                });
            }
        }
    }
}

enum Step {
    Key(String),
    Index(usize),
}

/// Where in the body a value stands: `model_params.search[2]`.
struct Path(Vec<Step>);

impl Path {
    fn to(&self, key: &str) -> String {
        if self.0.is_empty() {
            shown(key)
        } else {
            format!("{self}.{}", shown(key))
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if place == 0 => write!(f, "{}", shown(key))?,
                Step::Key(key) => write!(f, ".{}", shown(key))?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Reads a value in full: its strings decode, its objects have no key twice. The depth is bounded
/// already, so recursion is too.
struct Walk<'w> {
    duplicates: &'w mut Duplicates,
    path: &'w mut Path,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { duplicates, path } = self;
        path.0.push(Step::Index(0));
        while seq.next_element_seed(Walk { duplicates, path })?.is_some() {
            if let Some(Step::Index(index)) = path.0.last_mut() {
                *index = index.saturating_add(1);
            }
        }
        path.0.pop();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { duplicates, path } = self;
        let mut keys = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            path.0.push(Step::Key(key.clone()));
            keys.push(key);
            map.next_value_seed(Walk { duplicates, path })?;
            path.0.pop();
        }
        duplicates.keys(keys.iter().map(String::as_str), path);
        Ok(())
    }
}
