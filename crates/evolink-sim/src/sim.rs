//! A running simulator, as other programs hold it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::account::Account;
use crate::app::App;
use crate::background::Background;
use crate::config::SimConfig;
use crate::control::{self, Forced};
use crate::journal::{JournalFilter, JournalPage};
use crate::money::Micro;
use crate::rules::Rule;
use crate::server::{self, DRAIN};

/// A fake EvoLink that listens. Dropping it ends it without waiting; `shutdown` waits.
#[derive(Debug)]
pub struct Sim {
    app: Arc<App>,
    addr: SocketAddr,
}

impl Sim {
    /// Starts to listen and to let tasks run.
    pub async fn start(config: SimConfig) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let base_url = config
            .public_url
            .as_ref()
            .map_or_else(|| url_of(addr), |url| url.trim_end_matches('/').to_owned());
        let app = Arc::new(App::new(config, base_url, Background::default())?);
        app.background.spawn(Arc::clone(&app).keep_settled());
        app.background
            .spawn(server::serve(Arc::clone(&app), listener));
        Ok(Self { app, addr })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base of its routes, such as `http://127.0.0.1:9100`; EvoLink's own base URL adds `/v1`.
    pub fn url(&self) -> String {
        url_of(self.addr)
    }

    /// Adds fault rules; answers their numbers.
    pub fn add_rules(&self, rules: Vec<Rule>) -> Vec<u64> {
        control::add_rules(&self.app, rules)
    }

    /// Removes all fault rules.
    pub fn clear_rules(&self) {
        self.app.rules().clear();
    }

    /// What it was asked and what it sent.
    pub fn journal(&self, filter: JournalFilter) -> JournalPage {
        self.app.journal().page(filter)
    }

    /// The account with all its jobs.
    pub fn account(&self) -> Account {
        self.app.settle();
        Account::of(&self.app.world(), self.app.clock.now(), true)
    }

    /// Changes what the account owns.
    pub fn grant(&self, granted: Micro) {
        self.app.world().grant(granted);
    }

    /// Ends a task in a given way. False when there is no such task.
    pub fn force(&self, task_id: &str, forced: Forced) -> bool {
        control::force(&self.app, task_id, forced).is_ok()
    }

    /// Makes a task read as 404 though it is billed. False when there is no such task.
    pub fn forget(&self, task_id: &str) -> bool {
        control::forget(&self.app, task_id)
    }

    /// Puts its clock forward; what is due by then has ended when this returns.
    pub fn advance(&self, by: Duration) {
        // Only a length that is not a number could be refused.
        drop(control::advance(&self.app, by.as_secs_f64()));
    }

    /// Ends it: no new connections, answers in flight are given a moment, hanging requests are cut.
    pub async fn shutdown(self) {
        self.app.background.stop();
        self.app.background.ended(DRAIN + DRAIN / 2).await;
        if let Err(error) = self.app.rewrite_state() {
            tracing::error!(%error, "the state file cannot be rewritten");
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.app.background.stop();
    }
}

/// A listener on all addresses is reached by loopback.
fn url_of(addr: SocketAddr) -> String {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, addr.port()))
}
