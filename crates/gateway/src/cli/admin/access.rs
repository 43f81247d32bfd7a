//! Which gateway and with which key: from the flags, else from the environment.

use crate::cli::remote::{Address, Problem};
use crate::secret::Secret;

/// The variable with the gateway's address; `evogate dev` writes it.
pub(super) const URL: &str = "EVOGATE_URL";
/// The variable with an admin's key.
pub(super) const ADMIN_KEY: &str = "EVOGATE_ADMIN_KEY";

/// A gateway's address, and an admin's key for it.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) address: Address,
    pub(super) key: Secret,
}

impl Access {
    /// Takes what the flags say, and the rest from the environment.
    pub(super) fn of(
        url: Option<&str>,
        key: Option<&Secret>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Problem> {
        let (mut there, mut known) = (None, None);
        for (name, value) in environment.filter(|(_, value)| !value.trim().is_empty()) {
            match name.as_str() {
                URL => there = Some(value),
                ADMIN_KEY => known = Some(Secret::new(value)),
                _ => {}
            }
        }
        let url = url.or(there.as_deref()).ok_or_else(|| {
            Problem::usage(format_args!(
                "which gateway? Set {URL} or --url, such as http://127.0.0.1:8080"
            ))
            .hint("`evogate dev` writes both variables to .evogate/dev.env.")
        })?;
        // The address that clients are given ends so.
        let url = url.trim().trim_end_matches('/');
        let url = url.strip_suffix("/v1").unwrap_or(url);
        let address = Address::parse(url, "the gateway's URL", "/")?;
        let key = key.or(known.as_ref()).map(|key| key.expose().trim());
        let key = key.filter(|key| !key.is_empty()).ok_or_else(|| {
            Problem::usage(format_args!(
                "there is no admin's key: set {ADMIN_KEY}, or --admin-key"
            ))
        })?;
        Ok(Self {
            address,
            key: Secret::new(key),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Failure;

    fn environment() -> impl Iterator<Item = (String, String)> {
        [
            (URL, "https://there.example/v1/"),
            (ADMIN_KEY, " admin-there\n"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
    }

    #[test]
    fn the_environment_says_it_unless_a_flag_does() {
        let access = Access::of(None, None, environment()).unwrap();
        assert_eq!(access.address.text(), "https://there.example");
        assert_eq!(access.key.expose(), "admin-there");
        let key = Secret::new("admin-here");
        let here = Some("http://127.0.0.1:8080/");
        let access = Access::of(here, Some(&key), environment()).unwrap();
        assert_eq!(access.address.text(), "http://127.0.0.1:8080");
        assert_eq!(access.key.expose(), "admin-here");
    }

    #[test]
    fn what_is_missing_is_named() {
        let nothing = std::iter::empty::<(String, String)>;
        let key = Secret::new("admin-here");
        for (problem, name) in [
            (Access::of(None, Some(&key), nothing()), URL),
            (Access::of(Some("http://there"), None, nothing()), ADMIN_KEY),
        ] {
            let failure = Failure::from(problem.unwrap_err());
            assert_eq!(failure.code, 2);
            assert!(failure.message.contains(name), "{}", failure.message);
        }
    }
}
