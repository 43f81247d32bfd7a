//! What a credential may do. A handler names the scope that it needs in its arguments, by a type:
//! `Scoped<Read>`.

use std::fmt;

pub use evogate_store::{Scope, UnknownScope};

const fn bit(scope: Scope) -> u8 {
    match scope {
        Scope::Generate => 1,
        Scope::Read => 2,
        Scope::Webhooks => 4,
        Scope::TenantAdmin => 8,
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Nothing may be done.
    pub const NONE: Self = Self(0);
    /// Everything that a tenant may do.
    pub const ALL: Self = Self::NONE
        .with(Scope::Generate)
        .with(Scope::Read)
        .with(Scope::Webhooks)
        .with(Scope::TenantAdmin);
    /// What a user of the tenant's may do where the token says nothing about it.
    pub const USER: Self = Self::NONE
        .with(Scope::Generate)
        .with(Scope::Read)
        .with(Scope::Webhooks);

    /// These and `scope`.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | bit(scope))
    }

    /// These and `others`.
    #[must_use]
    pub const fn union(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Is `scope` among them?
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & bit(scope) != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        let all = Scope::ALL.into_iter();
        all.filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(Scope::as_str))
            .finish()
    }
}

/// A scope as a type, for a handler's signature.
pub trait Needed: Send + Sync + 'static {
    /// The scope, which a refusal names.
    const SCOPE: Scope;

    /// Are these good for it?
    fn is_met_by(scopes: Scopes) -> bool {
        scopes.contains(Self::SCOPE)
    }
}

macro_rules! needed {
    ($($name:ident),*) => {
        $(
            #[doc = concat!("[`Scope::", stringify!($name), "`] as a type.")]
            #[derive(Debug, Clone, Copy)]
            pub struct $name;

            impl Needed for $name {
                const SCOPE: Scope = Scope::$name;
            }
        )*
    };
}

needed!(Generate, Read, TenantAdmin);

/// [`Scope::Webhooks`] as a type. A tenant's admin manages its webhooks too.
#[derive(Debug, Clone, Copy)]
pub struct Webhooks;

impl Needed for Webhooks {
    const SCOPE: Scope = Scope::Webhooks;

    fn is_met_by(scopes: Scopes) -> bool {
        scopes.contains(Scope::Webhooks) || scopes.contains(Scope::TenantAdmin)
    }
}

/// To see what the tenant used: for who reads its tasks, and for its admin.
#[derive(Debug, Clone, Copy)]
pub struct Usage;

impl Needed for Usage {
    const SCOPE: Scope = Scope::Read;

    fn is_met_by(scopes: Scopes) -> bool {
        scopes.contains(Scope::Read) || scopes.contains(Scope::TenantAdmin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_as_it_is_written() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        for text in ["", "Read", "read ", "admin", "*"] {
            assert_eq!(text.parse::<Scope>(), Err(UnknownScope), "{text:?}");
        }
    }

    #[test]
    fn a_set_has_what_was_put_in_and_nothing_else() {
        let set: Scopes = [Scope::Read, Scope::Webhooks].into_iter().collect();
        assert!(set.contains(Scope::Read) && set.contains(Scope::Webhooks));
        assert!(!set.contains(Scope::Generate) && !set.contains(Scope::TenantAdmin));
        assert_eq!(Scopes::ALL.iter().count(), Scope::ALL.len());
        assert!(!Scopes::USER.contains(Scope::TenantAdmin));
    }
}
