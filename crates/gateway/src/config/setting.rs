//! How one value is read, by type.
//!
//! A file's values have types: text where a number belongs is a fault. An environment variable is always
//! text, so it is read as what its key needs: `EVOGATE__EVOLINK__API_KEY=1234` stays a key.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use figment::value::Value;
use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

use super::units::{ByteSize, parse_duration, parse_size, show_duration, show_size};

/// A value as it was set, before its key gives it a meaning.
#[derive(Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) value: &'a Value,
    /// Text from an environment variable, which has no type of its own.
    pub(super) untyped: bool,
}

/// What a key can hold. The reason of a fault completes the sentence "the key …".
pub(super) trait Setting: Sized {
    fn read(raw: Raw<'_>) -> Result<Self, String>;
}

/// What can be kept within bounds.
pub(super) trait Bounded: Setting + PartialOrd {
    fn show(&self) -> String;
}

impl<'a> Raw<'a> {
    /// Text without the spaces around it.
    pub(super) fn text(self) -> Result<&'a str, String> {
        let wrong = || format!("must be text in quotes, not {}", kind(self.value));
        self.value.as_str().map(str::trim).ok_or_else(wrong)
    }

    /// The text of an environment variable, which may be of any type.
    pub(super) fn scalar(self) -> Option<&'a str> {
        self.value.as_str().map(str::trim).filter(|_| self.untyped)
    }
}

/// What a person would call the type of `value`.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "text",
        Value::Bool(..) => "true or false",
        Value::Num(..) => "a number",
        Value::Array(..) => "a list",
        Value::Dict(..) => "a table",
        Value::Empty(..) => "nothing",
    }
}

/// Reads the text of an environment variable as the TOML value that it is said to be.
pub(super) fn toml_value(text: &str) -> Option<toml::Value> {
    toml::Value::deserialize(toml::de::ValueDeserializer::new(text)).ok()
}

impl Setting for String {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let text = raw.text()?;
        if text.is_empty() {
            return Err("is empty".into());
        }
        Ok(text.to_owned())
    }
}

impl Setting for bool {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let value = match raw.scalar() {
            Some(text) => text.parse().ok(),
            None => raw.value.to_bool(),
        };
        value.ok_or_else(|| "must be true or false, without quotes".into())
    }
}

impl Setting for u32 {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let value = match raw.scalar() {
            Some(text) => text.parse().ok(),
            None => raw
                .value
                .to_i128()
                .and_then(|number| number.try_into().ok()),
        };
        value.ok_or_else(|| "must be a whole number, without quotes".into())
    }
}

impl Bounded for u32 {
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for Duration {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        if matches!(raw.value, Value::Num(..)) {
            return Err("needs a unit, in quotes: \"20s\"".into());
        }
        parse_duration(raw.text()?)
    }
}

impl Bounded for Duration {
    fn show(&self) -> String {
        show_duration(*self)
    }
}

impl Setting for ByteSize {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        if matches!(raw.value, Value::Num(..)) {
            return Err("needs a unit, in quotes: \"1MiB\"".into());
        }
        parse_size(raw.text()?)
    }
}

impl Bounded for ByteSize {
    fn show(&self) -> String {
        show_size(*self)
    }
}

impl Setting for SocketAddr {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let text = raw.text()?;
        text.parse().map_err(|_| {
            format!(
                "`{text}` is not an IP address with a port, such as 127.0.0.1:8080 or [::1]:8080"
            )
        })
    }
}

impl Setting for IpNet {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let text = raw.text()?;
        let network = text.parse().map(|network: Self| network.trunc());
        network
            .or_else(|_| text.parse().map(|address: IpAddr| address.into()))
            .map_err(|_| format!("`{text}` is not a network, such as 10.20.0.0/16"))
    }
}

impl Setting for PathBuf {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        String::read(raw).map(Self::from)
    }
}

impl Setting for Url {
    // A URL may carry a password, so that the reason doesn't quote it.
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let url = Self::parse(&String::read(raw)?).map_err(|why| format!("is not a URL: {why}"))?;
        if url.cannot_be_a_base() || url.host_str().is_none_or(str::is_empty) {
            return Err("is not a URL with a host, such as https://example.com".into());
        }
        Ok(url)
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let parsed = match raw.scalar() {
            Some(text) => toml_value(text).and_then(|value| Value::serialize(value).ok()),
            None => None,
        };
        let Value::Array(_, items) = parsed.as_ref().unwrap_or(raw.value) else {
            return Err("must be a list of texts, such as [\"one\", \"two\"]".into());
        };
        let item = |value| {
            T::read(Raw {
                value,
                untyped: false,
            })
        };
        items.iter().map(item).collect()
    }
}
