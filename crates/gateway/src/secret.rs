//! Keys and secrets in memory: a type that can be used but not shown.
//!
//! A secret must not reach a log line, an error or a debug print by accident, so the only way to its
//! text is [`Secret::expose`], which a reader can search for.

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;

/// A key or a secret. Prints as `***` and is not serialisable; a clone shares the text.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes the text as it is: trimming and length rules belong to whoever reads it in.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it or derives a key from it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is this secret, in a time that depends on nothing but the lengths.
    pub fn matches(&self, candidate: impl AsRef<[u8]>) -> bool {
        self.0.as_bytes().ct_eq(candidate.as_ref()).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.expose())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_stars_in_every_way() {
        let secret = Secret::new("sk-very-secret-indeed");
        assert_eq!(format!("{secret} {secret:?} {secret:#?}"), "*** *** ***");
        assert_eq!(format!("{:?}", Some(&secret)), "Some(***)");
    }

    #[test]
    fn a_secret_matches_its_own_text_and_no_other() {
        let secret = Secret::new("sk-very-secret-indeed");
        assert!(secret.matches("sk-very-secret-indeed"));
        assert!(!secret.matches("sk-very-secret-indeeD"));
        assert!(!secret.matches("sk-very-secret"));
        assert!(!secret.matches(""));
    }

    #[test]
    fn a_clone_is_equal() {
        let secret = Secret::new("sk-very-secret-indeed");
        assert_eq!(secret.clone(), secret);
    }
}
