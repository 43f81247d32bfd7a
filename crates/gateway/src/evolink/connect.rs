//! The way to EvoLink: straight or by a proxy, encrypted or (on loopback, in development) not.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use http::header::HeaderValue;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use percent_encoding::percent_decode_str;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tower::Service;
use url::Url;

use super::client::EvoLinkError;
use crate::config;

/// The longest that connecting, TLS included, may take.
const CONNECT: Duration = Duration::from_secs(5);

type Fault = Box<dyn Error + Send + Sync>;

/// What makes connections. Cheap to clone: all clones share what certificates are judged by.
#[derive(Clone)]
pub(super) struct Connector(Way);

#[derive(Clone)]
enum Way {
    Straight(HttpsConnector<HttpConnector>),
    /// The proxy only passes bytes on (`CONNECT`), and sees none of them.
    Tunnel(HttpsConnector<Tunnel<HttpsConnector<HttpConnector>>>),
    /// The proxy is asked in EvoLink's place: for a `base_url` without TLS.
    Forward(HttpsConnector<HttpConnector>, Uri),
}

impl Connector {
    /// The way that the settings say. It connects to nothing yet.
    pub(super) fn new(config: &config::EvoLink) -> Result<Self, EvoLinkError> {
        let encrypted = config.base_url.scheme() == "https";
        let Some(proxy) = &config.proxy else {
            let tls = tls(encrypted)?;
            return Ok(Self(Way::Straight(over(tls, true, tcp()))));
        };
        let proxy = proxy.expose();
        let address = proxy.origin().ascii_serialization();
        let address: Uri = address.parse().map_err(|_| EvoLinkError::Proxy)?;
        let tls = tls(encrypted || proxy.scheme() == "https")?;
        let to_proxy = over(tls.clone(), false, tcp());
        Ok(Self(if encrypted {
            let mut tunnel = Tunnel::new(address, to_proxy);
            if let Some(login) = login(proxy) {
                tunnel = tunnel.with_auth(login);
            }
            Way::Tunnel(over(tls, true, tunnel))
        } else {
            Way::Forward(to_proxy, address)
        }))
    }
}

/// What a request says to the proxy itself; none where there is nothing to say, or it is said when the tunnel is
/// made.
pub(super) fn proxy_login(config: &config::EvoLink) -> Option<HeaderValue> {
    let proxy = config.proxy.as_ref()?.expose();
    if config.base_url.scheme() == "https" {
        return None;
    }
    login(proxy)
}

fn login(proxy: &Url) -> Option<HeaderValue> {
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy();
    let (user, password) = (proxy.username(), proxy.password());
    if user.is_empty() && password.is_none() {
        return None;
    }
    let pair = format!("{}:{}", decoded(user), decoded(password.unwrap_or("")));
    let mut login = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
    login.set_sensitive(true);
    Some(login)
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_mins(1)));
    tcp
}

/// Encrypted where the address says so; with HTTP/2 where that is wanted and the other side has it.
fn over<C>(tls: ClientConfig, http2: bool, connector: C) -> HttpsConnector<C> {
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
    let builder = builder.https_or_http().enable_http1();
    if http2 {
        builder.enable_http2().wrap_connector(connector)
    } else {
        builder.wrap_connector(connector)
    }
}

/// What certificates are judged by: the system's own. Where nothing is ever encrypted, a machine without
/// certificates will do.
fn tls(wanted: bool) -> Result<ClientConfig, EvoLinkError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let setup = |error: rustls::Error| EvoLinkError::Setup(error.to_string());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(setup)?;
    let tls = if wanted {
        tls.with_platform_verifier().map_err(setup)?
    } else {
        tls.with_root_certificates(RootCertStore::empty())
    };
    Ok(tls.with_no_client_auth())
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let way = self.0.clone();
        Box::pin(async move {
            let connecting = async {
                Ok(match way {
                    Way::Straight(mut way) => Stream::of(way.call(to).await?, false),
                    Way::Tunnel(mut way) => Stream::of(way.call(to).await?, false),
                    Way::Forward(mut way, proxy) => Stream::of(way.call(proxy).await?, true),
                })
            };
            let connected = tokio::time::timeout(CONNECT, connecting).await;
            connected.unwrap_or_else(|_| Err("no connection in time".into()))
        })
    }
}

/// A connection to EvoLink, or to the proxy that is asked in its place.
pub(super) struct Stream {
    io: Box<dyn Io>,
    proxied: bool,
}

trait Io: Connection + Read + Write + Send + Unpin {}

impl<T: Connection + Read + Write + Send + Unpin> Io for T {}

impl Stream {
    fn of(io: impl Io + 'static, proxied: bool) -> Self {
        let io = Box::new(io);
        Self { io, proxied }
    }

    fn io(&mut self) -> Pin<&mut dyn Io> {
        Pin::new(&mut *self.io)
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.proxied)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.io().poll_read(context, into)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io().poll_write_vectored(context, pieces)
    }
}
