//! Where to call and with which key: from the flags, else from the environment.

use crate::cli::remote::{Address, Problem};
use crate::secret::Secret;

/// The variable with the address; `evogate dev` writes it for its own gateway.
const BASE_URL: &str = "EVOLINK_BASE_URL";
/// The variable with the key.
const API_KEY: &str = "EVOLINK_API_KEY";

/// An address and the key for it.
#[derive(Debug)]
pub(in crate::cli::video) struct Access {
    address: Address,
    key: Secret,
    /// Is the address another than the environment's?
    chosen: bool,
}

impl Access {
    /// Takes what the flags say, and the rest from the environment.
    pub(in crate::cli::video) fn of(
        base_url: Option<&str>,
        api_key: Option<&Secret>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Problem> {
        let mut variables = (None, None);
        for (name, value) in environment.filter(|(_, value)| !value.trim().is_empty()) {
            match name.as_str() {
                BASE_URL => variables.0 = Some(value),
                API_KEY => variables.1 = Some(Secret::new(value)),
                _ => {}
            }
        }
        let (there, known) = variables;
        let text = base_url.or(there.as_deref()).ok_or_else(|| {
            Problem::usage(format_args!(
                "where to? Set {BASE_URL} or --base-url to a gateway, such as http://127.0.0.1:8080/v1"
            ))
        })?;
        let address = Address::parse(text, "the base URL", "/v1")?;
        let key = api_key.or(known.as_ref()).map(|key| key.expose().trim());
        let key = key.filter(|key| !key.is_empty()).ok_or_else(|| {
            Problem::usage(format_args!("there is no key: set {API_KEY}, or --api-key"))
        })?;
        Ok(Self {
            key: Secret::new(key),
            chosen: base_url.is_some_and(|chosen| Some(chosen) != there.as_deref()),
            address,
        })
    }

    /// What the paths are appended to, such as `https://gateway.example/v1`.
    pub(in crate::cli::video) fn address(&self) -> &Address {
        &self.address
    }

    /// The same, where a later call has to say it again.
    pub(in crate::cli::video) fn chosen(&self) -> Option<&str> {
        self.chosen.then_some(self.address.text())
    }

    pub(in crate::cli::video) fn key(&self) -> &Secret {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Failure;

    fn environment() -> impl Iterator<Item = (String, String)> {
        [
            (BASE_URL, "https://there.example/v1/"),
            (API_KEY, " sk-there\n"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
    }

    #[test]
    fn the_environment_says_it_unless_a_flag_does() {
        let access = Access::of(None, None, environment()).unwrap();
        assert_eq!(access.address().text(), "https://there.example/v1");
        assert_eq!(access.key().expose(), "sk-there");
        assert_eq!(access.chosen(), None);

        let key = Secret::new("sk-here");
        let access = Access::of(Some("http://127.0.0.1:80"), Some(&key), environment()).unwrap();
        assert_eq!(access.address().text(), "http://127.0.0.1/v1");
        assert_eq!(access.key().expose(), "sk-here");
        assert_eq!(access.chosen(), Some("http://127.0.0.1/v1"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_wrong_usage_and_never_repeated() {
        let key = Secret::new("sk-here");
        let url = Some("http://there/?pw");
        let problem = Access::of(url, Some(&key), std::iter::empty()).unwrap_err();
        let failure = Failure::from(problem);
        assert_eq!(failure.code, 2);
        assert!(!failure.message.contains("pw"), "{}", failure.message);
        assert!(Access::of(None, Some(&key), std::iter::empty()).is_err());
        assert!(Access::of(Some("http://there"), None, std::iter::empty()).is_err());
    }
}
