//! One connection to one server: TCP or a socket, TLS, sign-in, and proof that it answers.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::socket2::{SockRef, TcpKeepalive};
use redis::{AsyncConnectionConfig, Cmd, RedisConnectionInfo, ServerError, Value};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::super::url::{Address, Login};

/// A peer that is gone without a word is noticed within about this time on an idle connection.
/// Where a call waits, its own time-out is sooner.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Probes that stay unanswered before the connection counts as dead.
const PROBES: u32 = 3;
/// How many calls may wait to be written before callers wait for room.
const QUEUE: usize = 1024;

/// How to get a connection that is signed in.
#[derive(Clone)]
pub(super) struct Dial {
    info: RedisConnectionInfo,
    tls: Option<TlsConnector>,
    within: Duration,
    identifies: bool,
}

/// A connection that was made.
pub(super) struct Dialled {
    pub(super) connection: MultiplexedConnection,
    /// What moves its bytes: it ends when the connection does.
    pub(super) driver: Driver,
    /// The server's own id, another one each time that it is started; empty unless asked for.
    pub(super) run: String,
}

pub(super) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Dialled {
    /// Asks on this connection, before anybody else has it.
    pub(super) async fn ask(&mut self, question: &Cmd) -> Result<Value, String> {
        let answer = tokio::select! {
            answer = self.connection.send_packed_command(question) => answer,
            () = &mut self.driver => return Err("closed the connection".to_owned()),
        };
        answer.map_err(text)
    }
}

impl Dial {
    pub(super) fn new(
        login: &Login,
        database: i64,
        tls: Option<Arc<rustls::ClientConfig>>,
        within: Duration,
    ) -> Self {
        let mut info = RedisConnectionInfo::default()
            .set_db(database)
            .set_lib_name("evogate", env!("CARGO_PKG_VERSION"));
        if let Some(user) = &login.user {
            info = info.set_username(user);
        }
        if let Some(password) = &login.password {
            info = info.set_password(password);
        }
        Self {
            info,
            tls: tls.map(TlsConnector::from),
            within,
            identifies: false,
        }
    }

    /// Makes connections that know which server they lead to.
    pub(super) fn identifying(mut self, identifies: bool) -> Self {
        self.identifies = identifies;
        self
    }

    /// A connection to a server; the error says why there is none.
    pub(super) async fn address(&self, address: &Address) -> Result<Dialled, String> {
        let dialled = timeout(self.within, self.try_address(address)).await;
        dialled
            .unwrap_or_else(|_| Err(self.late()))
            .map_err(|why| format!("{address}: {why}"))
    }

    /// A connection to a server's socket.
    pub(super) async fn socket(&self, path: &Path) -> Result<Dialled, String> {
        let dialled = timeout(self.within, async {
            let stream = UnixStream::connect(path).await.map_err(text)?;
            self.sign_in(stream).await
        })
        .await;
        dialled
            .unwrap_or_else(|_| Err(self.late()))
            .map_err(|why| format!("{}: {why}", path.display()))
    }

    fn late(&self) -> String {
        format!("no answer within {} ms", self.within.as_millis())
    }

    async fn try_address(&self, address: &Address) -> Result<Dialled, String> {
        let stream = TcpStream::connect((address.host.as_str(), address.port))
            .await
            .map_err(text)?;
        stream.set_nodelay(true).map_err(text)?;
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE)
            .with_interval(KEEPALIVE / PROBES)
            .with_retries(PROBES);
        let socket = SockRef::from(&stream);
        socket.set_tcp_keepalive(&keepalive).map_err(text)?;
        #[cfg(target_os = "linux")]
        socket
            .set_tcp_user_timeout(Some(KEEPALIVE * 2))
            .map_err(text)?;
        match &self.tls {
            None => self.sign_in(stream).await,
            Some(tls) => {
                let name = ServerName::try_from(address.host.clone()).map_err(text)?;
                let stream = tls.connect(name, stream).await;
                self.sign_in(stream.map_err(|error| format!("TLS: {error}"))?)
                    .await
            }
        }
    }

    async fn sign_in<S>(&self, stream: S) -> Result<Dialled, String>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        // The callers keep their own time.
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE);
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&self.info, stream, config)
                .await
                .map_err(|error| error.to_string())?;
        let mut dialled = Dialled {
            connection,
            driver: Box::pin(driver),
            run: String::new(),
        };
        // A server that is stopped, or loads its data, takes connections all the same.
        match dialled.ask(&redis::cmd("PING")).await? {
            Value::ServerError(error) if error.code() != "NOPERM" => Err(said(&error)),
            _ if self.identifies => {
                dialled.run = run(dialled.ask(redis::cmd("INFO").arg("server")).await?)?;
                Ok(dialled)
            }
            _ => Ok(dialled),
        }
    }
}

/// The id in the answer of `INFO server`.
fn run(answer: Value) -> Result<String, String> {
    let info = match answer {
        Value::BulkString(info) => String::from_utf8_lossy(&info).into_owned(),
        Value::ServerError(error) => {
            return Err(format!("INFO (needed for wait_aof): {}", said(&error)));
        }
        _ => String::new(),
    };
    let mut lines = info.lines();
    let run = lines.find_map(|line| line.strip_prefix("run_id:"));
    run.map(str::to_owned)
        .ok_or_else(|| "INFO names no run_id (needed for wait_aof)".to_owned())
}

/// An error reply as one text.
pub(super) fn said(error: &ServerError) -> String {
    format!("{} {}", error.code(), error.details().unwrap_or_default())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
