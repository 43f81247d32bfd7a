//! Where a gateway is.

use reqwest::Url;
use url::Host;

use super::Problem;

/// A gateway's address.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Address {
    url: Url,
    /// The address as text, without a slash at its end.
    text: String,
}

impl Address {
    /// Reads an address. One without a path gets `home` (such as `/v1`). A wrong one is not repeated in the
    /// message, which calls it `what`: it may have a password in it.
    pub(in crate::cli) fn parse(text: &str, what: &str, home: &str) -> Result<Self, Problem> {
        let wrong = |why: &str| Problem::usage(format_args!("{what} {why}"));
        let mut url: Url = text.trim().parse().map_err(|_| {
            let like = format!("https://gateway.example{}", home.trim_end_matches('/'));
            wrong(&format!("is no URL; it looks like {like}"))
        })?;
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
            url.set_path(home);
        }
        Ok(Self {
            text: url.as_str().trim_end_matches('/').to_owned(),
            url,
        })
    }

    /// What the paths are appended to, such as `https://gateway.example/v1`.
    pub(in crate::cli) fn text(&self) -> &str {
        &self.text
    }

    /// Host and port, for messages.
    pub(in crate::cli) fn host(&self) -> &str {
        self.url.authority()
    }

    /// Is it this machine?
    pub(in crate::cli) fn is_local(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Failure;

    #[test]
    fn an_address_without_a_path_gets_its_home() {
        let parse = |text, home| Address::parse(text, "the URL", home).unwrap();
        assert_eq!(
            parse("http://127.0.0.1:80/", "/v1").text(),
            "http://127.0.0.1/v1"
        );
        assert_eq!(
            parse(" http://x:81/base/\n", "/v1").text(),
            "http://x:81/base"
        );
        assert_eq!(parse("https://x", "/").text(), "https://x");
        assert_eq!(parse("https://x:8443", "/").host(), "x:8443");
        for (text, local) in [
            ("http://localhost:1", true),
            ("http://[::1]:1", true),
            ("http://127.9.9.9", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(parse(text, "/").is_local(), local, "{text}");
        }
    }

    #[test]
    fn a_wrong_address_is_wrong_usage_and_never_repeated() {
        for url in [
            "",
            "there",
            "ftp://there",
            "http://u:pw@there",
            "http://there/?pw",
        ] {
            let problem = Address::parse(url, "the URL", "/").unwrap_err();
            let failure = Failure::from(problem);
            assert_eq!(failure.code, 2, "{url}");
            assert!(!failure.message.contains("pw"), "{}", failure.message);
        }
    }
}
