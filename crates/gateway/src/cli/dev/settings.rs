//! What `evogate dev` decides by itself: its secrets, made once and kept, and its settings.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use evogate_store::{Random, SystemRandom};
use toml::{Table, Value};

use super::folder::Folder;
use crate::cli::Failure;
use crate::secret::Secret;

/// The keys of one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Secrets {
    /// The gateway's key at the fake EvoLink.
    pub(super) evolink_key: Secret,
    /// Opens the admin routes.
    pub(super) admin_key: Secret,
    /// Authenticates callbacks.
    pub(super) callbacks_secret: Secret,
    /// The demo tenant's key.
    pub(super) demo_key: Secret,
    /// What keys are hashed under.
    pub(super) pepper: Secret,
    /// Encrypts the secrets that sign webhooks.
    pub(super) encryption_key: Secret,
}

/// Where everything listens, once it does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) api: SocketAddr,
    pub(super) ops: SocketAddr,
    pub(super) sim: SocketAddr,
}

impl Secrets {
    /// Those of the folder, made on its first use.
    pub(super) fn of(folder: &Folder) -> Result<Self, Failure> {
        let file = folder.secrets_file();
        let shown = file.display();
        match fs::read_to_string(&file) {
            Ok(text) => {
                let (secrets, whole) = Self::read(&text, &SystemRandom).ok_or_else(|| {
                    Failure::new(format_args!(
                        "{shown}: can't be understood; remove its folder to start anew"
                    ))
                })?;
                if !whole {
                    folder.replace(&file, &secrets.write())?;
                }
                Ok(secrets)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secrets = Self::make(&SystemRandom);
                folder.replace(&file, &secrets.write())?;
                Ok(secrets)
            }
            Err(error) => Err(Failure::new(format_args!("{shown}: {error}"))),
        }
    }

    fn make(random: &dyn Random) -> Self {
        let secret = |prefix: &str| Self::secret(prefix, random);
        Self {
            evolink_key: secret("sk-sim-"),
            admin_key: secret("admin-"),
            callbacks_secret: secret(""),
            demo_key: secret("sk-"),
            pepper: secret(""),
            encryption_key: secret("seal-"),
        }
    }

    fn secret(prefix: &str, random: &dyn Random) -> Secret {
        Secret::new(format!("{prefix}{:032x}", random.bits()))
    }

    /// Those of a file, and whether they were all in it: files of before lack some.
    fn read(text: &str, random: &dyn Random) -> Option<(Self, bool)> {
        let mut values: BTreeMap<String, String> = toml::from_str(text).ok()?;
        let mut take = |name| values.remove(name).map(Secret::new);
        let pepper = take("pepper");
        let encryption_key = take("encryption_key");
        let whole = pepper.is_some() && encryption_key.is_some();
        let secrets = Self {
            evolink_key: take("evolink_key")?,
            admin_key: take("admin_key")?,
            callbacks_secret: take("callbacks_secret")?,
            demo_key: take("demo_key")?,
            pepper: pepper.unwrap_or_else(|| Self::secret("", random)),
            encryption_key: encryption_key.unwrap_or_else(|| Self::secret("seal-", random)),
        };
        Some((secrets, whole))
    }

    fn write(&self) -> String {
        let values = [
            ("evolink_key", &self.evolink_key),
            ("admin_key", &self.admin_key),
            ("callbacks_secret", &self.callbacks_secret),
            ("demo_key", &self.demo_key),
            ("pepper", &self.pepper),
            ("encryption_key", &self.encryption_key),
        ];
        let lines = values.map(|(name, secret)| format!("{name} = '{}'\n", secret.expose()));
        format!(
            "# Made by `evogate dev` for this folder.\n{}",
            lines.concat()
        )
    }
}

/// The settings that make a gateway the development one. What is not in here can be set by the
/// environment as always; what could lead to the real EvoLink is in here.
pub(super) fn pinned(addresses: &Addresses, folder: &Folder, secrets: &Secrets) -> String {
    let text = |text: &str| Value::from(text);
    let list = |items: &[&str]| Value::from(items.to_vec());
    let secret = |secret: &Secret| Value::from(secret.expose());
    let section = |entries: Vec<(&str, Value)>| {
        let entries = entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        Value::Table(entries.collect())
    };
    // EvoLink refuses private hosts in callbacks; the fake one doesn't, but the rules of `public_url` do
    // for anything but this machine. On another address it runs by polling.
    let reachable = local(addresses.api).ip().is_loopback();
    let public_url = if reachable {
        url(addresses.api)
    } else {
        String::new()
    };
    let store = format!("embedded:{}", folder.store_file().display());
    let table = Table::from_iter([
        ("public_url".to_owned(), Value::from(public_url)),
        (
            "listen".to_owned(),
            section(vec![
                ("api", Value::from(addresses.api.to_string())),
                ("callbacks", text("")),
                ("ops", Value::from(addresses.ops.to_string())),
            ]),
        ),
        (
            "callbacks".to_owned(),
            section(vec![("secret", secret(&secrets.callbacks_secret))]),
        ),
        (
            "evolink".to_owned(),
            section(vec![
                (
                    "base_url",
                    Value::from(format!("{}/v1", url(addresses.sim))),
                ),
                ("api_key", secret(&secrets.evolink_key)),
                ("allow_http", Value::from(true)),
                ("honours_idempotency", Value::from(false)),
                ("proxy", text("")),
                ("batch_reads", Value::from(true)),
            ]),
        ),
        (
            "store".to_owned(),
            section(vec![("url", Value::from(store))]),
        ),
        (
            "shutdown".to_owned(),
            // Nobody is in front of it who would have to notice.
            section(vec![("drain_pause", text("0s"))]),
        ),
        (
            "auth".to_owned(),
            section(vec![
                ("pepper", secret(&secrets.pepper)),
                // The keys of folders from before there was one.
                ("old_peppers", list(&[""])),
            ]),
        ),
        (
            "admin".to_owned(),
            section(vec![("bootstrap_key", secret(&secrets.admin_key))]),
        ),
        (
            "webhooks".to_owned(),
            section(vec![
                (
                    "allow_insecure_hosts",
                    list(&["localhost", "*.localhost", "127.0.0.1", "[::1]"]),
                ),
                ("allow_networks", list(&["127.0.0.0/8", "::1/128"])),
                ("encryption_key", secret(&secrets.encryption_key)),
            ]),
        ),
    ]);
    table.to_string()
}

