//! One server.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use redis::{FromRedisValue, RedisResult};
use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::process::Process;
use crate::wait::until;

/// When the append-only file is written through to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before every answer.
    Always,
    /// Every second.
    EverySecond,
    /// There is no append-only file.
    NoAof,
}

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct Options {
    fsync: Fsync,
    newest: bool,
    port: bool,
    tls: Option<Certificates>,
    client_certificate: bool,
    user: Option<(String, String)>,
    directives: Vec<String>,
}

impl Default for Options {
    /// An append-only file that is written through before every answer; a socket, and no port.
    fn default() -> Self {
        Self {
            fsync: Fsync::Always,
            newest: false,
            port: false,
            tls: None,
            client_certificate: false,
            user: None,
            directives: vec!["maxmemory-policy noeviction".to_owned()],
        }
    }
}

impl Options {
    /// Another fsync policy.
    #[must_use]
    pub fn fsync(mut self, fsync: Fsync) -> Self {
        self.fsync = fsync;
        self
    }

    /// Of the newest version that is there: `EVOGATE_TEST_NEWEST_REDIS_SERVER`, which `tests/run` sets.
    #[must_use]
    pub fn newest(mut self) -> Self {
        self.newest = true;
        self
    }

    /// On a free loopback port, beside the socket.
    #[must_use]
    pub fn on_port(mut self) -> Self {
        self.port = true;
        self
    }

    /// On a free loopback port, by TLS alone.
    #[must_use]
    pub fn tls(mut self, certificates: &Certificates) -> Self {
        self.port = true;
        self.tls = Some(certificates.clone());
        self
    }

    /// By TLS, and only with a client certificate of the same authority.
    #[must_use]
    pub fn mutual_tls(mut self, certificates: &Certificates) -> Self {
        self.client_certificate = true;
        self.tls(certificates)
    }

    /// Only for the default user with this password.
    #[must_use]
    pub fn password(self, password: &str) -> Self {
        let mut options = self.directive(&format!("user default on >{password} ~* &* +@all"));
        options.user = Some((String::new(), password.to_owned()));
        options
    }

    /// Only for this user, with the rules of an ACL (`~{eg:* +@all -@dangerous`).
    #[must_use]
    pub fn user(self, user: &str, password: &str, rules: &str) -> Self {
        let mut options = self
            .directive("user default off")
            .directive("user kit on >kit ~* &* +@all")
            .directive(&format!("user {user} on >{password} {rules}"));
        options.user = Some((user.to_owned(), password.to_owned()));
        options
    }

    /// Another line of its configuration.
    #[must_use]
    pub fn directive(mut self, line: &str) -> Self {
        self.directives.push(line.to_owned());
        self
    }
}

/// A server with a folder of its own.
#[derive(Debug)]
pub struct Server {
    process: Option<Process>,
    options: Options,
    port: Option<u16>,
    folder: TempDir,
}

impl Server {
    /// A server with the default [`Options`].
    pub fn start() -> Self {
        Self::with(Options::default())
    }

    /// A server.
    pub fn with(options: Options) -> Self {
        let mut server = Self {
            process: None,
            port: options.port.then(free_port),
            folder: tempfile::tempdir().expect("a folder"),
            options,
        };
        server.start_again();
        server
    }

