//! How the values of an issuer's keys are read.

use std::collections::BTreeMap;

use evogate_models::TenantId;
use figment::value::Value;
use jsonwebtoken::Algorithm;

use crate::auth::{ClaimPath, Scope};
use crate::config::reader::check_secret;
use crate::config::setting::{Raw, Setting};
use crate::secret::Secret;

/// What can be signed by, as `algorithms` names it.
const ALGORITHMS: &str =
    "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256, HS384, HS512";

/// An issuer's name.
pub(super) struct Name(pub(super) String);

impl Setting for Name {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let text = raw.text()?;
        let sound = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 1 to 32 characters of a-z, 0-9, `-` and `_`".into())
        }
    }
}

/// Peppers of before. An empty text is the time before there was one.
pub(super) struct OldPeppers(pub(super) Vec<Option<Secret>>);

impl Setting for OldPeppers {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let peppers = Vec::<OldPepper>::read(raw)?;
        Ok(Self(
            peppers
                .into_iter()
                .map(|OldPepper(pepper)| pepper)
                .collect(),
        ))
    }
}

struct OldPepper(Option<Secret>);

impl Setting for OldPepper {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        match raw.text()? {
            "" => Ok(Self(None)),
            text => check_secret(text, super::PEPPER).map(|pepper| Self(Some(pepper))),
        }
    }
}

/// One value, or a list of at least one.
pub(super) struct OneOrMany<T>(pub(super) Vec<T>);

impl<T: Setting> Setting for OneOrMany<T> {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let values = match raw.value {
            Value::Array(..) => Vec::read(raw)?,
            _ => vec![T::read(raw)?],
        };
        if values.is_empty() {
            return Err("is an empty list".into());
        }
        Ok(Self(values))
    }
}

/// A table whose names are not ours.
pub(super) struct Table<T>(pub(super) BTreeMap<String, T>);

impl<T: Setting> Setting for Table<T> {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let Value::Dict(_, entries) = raw.value else {
            return Err("must be a table, such as {name = \"value\"}".into());
        };
        if entries.is_empty() {
            return Err("is an empty table".into());
        }
        let entry = |(name, value): (&String, _)| {
            let value = T::read(Raw {
                value,
                untyped: false,
            });
            let value = value.map_err(|reason| format!("`{name}`: {reason}"))?;
            Ok((name.clone(), value))
        };
        entries
            .iter()
            .map(entry)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Setting for Algorithm {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let text = raw.text()?;
        if text.eq_ignore_ascii_case("none") {
            return Err("has `none`, by which everybody can make tokens".into());
        }
        text.parse()
            .map_err(|_| format!("has `{text}`, which is none of {ALGORITHMS}"))
    }
}

impl Setting for ClaimPath {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let path = match raw.value {
            Value::Array(..) => Self::of(Vec::read(raw)?),
            _ => Self::parse(raw.text()?),
        };
        path.ok_or_else(|| {
            "must be a claim's name, a path such as \"org.id\", or a list of names".into()
        })
    }
}

impl Setting for Scope {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let scope = raw.text()?.parse::<Self>();
        scope.map_err(|why| why.to_string())
    }
}

impl Setting for TenantId {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let id = raw.text()?.parse::<Self>();
        id.map_err(|why| why.to_string())
    }
}
