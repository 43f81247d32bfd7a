//! W3C Trace Context's `tracestate`: what tracing systems add to a trace. It is passed on as it is, or, where
//! it is malformed or long, left out: a trace is whole without it.

use axum::http::{HeaderMap, HeaderValue};

use super::TRACESTATE;

/// The longest that is passed on; the specification asks for no more.
const LONGEST: usize = 512;
/// The most members that the specification allows.
const MEMBERS: usize = 32;

/// The request's, if it is well formed. Several headers are one list.
pub(super) fn of(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut all = String::new();
    for value in headers.get_all(TRACESTATE) {
        let text = value.to_str().ok()?;
        if !all.is_empty() {
            all.push(',');
        }
        all.push_str(text);
    }
    let members = || {
        all.split(',')
            .map(str::trim)
            .filter(|member| !member.is_empty())
    };
    let good = all.len() <= LONGEST
        && (1..=MEMBERS).contains(&members().count())
        && members().all(is_member);
    good.then(|| HeaderValue::try_from(all).ok())?
}

/// Is it `key=value`, both of the characters that the specification allows?
fn is_member(text: &str) -> bool {
    let Some((key, value)) = text.split_once('=') else {
        return false;
    };
    let in_key = |b: u8| {
        b.is_ascii_lowercase()
            || b.is_ascii_digit()
            || matches!(b, b'_' | b'-' | b'*' | b'/' | b'@')
    };
    let begins = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let key_is_good = key.bytes().all(in_key) && key.as_bytes().first().is_some_and(begins);
    let in_value = |b: u8| (b' '..=b'~').contains(&b) && b != b'=';
    key_is_good && !value.is_empty() && value.bytes().all(in_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACESTATE, HeaderValue::try_from(*value).unwrap());
        }
        of(&headers).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_good_one_is_passed_on_as_it_is() {
        assert_eq!(
            passed(&["rojo=00f067aa,congo=t61rcW"]).as_deref(),
            Some("rojo=00f067aa,congo=t61rcW")
        );
        assert_eq!(
            passed(&["a=1", "tenant@vendor=2"]).as_deref(),
            Some("a=1,tenant@vendor=2")
        );
        assert_eq!(
            passed(&["a=1, ,b=2"]).as_deref(),
            Some("a=1, ,b=2"),
            "empty members are allowed"
        );
    }

    #[test]
    fn one_that_is_malformed_or_long_is_left_out() {
        let many: Vec<String> = (0..33).map(|n| format!("k{n}=v")).collect();
        let long = format!("a={}", "x".repeat(LONGEST));
        for text in [
            "",
            ",",
            "a",
            "=1",
            "A=1",
            "a=",
            "a=1=2",
            "a=1,b",
            &many.join(","),
            &long,
        ] {
            assert_eq!(passed(&[text]), None, "{text}");
        }
        assert_eq!(passed(&[]), None);
    }
}
