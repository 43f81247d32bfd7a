//! A TCP proxy on a loopback address of its own: what is behind it may come and go, and on its way
//! connections are cut, slowed down or left hanging.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::spawn;

/// What the proxy does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// Passes everything on.
    #[default]
    Through,
    /// Nobody listens: connecting is refused.
    Refuse,
    /// Accepts, and closes at once.
    Close,
    /// Accepts, and is silent: nothing is passed on in either direction.
    Silence,
    /// Passes the request on, and closes after so many bytes of the answer.
    CutAnswer(usize),
    /// Passes on every piece of an answer this much later.
    Slow(Duration),
}

/// How long a connection stays open for its client after its server has closed it.
const LINGER: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    /// What is behind it: each connection begins with the next one.
    targets: Mutex<Vec<SocketAddr>>,
    turn: AtomicUsize,
    way: watch::Sender<Way>,
    /// Counts up when all connections are to be cut.
    cut: watch::Sender<u64>,
}

/// See the module. Ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Proxy {
    /// Starts one that has nothing behind it yet: connections are closed.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let shared = Arc::new(Shared {
            address: listener.local_addr().expect("its address"),
            targets: Mutex::default(),
            turn: AtomicUsize::default(),
            way: watch::Sender::default(),
            cut: watch::Sender::default(),
        });
        let proxy = Self {
            shared,
            accepting: Mutex::default(),
        };
        proxy.accept(listener);
        proxy
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Its address, as the beginning of a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// What is behind it from now on.
    pub fn lead_to(&self, target: Option<SocketAddr>) {
        *self.shared.targets() = target.into_iter().collect();
    }

    /// This one is behind it from now on too.
    pub fn lead_also_to(&self, target: SocketAddr) {
        self.shared.targets().push(target);
    }

    /// This one is no longer.
    pub fn lead_no_longer_to(&self, target: SocketAddr) {
        self.shared.targets().retain(|other| *other != target);
    }

    /// Treats connections like this from now on, also those that are open.
    pub async fn go(&self, way: Way) {
        self.shared.way.send_replace(way);
        let running = self
            .accepting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(running) = running else {
            return self.listen_again().await;
        };
        if way == Way::Refuse {
            running.abort();
            let _ = running.await;
            self.cut_all();
        } else {
            self.keep(running);
        }
    }

    /// Cuts every connection that is open now.
    pub fn cut_all(&self) {
        self.shared.cut.send_modify(|count| *count += 1);
    }

    async fn listen_again(&self) {
        if *self.shared.way.borrow() != Way::Refuse {
            let listener = TcpListener::bind(self.shared.address).await;
            self.accept(listener.expect("its port is still free"));
        }
    }

    fn accept(&self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        self.keep(spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                spawn(async move { shared.carry(client).await });
            }
        }));
    }

    fn keep(&self, running: JoinHandle<()>) {
        *self
            .accepting
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(running);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut_all();
        if let Some(running) = self
            .accepting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            running.abort();
        }
    }
}

impl Shared {
    async fn carry(&self, client: TcpStream) {
        let mut cut = self.cut.subscribe();
        cut.borrow_and_update();
        tokio::select! {
            _ = cut.changed() => {}
            () = self.connect(client) => {}
        }
    }

    async fn connect(&self, client: TcpStream) {
        if self.way() == Way::Close {
            return;
        }
        let Some(server) = self.server().await else {
            return;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let asking = async {
            let mut piece = vec![0; 64 * 1024];
            let mut heard = true;
            while let Ok(length @ 1..) = from_client.read(&mut piece).await {
                self.until_it_speaks().await;
                heard = heard && to_server.write_all(&piece[..length]).await.is_ok();
            }
            let _ = to_server.shutdown().await;
        };
        let answering = async {
            let mut piece = vec![0; 64 * 1024];
            let mut passed = 0;
            while let Ok(length @ 1..) = from_server.read(&mut piece).await {
                self.until_it_speaks().await;
                let length = match self.way() {
                    Way::CutAnswer(most) => length.min(most.saturating_sub(passed)),
                    Way::Slow(pause) => {
                        sleep(pause).await;
                        length
                    }
                    _ => length,
                };
                passed += length;
                let written = to_client.write_all(&piece[..length]).await;
                let cut = matches!(self.way(), Way::CutAnswer(most) if passed >= most);
                if cut || written.is_err() {
                    return;
                }
            }
            let _ = to_client.shutdown().await;
            // A client that is still sending would lose the answer if this end were simply dropped.
            sleep(LINGER).await;
        };
        tokio::pin!(asking);
        tokio::select! {
            () = answering => {}
            // The client's end is passed on, and the server decides.
            () = async { (&mut asking).await; std::future::pending().await } => {}
        }
    }

    /// A connection to the next of those behind it that can be reached.
    async fn server(&self) -> Option<TcpStream> {
        let mut targets = self.targets().clone();
        if targets.is_empty() {
            return None;
        }
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % targets.len();
        targets.rotate_left(first);
        for target in targets {
            if let Ok(server) = TcpStream::connect(target).await {
                return Some(server);
            }
        }
        None
    }

    fn targets(&self) -> MutexGuard<'_, Vec<SocketAddr>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn way(&self) -> Way {
        *self.way.borrow()
    }

    async fn until_it_speaks(&self) {
        let mut way = self.way.subscribe();
        let _ = way.wait_for(|way| *way != Way::Silence).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callers::{Anonymous, Caller};
    use crate::receiver::Receiver;
    use crate::wait::until;

    #[tokio::test]
    async fn it_passes_on_refuses_and_comes_back_at_the_same_address() {
        let receiver = Receiver::start().await;
        let proxy = Proxy::start().await;
        proxy.lead_to(Some(receiver.address()));
        let caller = Anonymous::at(proxy.url());
        let get = async || {
            caller
                .try_send(caller.request(http::Method::GET, "/x"))
                .await
        };
        assert_eq!(get().await.unwrap().status, 200);
        proxy.go(Way::Refuse).await;
        // A connection that was kept from before breaks first; after that none can be made.
        until("connections are refused", async || {
            get().await.err().filter(reqwest::Error::is_connect)
        })
        .await;
        proxy.go(Way::Through).await;
        assert_eq!(get().await.unwrap().status, 200);
        proxy.go(Way::CutAnswer(20)).await;
        assert!(get().await.is_err());
        assert_eq!(receiver.deliveries().len(), 3);
    }
}
