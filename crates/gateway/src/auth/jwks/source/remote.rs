//! A JWK set at an identity provider, at an address that is known or discovered.

use serde::Deserialize;
use url::Url;

use crate::auth::jwks::KeySet;
use crate::auth::jwks::download::Downloads;
use crate::config::is_safe_provider;

/// A provider's JWK set.
#[derive(Debug)]
pub(super) struct Remote {
    downloads: Downloads,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Jwks(Url),
    /// The provider's metadata name the address (`OpenID` Connect Discovery 1.0, RFC 8414).
    Discovery {
        url: Url,
        issuer: String,
    },
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Remote {
    pub(super) fn jwks(url: &Url) -> Result<Self, reqwest::Error> {
        Ok(Self {
            downloads: Downloads::new(url)?,
            place: Place::Jwks(url.clone()),
        })
    }

    /// `issuer` is what the metadata must say of themselves.
    pub(super) fn discovery(url: &Url, issuer: &str) -> Result<Self, reqwest::Error> {
        Ok(Self {
            downloads: Downloads::new(url)?,
            place: Place::Discovery {
                url: url.clone(),
                issuer: issuer.to_owned(),
            },
        })
    }

    /// Asks for the set.
    pub(super) async fn keys(&self) -> Result<KeySet, String> {
        let url = match &self.place {
            Place::Jwks(url) => url.clone(),
            Place::Discovery { url, issuer } => self.discover(url, issuer).await?,
        };
        KeySet::parse(&self.downloads.get(url).await?)
    }

    async fn discover(&self, url: &Url, issuer: &str) -> Result<Url, String> {
        let document = self.downloads.get(url.clone()).await?;
        let metadata: Metadata = serde_json::from_slice(&document)
            .map_err(|_| "the metadata have no `issuer` and `jwks_uri`")?;
        if metadata.issuer != issuer {
            return Err("the metadata are another issuer's".to_owned());
        }
        // A provider elsewhere must not lead us to this machine's own services.
        let is_safe = |jwks: &Url| {
            is_safe_provider(jwks) && (jwks.scheme() == "https" || url.scheme() == "http")
        };
        let jwks = Url::parse(&metadata.jwks_uri).ok().filter(is_safe);
        jwks.ok_or_else(|| "the metadata's `jwks_uri` is no https address".to_owned())
    }
}
