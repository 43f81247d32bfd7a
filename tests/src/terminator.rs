//! TLS in front of a server that speaks none: what stands before an API on the internet.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::Certificate;
use crate::spawn;

/// Ends TLS, and passes on what is inside of it. Ends itself when it is dropped, but not its connections.
#[derive(Debug)]
pub struct Terminator {
    address: SocketAddr,
    /// What each handshake that succeeded agreed on, by ALPN: `h2`, `http/1.1`, or nothing.
    spoken: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Terminator {
    /// Starts one with this certificate that leads to nobody yet, and speaks these protocols by ALPN, the
    /// best one first.
    pub async fn start(certificate: &Certificate, protocols: &[&str]) -> Bound {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Bound {
            listener,
            acceptor: certificate.speaking(protocols),
        }
    }

    /// What its clients and it agreed on so far, connection by connection.
    pub fn spoken(&self) -> Vec<String> {
        let spoken = self.spoken.lock().unwrap_or_else(PoisonError::into_inner);
        spoken.clone()
    }

    /// Its address, by a name that the certificate is for.
    pub fn url(&self) -> String {
        url(self.address)
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One that has its address, and does not know yet what it is in front of.
pub struct Bound {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Bound {
    /// Its address, by a name that the certificate is for.
    pub fn url(&self) -> String {
        url(self.listener.local_addr().expect("its address"))
    }

    /// Begins to pass connections on.
    pub fn lead_to(self, target: SocketAddr) -> Terminator {
        let spoken = Arc::<Mutex<Vec<String>>>::default();
        let (heard, listener, acceptor) = (Arc::clone(&spoken), self.listener, self.acceptor);
        Terminator {
            address: listener.local_addr().expect("its address"),
            spoken,
            accepting: spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    let (acceptor, heard) = (acceptor.clone(), Arc::clone(&heard));
                    spawn(async move {
                        let Ok(mut client) = acceptor.accept(client).await else {
                            return;
                        };
                        let agreed = client.get_ref().1.alpn_protocol().unwrap_or_default();
                        let agreed = String::from_utf8_lossy(agreed).into_owned();
                        heard
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(agreed);
                        if let Ok(mut server) = TcpStream::connect(target).await {
                            // Either may end the connection as it likes.
                            let _ = copy_bidirectional(&mut client, &mut server).await;
                        }
                    });
                }
            }),
        }
    }
}

fn url(address: SocketAddr) -> String {
    format!("https://localhost:{}", address.port())
}
