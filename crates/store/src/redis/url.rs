//! Redis's place, as `store.url` names it: the URL alone decides between one server, Sentinel and Cluster.
//!
//! A URL carries a password, so that neither its debug print nor any reason for refusing one quotes it.

mod parse;

use std::fmt;
use std::path::PathBuf;

/// Where Redis is, and how to sign in there.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    pub(super) place: Place,
    pub(super) encrypted: bool,
    pub(super) login: Login,
    pub(super) sentinel_login: Login,
    pub(super) database: i64,
    pub(super) files: TlsFiles,
}

/// PEM files for TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities to trust, in place of the public ones.
    pub ca: Option<PathBuf>,
    /// The certificate (and its chain) to show to the server.
    pub certificate: Option<PathBuf>,
    /// The certificate's private key.
    pub key: Option<PathBuf>,
}

/// What answers at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Server(Address),
    Socket(PathBuf),
    Sentinel {
        sentinels: Vec<Address>,
        primary: String,
    },
    Cluster(Vec<Address>),
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

/// A user and a password, either of which may be missing.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

/// What is wrong with a Redis URL, as the end of a sentence that begins with the setting's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// An unknown scheme.
    #[error(
        "must begin with redis://, rediss://, redis+unix://, redis+sentinel://, rediss+sentinel://, \
         redis+cluster:// or rediss+cluster://"
    )]
    Scheme,
    /// No `//` after the scheme.
    #[error("must have // after the scheme, as in redis://127.0.0.1:6379")]
    Slashes,
    /// A user without a password.
    #[error(
        "names a user without a password: write USER:PASSWORD@, or :PASSWORD@ for the default user"
    )]
    NoPassword,
    /// A `%` that is not the start of an escape, or an escape that is not text.
    #[error("has a user, password or name that is not percent-encoded text (a % is written %25)")]
    Encoding,
    /// No host.
    #[error("names no host")]
    NoHost,
    /// A host with characters that no host has.
    #[error(
        "names a host that is none (in a password, @ is written %40, / is %2F, ? is %3F, # is %23)"
    )]
    Host,
    /// A port that is none.
    #[error("has a port that is not a number from 1 to 65535")]
    Port,
    /// Several hosts for one server.
    #[error("names several hosts: write redis+sentinel://… or redis+cluster://…")]
    SeveralHosts,
    /// A database that is not a small number.
    #[error("has a database that is not a number, as in redis://127.0.0.1:6379/0")]
    Database,
    /// A database other than 0 for a Cluster.
    #[error("names a database, but Redis Cluster has only one")]
    ClusterDatabase,
    /// A Sentinel URL without the primary's name.
    #[error(
        "lacks the name under which the sentinels know the primary, as in \
         redis+sentinel://host1:26379,host2:26379/mymaster"
    )]
    NoPrimary,
    /// A socket URL without a path.
    #[error("names no socket, as in redis+unix:///run/redis/redis.sock")]
    NoSocket,
    /// An unknown parameter. It isn't named, for it may be the rest of a password with a `?`.
    #[error("has a parameter that is none of {0} (in a password, ? is written %3F)")]
    Parameter(&'static str),
    /// TLS parameters on a URL without TLS.
    #[error("has TLS parameters, but its scheme is without TLS: write rediss instead of redis")]
    NotEncrypted,
    /// A client certificate without its key, or the other way round.
    #[error("needs `cert` and `key` together")]
    HalfCertificate,
    /// A fragment.
    #[error("has a # (in a password, it is written %23)")]
    Fragment,
}

impl RedisUrl {
    /// Whether the connection is by TLS.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether a replica takes over by itself when a primary ends: Sentinel and Cluster.
    pub fn fails_over(&self) -> bool {
        matches!(self.place, Place::Sentinel { .. } | Place::Cluster(_))
    }

    /// Whether a password travels to another machine as it is.
    pub fn bares_password(&self) -> bool {
        let here = |address: &Address| {
            let ip = address.host.parse::<std::net::IpAddr>();
            address.host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
        };
        let local = match &self.place {
            Place::Server(address) => here(address),
            Place::Socket(_) => true,
            Place::Sentinel { sentinels, .. } => sentinels.iter().all(here),
            Place::Cluster(seeds) => seeds.iter().all(here),
        };
        let has = self.login.password.is_some() || self.sentinel_login.password.is_some();
        has && !self.encrypted && !local
    }

    /// The same place, with these files where the URL itself names none.
    #[must_use]
    pub fn with_files(mut self, files: TlsFiles) -> Self {
        let own = self.files;
        let certificate = own.certificate.is_some();
        self.files = TlsFiles {
            ca: own.ca.or(files.ca),
            certificate: own.certificate.or(files.certificate),
            key: if certificate { own.key } else { files.key },
        };
        self
    }
}

impl Address {
    /// An address as a server names another: IPv6 without brackets. No host: `answering` itself.
    pub(super) fn named_by_server(text: &str, answering: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self {
            host: if host.is_empty() { answering } else { host }.to_owned(),
            port: port.parse().ok()?,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.user, &self.password) {
            (None, None) => Ok(()),
            (user, _) => write!(f, "{}:***@", user.as_deref().unwrap_or_default()),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The URL again, without its passwords and its parameters.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.encrypted { "rediss" } else { "redis" };
        let list = |addresses: &[Address]| {
            let texts: Vec<String> = addresses.iter().map(Address::to_string).collect();
            texts.join(",")
        };
        let login = &self.login;
        match &self.place {
            Place::Server(address) => write!(f, "{scheme}://{login}{address}/{}", self.database),
            Place::Socket(path) => write!(f, "{scheme}+unix://{login}{}", path.display()),
            Place::Sentinel { sentinels, primary } => write!(
                f,
                "{scheme}+sentinel://{login}{}/{primary}/{}",
                list(sentinels),
                self.database
            ),
            Place::Cluster(seeds) => write!(f, "{scheme}+cluster://{login}{}", list(seeds)),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

#[cfg(test)]
mod tests;