    /// Starts it, after [`Server::kill`] or [`Server::stop`], on the data that is there.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let file = self.folder.path().join("redis.conf");
        // What a server noted there itself (a replica, a member of a Cluster) stays.
        if !file.exists() {
            fs::write(&file, self.configuration()).expect("a configuration");
        }
        let process = Process::start(self.folder.path(), self.options.newest, &["redis.conf"]);
        self.process = Some(process);
        until("Redis answers", || {
            let process = self.process.as_mut().expect("a process");
            assert!(!process.has_ended(), "Redis ended:\n{}", process.log());
            let answer: RedisResult<String> = self.try_command(&["PING"]);
            answer.ok()
        });
    }

    fn configuration(&self) -> String {
        let mut lines = vec![
            "save ''".to_owned(),
            "daemonize no".to_owned(),
            "bind 127.0.0.1".to_owned(),
            "enable-debug-command yes".to_owned(),
            format!("unixsocket {}", self.socket().display()),
        ];
        let (aof, fsync) = match self.options.fsync {
            Fsync::Always => ("yes", "always"),
            Fsync::EverySecond => ("yes", "everysec"),
            Fsync::NoAof => ("no", "everysec"),
        };
        lines.push(format!("appendonly {aof}"));
        lines.push(format!("appendfsync {fsync}"));
        let port = self.port.unwrap_or_default();
        match &self.options.tls {
            None => lines.push(format!("port {port}")),
            Some(certificates) => lines.extend([
                "port 0".to_owned(),
                format!("tls-port {port}"),
                format!("tls-ca-cert-file {}", certificates.ca().display()),
                format!("tls-cert-file {}", certificates.server().0.display()),
                format!("tls-key-file {}", certificates.server().1.display()),
                format!(
                    "tls-auth-clients {}",
                    if self.options.client_certificate {
                        "yes"
                    } else {
                        "no"
                    }
                ),
            ]),
        }
        lines.extend(self.options.directives.iter().cloned());
        lines.join("\n") + "\n"
    }

    /// SIGKILL: it ends where it stands.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("a process");
        process.kill();
    }

    /// SIGTERM, and waits until it has ended in order.
    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("a process");
        process.signal("TERM");
        until("Redis ends", || process.has_ended().then_some(()));
    }

    /// SIGSTOP: it takes connections, and answers nothing.
    pub fn pause(&self) {
        self.process().signal("STOP");
    }

    /// SIGCONT: it goes on.
    pub fn resume(&self) {
        self.process().signal("CONT");
    }

    /// Where it is, for `store.url`: its port if it has one, else its socket.
    pub fn url(&self) -> String {
        let login = match &self.options.user {
            None => String::new(),
            Some((user, password)) => format!("{user}:{password}@"),
        };
        match (self.port, &self.options.tls) {
            (None, _) => format!("redis+unix://{login}{}", self.socket().display()),
            (Some(port), None) => format!("redis://{login}127.0.0.1:{port}"),
            (Some(port), Some(_)) => format!("rediss://{login}localhost:{port}"),
        }
    }

    /// Whether it knows a command: servers of other versions may not.
    pub fn knows(&self, command: &str) -> bool {
        let known: Vec<redis::Value> = self.command(&["COMMAND", "INFO", command]);
        known.iter().any(|known| *known != redis::Value::Nil)
    }

    /// Its port, if it has one.
    pub fn port(&self) -> u16 {
        self.port.expect("a server on a port")
    }

    /// Its folder: configuration, data, log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The id of its process.
    pub fn process_id(&self) -> u32 {
        self.process().id()
    }

    /// What it has said.
    pub fn log(&self) -> String {
        self.process().log()
    }

    /// Asks it something, by its socket and with every right.
    #[track_caller]
    pub fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_command(words)
            .unwrap_or_else(|why| panic!("{words:?}: {why}"))
    }

    /// The same; the error is its error reply, or that there is no answer.
    pub fn try_command<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let login = match &self.options.user {
            None => String::new(),
            Some((user, password)) if user.is_empty() => format!("?pass={password}"),
            Some(_) => "?user=kit&pass=kit".to_owned(),
        };
        let url = format!("redis+unix://{}{login}", self.socket().display());
        let mut connection = redis::Client::open(url)?.get_connection()?;
        let (name, arguments) = words.split_first().expect("a command");
        redis::cmd(name).arg(arguments).query(&mut connection)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("a process")
    }
}

/// A loopback port that is free at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
    listener.local_addr().expect("an address").port()
}
