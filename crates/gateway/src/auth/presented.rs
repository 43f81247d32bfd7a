//! The credential that a request's headers present.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};

use super::failure::Reason;

/// The longest credential, in bytes: the largest tokens, with hundreds of groups in them, have half of it.
const LONGEST: usize = 16 * 1024;

/// A hash of a credential, by which it is remembered.
pub(super) type Print = [u8; 32];

/// A credential that may be good.
#[derive(Clone, Copy)]
pub(super) struct Presented<'a> {
    /// The key or token itself.
    pub(super) text: &'a str,
    /// Its hash.
    pub(super) print: Print,
}

impl<'a> Presented<'a> {
    /// What is in `Authorization: Bearer …`, else in `x-api-key`. Of two headers of one name neither
    /// counts, for somebody on the way may have judged the other one.
    pub(super) fn of(headers: &'a HeaderMap) -> Result<Self, Reason> {
        let text = if headers.contains_key(AUTHORIZATION) {
            let value = single(headers, AUTHORIZATION.as_str())?;
            let (scheme, rest) = value.split_once(' ').ok_or(Reason::Header)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(Reason::Header);
            }
            rest.trim_start_matches(' ')
        } else if headers.contains_key("x-api-key") {
            single(headers, "x-api-key")?
        } else {
            return Err(Reason::NoCredential);
        };
        if text.is_empty() {
            return Err(Reason::NoCredential);
        }
        if text.len() > LONGEST {
            return Err(Reason::TooLarge);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Reason::Header);
        }
        let print = Sha256::digest(text).into();
        Ok(Self { text, print })
    }

    /// Has it the form of a token? The keys that are minted here have no dots.
    pub(super) fn is_token(&self) -> bool {
        self.text.contains('.')
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Reason> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Reason::Header),
        _ => Err(Reason::Header),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use rstest::rstest;

    use super::*;

    fn presented(headers: &[(&'static str, &str)]) -> Result<String, Reason> {
        let pairs = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            (HeaderName::from_static(name), value)
        });
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, value);
        }
        Presented::of(&map).map(|found| found.text.to_owned())
    }

    #[rstest]
    #[case(&[("authorization", "Bearer sk-1")])]
    #[case(&[("authorization", "bearer sk-1")])]
    #[case(&[("authorization", "BEARER   sk-1")])]
    #[case(&[("x-api-key", "sk-1")])]
    #[case(&[("authorization", "Bearer sk-1"), ("x-api-key", "sk-2")])]
    fn a_credential_is_found(#[case] headers: &[(&'static str, &str)]) {
        assert_eq!(presented(headers), Ok("sk-1".to_owned()));
    }

    #[rstest]
    #[case::nothing(&[], Reason::NoCredential)]
    #[case::empty(&[("authorization", "Bearer ")], Reason::NoCredential)]
    #[case::empty_key(&[("x-api-key", "")], Reason::NoCredential)]
    #[case::no_scheme(&[("authorization", "sk-1")], Reason::Header)]
    #[case::basic(&[("authorization", "Basic c2stMTo=")], Reason::Header)]
    #[case::tab(&[("authorization", "Bearer\tsk-1")], Reason::Header)]
    #[case::inner_space(&[("authorization", "Bearer sk-1 sk-2")], Reason::Header)]
    #[case::space_after(&[("authorization", "Bearer sk-1 ")], Reason::Header)]
    #[case::foreign(&[("authorization", "Bearer sk-é")], Reason::Header)]
    #[case::twice(&[("authorization", "Bearer sk-1"), ("authorization", "Bearer sk-1")], Reason::Header)]
    #[case::two_keys(&[("x-api-key", "sk-1"), ("x-api-key", "sk-2")], Reason::Header)]
    #[case::bad_beside_good(&[("authorization", "Basic x"), ("x-api-key", "sk-1")], Reason::Header)]
    fn anything_else_is_none(#[case] headers: &[(&'static str, &str)], #[case] reason: Reason) {
        assert_eq!(presented(headers), Err(reason));
    }

    #[test]
    fn a_credential_has_at_most_16_kib() {
        let fits = format!("Bearer {}", "x".repeat(LONGEST));
        assert!(presented(&[("authorization", &fits)]).is_ok());
        let large = presented(&[("authorization", &format!("{fits}x"))]);
        assert_eq!(large, Err(Reason::TooLarge));
    }
}
