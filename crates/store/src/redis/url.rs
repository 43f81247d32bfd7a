//! Redis's place, as `store.url` names it: the URL alone decides between one server, Sentinel and Cluster.
//!
//! A URL carries a password, so that neither its debug print nor any reason for refusing one quotes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

const SERVER_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

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

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        let (scheme, rest) = text.trim().split_once(':').ok_or(RedisUrlError::Scheme)?;
        let kind = Kind::of(scheme).ok_or(RedisUrlError::Scheme)?;
        let rest = match rest.strip_prefix("//") {
            Some(rest) => rest,
            None if kind == Kind::Socket => rest,
            None => return Err(RedisUrlError::Slashes),
        };
        if rest.contains('#') {
            return Err(RedisUrlError::Fragment);
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, rest) = Login::split(rest, kind)?;
        let mut url = Self {
            place: Place::Cluster(Vec::new()),
            encrypted: scheme.starts_with("rediss"),
            login,
            sentinel_login: Login::default(),
            database: 0,
            files: TlsFiles::default(),
        };
        url.place = url.read_place(kind, rest)?;
        url.read_query(kind, query)?;
        Ok(url)
    }
}

impl RedisUrl {
    fn read_place(&mut self, kind: Kind, rest: &str) -> Result<Place, RedisUrlError> {
        if kind == Kind::Socket {
            let path = decoded(rest)?;
            return if path.len() > 1 && path.starts_with('/') {
                Ok(Place::Socket(path.into()))
            } else {
                Err(RedisUrlError::NoSocket)
            };
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = if kind == Kind::Sentinel {
            SENTINEL_PORT
        } else {
            SERVER_PORT
        };
        let addresses = addresses(hosts, port)?;
        let path = path.trim_end_matches('/');
        match kind {
            Kind::Sentinel => {
                let (primary, database) = path.split_once('/').unwrap_or((path, ""));
                let primary = decoded(primary)?;
                if primary.is_empty() {
                    return Err(RedisUrlError::NoPrimary);
                }
                self.database = self::database(database)?;
                Ok(Place::Sentinel {
                    sentinels: addresses,
                    primary,
                })
            }
            Kind::Cluster if self::database(path)? == 0 => Ok(Place::Cluster(addresses)),
            Kind::Cluster => Err(RedisUrlError::ClusterDatabase),
            Kind::Server | Kind::Socket => {
                self.database = self::database(path)?;
                let mut addresses = addresses.into_iter();
                match (addresses.next(), addresses.next()) {
                    (Some(address), None) => Ok(Place::Server(address)),
                    (Some(_), Some(_)) => Err(RedisUrlError::SeveralHosts),
                    (None, _) => Err(RedisUrlError::NoHost),
                }
            }
        }
    }

    fn read_query(&mut self, kind: Kind, query: &str) -> Result<(), RedisUrlError> {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value)?;
            match name {
                "ca" => self.files.ca = Some(value.into()),
                "cert" => self.files.certificate = Some(value.into()),
                "key" => self.files.key = Some(value.into()),
                "db" if kind == Kind::Socket => self.database = database(&value)?,
                "sentinel_user" if kind == Kind::Sentinel => self.sentinel_login.user = Some(value),
                "sentinel_password" if kind == Kind::Sentinel => {
                    self.sentinel_login.password = Some(value);
                }
                _ => return Err(RedisUrlError::Parameter(kind.parameters())),
            }
        }
        if !self.encrypted && self.files != TlsFiles::default() {
            return Err(RedisUrlError::NotEncrypted);
        }
        if self.files.certificate.is_some() != self.files.key.is_some() {
            return Err(RedisUrlError::HalfCertificate);
        }
        if self.sentinel_login.user.is_some() && self.sentinel_login.password.is_none() {
            return Err(RedisUrlError::NoPassword);
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Server,
    Socket,
    Sentinel,
    Cluster,
}

impl Kind {
    fn of(scheme: &str) -> Option<Self> {
        Some(match scheme {
            "redis" | "rediss" => Self::Server,
            "redis+unix" | "unix" => Self::Socket,
            "redis+sentinel" | "rediss+sentinel" => Self::Sentinel,
            "redis+cluster" | "rediss+cluster" => Self::Cluster,
            _ => return None,
        })
    }

    fn parameters(self) -> &'static str {
        match self {
            Self::Server | Self::Cluster => "ca, cert, key",
            Self::Socket => "db",
            Self::Sentinel => "ca, cert, key, sentinel_user, sentinel_password",
        }
    }
}

impl Login {
    /// Takes `user:password@` off the front. What is left of the last `@` is all of it, so that a
    /// password with an unescaped `/` is read as it was meant; a socket's path may have an `@`.
    fn split(rest: &str, kind: Kind) -> Result<(Self, &str), RedisUrlError> {
        let split = if kind == Kind::Socket {
            let slash = rest.find("@/").filter(|_| !rest.starts_with('/'));
            slash.and_then(|at| rest.split_at_checked(at))
        } else {
            rest.rfind('@').and_then(|at| rest.split_at_checked(at))
        };
        let Some((login, rest)) = split else {
            return Ok((Self::default(), rest));
        };
        let rest = rest.trim_start_matches('@');
        let (user, password) = login.split_once(':').ok_or(RedisUrlError::NoPassword)?;
        if password.is_empty() {
            return Err(RedisUrlError::NoPassword);
        }
        let user = decoded(user)?;
        let login = Self {
            user: (!user.is_empty()).then_some(user),
            password: Some(decoded(password)?),
        };
        Ok((login, rest))
    }
}

fn decoded(text: &str) -> Result<String, RedisUrlError> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let hex = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
        if byte == b'%' && !(hex(bytes.next()) && hex(bytes.next())) {
            return Err(RedisUrlError::Encoding);
        }
    }
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| RedisUrlError::Encoding)
}

fn database(text: &str) -> Result<i64, RedisUrlError> {
    if text.is_empty() {
        return Ok(0);
    }
    let number: u16 = text.parse().map_err(|_| RedisUrlError::Database)?;
    Ok(number.into())
}

fn addresses(hosts: &str, port: u16) -> Result<Vec<Address>, RedisUrlError> {
    hosts
        .split(',')
        .map(|text| Address::read(text.trim(), port))
        .collect()
}

impl Address {
    fn read(text: &str, default: u16) -> Result<Self, RedisUrlError> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(RedisUrlError::Host)?;
                let host: std::net::Ipv6Addr = host.parse().map_err(|_| RedisUrlError::Host)?;
                (host.to_string(), port.strip_prefix(':'))
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host.to_owned(), Some(port)),
                None => (text.to_owned(), None),
            },
        };
        if host.is_empty() {
            return Err(RedisUrlError::NoHost);
        }
        let fit = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if !host.chars().all(fit) {
            return Err(RedisUrlError::Host);
        }
        let port = match port {
            None => default,
            Some(port) => port.parse().map_err(|_| RedisUrlError::Port)?,
        };
        if port == 0 {
            return Err(RedisUrlError::Port);
        }
        Ok(Self { host, port })
    }

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
