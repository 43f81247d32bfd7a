//! Why an authentication failed: for the log and the metric. The caller learns none of it.

use std::sync::Arc;

use evogate_store::StoreError;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A class of failures: few enough for a metric's label.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// All of them, as logs and metrics say them.
            pub(crate) const NAMES: &[&str] = &[$($text),*];

            /// As logs and metrics say it.
            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

reasons! {
    /// There was none.
    NoCredential = "no_credential",
    /// A header that is there twice, another scheme, spaces within.
    Header = "header",
    /// Too long to be looked at.
    TooLarge = "too_large",
    /// No key of ours.
    UnknownKey = "unknown_key",
    /// No key of an admin's.
    AdminKey = "admin_key",
    /// A token that has not the form of one: segments, base64url, JSON, a name twice.
    Malformed = "malformed",
    /// A header of the token's that we refuse: `crit`, `jku`, another `typ`.
    TokenHeader = "token_header",
    /// `none`, or anything that the issuer does not use, or that is not for this key.
    Algorithm = "algorithm",
    /// No issuer of ours.
    Issuer = "issuer",
    /// Meant for somebody else.
    Audience = "audience",
    /// It has run out.
    Expired = "expired",
    /// It is not valid yet.
    NotYetValid = "not_yet_valid",
    /// A claim is missing that must be there, or has a value that it can't have.
    Claims = "claims",
    /// The issuer has no such key.
    SigningKey = "signing_key",
    /// Signed by somebody else, or changed since.
    Signature = "signature",
    /// It leads to no tenant, or to several.
    NoTenant = "no_tenant",
    /// It leads to a tenant that there is not.
    UnknownTenant = "unknown_tenant",
    /// The address had failed too often, so nothing was looked at.
    Limited = "limited",
}

/// What came of a credential that is not a good one.
#[derive(Debug)]
pub(crate) enum AuthError {
    /// It is bad.
    Failed {
        /// Why.
        reason: Reason,
        /// The issuer that it names, if it is one of ours.
        issuer: Option<Arc<str>>,
    },
    /// Nobody can say: the issuer's keys are not known yet.
    NoKeys {
        /// The issuer.
        issuer: Arc<str>,
    },
    /// Nobody can say: the store is away.
    Store(StoreError),
}

impl From<Reason> for AuthError {
    fn from(reason: Reason) -> Self {
        Self::Failed {
            reason,
            issuer: None,
        }
    }
}

impl From<StoreError> for AuthError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
