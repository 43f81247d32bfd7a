//! A token's form: RFC 7515's compact serialisation, read strictly.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use crate::auth::failure::Reason;
use crate::auth::json;

/// Headers that would have us do what we don't: understand extensions (`crit`, `b64`), decrypt and inflate
/// (`enc`, `zip`), or trust a key that the token brings along (`jku`, `jwk`, `x5u`; RFC 8725 §3.10).
const REFUSED: [&str; 7] = ["crit", "b64", "enc", "zip", "jku", "jwk", "x5u"];
/// What a token may call itself (RFC 7519 §5.1, RFC 9068 §2.1), in any case.
const TYPES: [&str; 4] = ["jwt", "application/jwt", "at+jwt", "application/at+jwt"];

/// A token of the right form. Nothing in it is proven yet.
pub(super) struct Compact<'a> {
    pub(super) header: Header,
    pub(super) claims: Map<String, Value>,
    /// What is signed.
    pub(super) message: &'a str,
    /// The signature, in base64url.
    pub(super) signature: &'a str,
}

/// What counts of a token's header.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    /// The name of a key in the issuer's set: compared, and used for nothing else.
    pub(super) kid: Option<String>,
}

impl<'a> Compact<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, Reason> {
        let mut segments = token.split('.');
        let three = (segments.next(), segments.next(), segments.next());
        let ((Some(header), Some(claims), Some(signature)), None) = (three, segments.next()) else {
            return Err(Reason::Malformed);
        };
        let message = token.len().checked_sub(signature.len().saturating_add(1));
        let message = message.and_then(|length| token.get(..length));
        if decode(signature)?.is_empty() {
            return Err(Reason::Malformed);
        }
        Ok(Self {
            header: Header::parse(&object(header)?)?,
            claims: object(claims)?,
            message: message.ok_or(Reason::Malformed)?,
            signature,
        })
    }
}

impl Header {
    fn parse(header: &Map<String, Value>) -> Result<Self, Reason> {
        if REFUSED.into_iter().any(|name| header.contains_key(name)) {
            return Err(Reason::TokenHeader);
        }
        let known = |typ: &Value| {
            let typ = typ.as_str().map(str::to_ascii_lowercase);
            typ.is_some_and(|typ| TYPES.contains(&typ.as_str()))
        };
        if !header.get("typ").is_none_or(known) {
            return Err(Reason::TokenHeader);
        }
        let algorithm = header.get("alg").and_then(Value::as_str);
        let algorithm = algorithm.and_then(|name| name.parse().ok());
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(Reason::TokenHeader),
        };
        Ok(Self {
            algorithm: algorithm.ok_or(Reason::Algorithm)?,
            kid,
        })
    }
}

fn object(segment: &str) -> Result<Map<String, Value>, Reason> {
    json::object(&decode(segment)?).ok_or(Reason::Malformed)
}

/// Without padding, and with no bits to spare at the end: one token has one text.
fn decode(segment: &str) -> Result<Vec<u8>, Reason> {
    let decoded = URL_SAFE_NO_PAD.decode(segment);
    decoded.map_err(|_| Reason::Malformed)
}
