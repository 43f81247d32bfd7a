//! Where to call and with which key: from the flags, else from the environment.

use reqwest::Url;
use url::Host;

use crate::cli::video::problem::Problem;
use crate::secret::Secret;

/// The variable with the address; `evogate dev` writes it for its own gateway.
const BASE_URL: &str = "EVOLINK_BASE_URL";
/// The variable with the key.
const API_KEY: &str = "EVOLINK_API_KEY";

/// An address and the key for it.
#[derive(Debug)]
pub(in crate::cli::video) struct Access {
    base: Url,
    /// The address as text, without a slash at its end.
    text: String,
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
        let base = parse(text)?;
        let key = api_key.or(known.as_ref()).map(|key| key.expose().trim());
        let key = key.filter(|key| !key.is_empty()).ok_or_else(|| {
            Problem::usage(format_args!("there is no key: set {API_KEY}, or --api-key"))
        })?;
        Ok(Self {
            text: base.as_str().trim_end_matches('/').to_owned(),
            key: Secret::new(key),
            chosen: base_url.is_some_and(|chosen| Some(chosen) != there.as_deref()),
            base,
        })
    }

    /// What the paths are appended to, such as `https://gateway.example/v1`.
    pub(in crate::cli::video) fn base(&self) -> &str {
        &self.text
    }

    /// The same, where a later call has to say it again.
    pub(in crate::cli::video) fn chosen(&self) -> Option<&str> {
        self.chosen.then_some(&self.text)
    }

    /// Host and port, for messages.
    pub(in crate::cli::video) fn host(&self) -> &str {
        self.base.authority()
    }

    pub(in crate::cli::video) fn key(&self) -> &Secret {
        &self.key
    }

    /// Is it this machine?
    pub(in crate::cli::video) fn is_local(&self) -> bool {
        match self.base.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        }
    }
}

/// Reads an address. One without a path gets EvoLink's `/v1`. A wrong one is not repeated in the message: it
/// may have a password in it.
fn parse(text: &str) -> Result<Url, Problem> {
    let wrong = |why: &str| Problem::usage(format_args!("the base URL {why}"));
    let mut url: Url = text
        .trim()
        .parse()
        .map_err(|_| wrong("is no URL; it looks like https://gateway.example/v1"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "must not have a password in it; the key has a place of its own",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must end with its path"));
    }
    if url.path() == "/" {
        url.set_path("/v1");
    }
    Ok(url)
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
        assert_eq!(access.base(), "https://there.example/v1");
        assert_eq!(access.key().expose(), "sk-there");
        assert_eq!(access.chosen(), None);

        let key = Secret::new("sk-here");
        let access = Access::of(Some("http://127.0.0.1:80"), Some(&key), environment()).unwrap();
        assert_eq!(access.base(), "http://127.0.0.1/v1");
        assert_eq!(access.key().expose(), "sk-here");
        assert_eq!(access.chosen(), Some("http://127.0.0.1/v1"));
        assert!(access.is_local());
    }

    #[test]
    fn what_is_missing_or_wrong_is_wrong_usage_and_never_repeated() {
        let key = Secret::new("sk-here");
        for url in [
            "",
            "there",
            "ftp://there",
            "http://u:pw@there",
            "http://there/?pw",
        ] {
            let problem = Access::of(Some(url), Some(&key), std::iter::empty()).unwrap_err();
            let failure = Failure::from(problem);
            assert_eq!(failure.code, 2, "{url}");
            assert!(!failure.message.contains("pw"), "{}", failure.message);
        }
        assert!(Access::of(None, Some(&key), std::iter::empty()).is_err());
        assert!(Access::of(Some("http://there"), None, std::iter::empty()).is_err());
    }
}
