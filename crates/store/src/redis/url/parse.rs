//! Reads a Redis URL.

use std::str::FromStr;

use percent_encoding::percent_decode_str;

use super::{Address, Login, Place, RedisUrl, RedisUrlError, TlsFiles};

const SERVER_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

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
