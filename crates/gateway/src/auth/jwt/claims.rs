//! The registered claims: for whom a token is, and from when until when (RFC 7519 §4.1).

use evogate_models::{Millis, Timestamp};
use serde_json::{Map, Value};

use crate::auth::failure::Reason;

/// How far a provider's clock may be off ours, in milliseconds.
const LEEWAY: Millis = 60_000;
/// The longest that a token may still be valid, in seconds: ten years. What claims more was written in
/// milliseconds, or by somebody who tries things.
const LONGEST: i64 = 10 * 366 * 86_400;

/// Until when the token counts, if it counts at `now` for one of `audience`.
pub(super) fn check(
    claims: &Map<String, Value>,
    audience: &[String],
    now: Timestamp,
) -> Result<Timestamp, Reason> {
    if !is_for(claims.get("aud"), audience) {
        return Err(Reason::Audience);
    }
    let expires = moment(claims, "exp")?.ok_or(Reason::Claims)?;
    if expires.seconds().saturating_sub(now.seconds()) > LONGEST {
        return Err(Reason::Claims);
    }
    let until = expires.plus(LEEWAY);
    if now >= until {
        return Err(Reason::Expired);
    }
    for name in ["nbf", "iat"] {
        if moment(claims, name)?.is_some_and(|from| from > now.plus(LEEWAY)) {
            return Err(Reason::NotYetValid);
        }
    }
    Ok(until)
}

/// A text, or a list of texts, with one of ours in it.
fn is_for(aud: Option<&Value>, audience: &[String]) -> bool {
    let ours = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| audience.iter().any(|a| a == text))
    };
    match aud {
        Some(one @ Value::String(_)) => ours(one),
        Some(Value::Array(all)) => all.iter().all(Value::is_string) && all.iter().any(ours),
        _ => false,
    }
}

/// A time in whole seconds since 1970. A text is none, whatever it says (CVE-2026-25537).
fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Reason> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = value.as_i64().filter(|seconds| *seconds >= 0);
    let seconds = seconds.filter(|seconds| seconds.checked_mul(1000).is_some());
    Ok(Some(Timestamp::from_seconds(
        seconds.ok_or(Reason::Claims)?,
    )))
}