/// How this machine reaches a listener, without a slash at the end.
pub(super) fn url(address: SocketAddr) -> String {
    format!("http://{}", local(address))
}

/// A listener on all addresses is reached by loopback.
fn local(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rstest::rstest;

    use super::*;
    use crate::config::{Config, StoreUrl};

    fn addresses(api: &str) -> Addresses {
        Addresses {
            api: api.parse().unwrap(),
            ops: "127.0.0.1:9090".parse().unwrap(),
            sim: "127.0.0.1:9100".parse().unwrap(),
        }
    }

    #[test]
    fn secrets_are_kept_across_restarts_and_for_their_owner() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path()).unwrap();
        let secrets = Secrets::of(&folder).unwrap();
        assert_eq!(Secrets::of(&folder).unwrap(), secrets);
        let mode = fs::metadata(folder.secrets_file())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn secrets_of_two_folders_differ() {
        let (one, other) = (Secrets::make(&SystemRandom), Secrets::make(&SystemRandom));
        assert_ne!(one.demo_key, other.demo_key);
        assert_ne!(one.evolink_key, one.demo_key);
    }

    #[test]
    fn a_folder_without_a_pepper_gets_one_and_keeps_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path()).unwrap();
        let before = "evolink_key = 'a'\nadmin_key = 'b'\ncallbacks_secret = 'c'\ndemo_key = 'd'\n";
        fs::write(folder.secrets_file(), before).unwrap();
        let secrets = Secrets::of(&folder).unwrap();
        assert_eq!(secrets.demo_key.expose(), "d");
        assert_eq!(Secrets::of(&folder).unwrap(), secrets);
    }

    #[test]
    fn a_damaged_file_is_named_and_not_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path()).unwrap();
        fs::write(folder.secrets_file(), "demo_key = 'x'").unwrap();
        let failure = Secrets::of(&folder).unwrap_err();
        assert!(failure.message.contains("dev.toml"), "{}", failure.message);
        let kept = fs::read_to_string(folder.secrets_file()).unwrap();
        assert_eq!(kept, "demo_key = 'x'");
    }

    #[rstest]
    #[case("127.0.0.1:8080", Some("http://127.0.0.1:8080/"))]
    #[case("0.0.0.0:8080", Some("http://127.0.0.1:8080/"))]
    #[case("[::1]:8080", Some("http://[::1]:8080/"))]
    #[case("192.168.1.5:8080", None)]
    fn the_settings_are_sound_wherever_it_listens(#[case] api: &str, #[case] public: Option<&str>) {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path()).unwrap();
        let secrets = Secrets::of(&folder).unwrap();
        let pinned = pinned(&addresses(api), &folder, &secrets);
        let (config, _) = Config::load_pinned(&pinned, std::iter::empty()).unwrap();
        assert_eq!(config.listen.api, api.parse().unwrap());
        assert_eq!(
            config.callbacks.public_url.as_ref().map(url::Url::as_str),
            public
        );
        assert_eq!(
            config.evolink.base_url.as_str(),
            "http://127.0.0.1:9100/v1/"
        );
        assert_eq!(config.evolink.api_key, secrets.evolink_key);
        assert_eq!(config.admin.bootstrap_key, Some(secrets.admin_key));
        assert_eq!(config.auth.pepper, Some(secrets.pepper));
        assert_eq!(config.store.url, StoreUrl::Embedded(folder.store_file()));
    }

    #[test]
    fn the_environment_cannot_lead_it_to_the_real_evolink() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path()).unwrap();
        let secrets = Secrets::of(&folder).unwrap();
        let pinned = pinned(&addresses("127.0.0.1:8080"), &folder, &secrets);
        let environment = [
            ("EVOGATE__EVOLINK__BASE_URL", "https://api.evolink.ai/v1"),
            ("EVOGATE__EVOLINK__API_KEY", "sk-the-real-one"),
            ("EVOGATE__EVOLINK__PROXY", "http://proxy.example.com"),
            ("EVOGATE__LISTEN__CALLBACKS", "0.0.0.0:8081"),
            ("EVOGATE__READS__REFRESH_AFTER", "1s"),
        ];
        let environment = environment.map(|(name, text)| (name.into(), text.into()));
        let (config, _) = Config::load_pinned(&pinned, environment.into_iter()).unwrap();
        assert_eq!(
            config.evolink.base_url.as_str(),
            "http://127.0.0.1:9100/v1/"
        );
        assert_eq!(config.evolink.api_key, secrets.evolink_key);
        assert_eq!(config.evolink.proxy, None);
        assert_eq!(config.listen.callbacks, None);
        assert_eq!(config.reads.refresh_after.as_secs(), 1);
    }
}
