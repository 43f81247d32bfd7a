//! What scripts and commands answer, taken apart.

use redis::Value;

use super::pack::{corrupt, unpack};
use crate::error::StoreError;

/// A script's answer: a word, then what goes with it. A turn that was stored has all of it in one text
/// (`lua/plan.lua`).
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) word: String,
    rest: std::vec::IntoIter<Value>,
}

impl Reply {
    pub(super) fn read(value: Value) -> Result<Self, StoreError> {
        if let Value::BulkString(text) = &value {
            return Self::stored(text);
        }
        let mut rest = list(value)?.into_iter();
        let word = rest.next().ok_or_else(|| corrupt("an empty answer"))?;
        let word = String::from_utf8(bytes(word)?).map_err(corrupt)?;
        Ok(Self { word, rest })
    }

    /// OK, the version, the rate, the account.
    fn stored(text: &[u8]) -> Result<Self, StoreError> {
        let parts = text.split_at_checked(2).and_then(|(word, rest)| {
            let (numbers, account) = rest.split_at_checked(16)?;
            Some((word, numbers, account))
        });
        let Some((b"OK", numbers, account)) = parts else {
            return Err(corrupt("an answer of another kind"));
        };
        let [version, rate] = unpack::<2>(numbers)?;
        let rest = vec![
            Value::Int(version),
            Value::Int(rate),
            Value::BulkString(account.to_vec()),
        ];
        Ok(Self {
            word: "OK".to_owned(),
            rest: rest.into_iter(),
        })
    }

    /// The next part.
    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        bytes(self.rest.next().unwrap_or(Value::Nil))
    }

    /// The next part, a whole number.
    pub(super) fn number(&mut self) -> Result<i64, StoreError> {
        number(self.rest.next().unwrap_or(Value::Nil))
    }

    /// All further parts.
    pub(super) fn all(self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.rest.map(bytes).collect()
    }

    /// An answer that the script is not known to give.
    pub(super) fn unexpected(&self) -> StoreError {
        corrupt(format_args!("a script answered {}", self.word))
    }
}

/// Text as bytes; nothing is empty.
pub(super) fn bytes(value: Value) -> Result<Vec<u8>, StoreError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Ok(text.into_bytes()),
        Value::Okay => Ok(b"OK".to_vec()),
        Value::Nil => Ok(Vec::new()),
        Value::Int(number) => Ok(number.to_string().into_bytes()),
        Value::Double(number) => Ok(number.to_string().into_bytes()),
        other => Err(corrupt(format_args!(
            "an answer of another kind: {other:?}"
        ))),
    }
}

/// A whole number, written as one or as text.
pub(super) fn number(value: Value) -> Result<i64, StoreError> {
    match value {
        Value::Int(number) => Ok(number),
        other => {
            let text = String::from_utf8(bytes(other)?).map_err(corrupt)?;
            text.parse().map_err(corrupt)
        }
    }
}

/// Text that may be absent.
pub(super) fn maybe(value: Value) -> Result<Option<Vec<u8>>, StoreError> {
    match value {
        Value::Nil => Ok(None),
        other => bytes(other).map(Some),
    }
}

/// A list; nothing is an empty one, a map alternates keys and values.
pub(super) fn list(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(values) | Value::Set(values) => Ok(values),
        Value::Map(pairs) => Ok(pairs.into_iter().flat_map(|(k, v)| [k, v]).collect()),
        Value::Nil => Ok(Vec::new()),
        other => Err(corrupt(format_args!(
            "an answer that is no list: {other:?}"
        ))),
    }
}

/// A list of texts.
pub(super) fn texts(value: Value) -> Result<Vec<Vec<u8>>, StoreError> {
    list(value)?.into_iter().map(bytes).collect()
}

/// A field of a hash and its value.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// A hash as pairs.
pub(super) fn pairs(value: Value) -> Result<Vec<Pair>, StoreError> {
    let mut texts = texts(value)?.into_iter();
    let mut pairs = Vec::new();
    while let (Some(key), Some(value)) = (texts.next(), texts.next()) {
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// Text as UTF-8.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(bytes).map_err(corrupt)
}
