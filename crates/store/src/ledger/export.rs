//! Gives a store's books out, page by page: it keeps no more of them than a page or two.

use std::collections::BTreeMap;

use evogate_models::TenantId;
use evogate_models::account::Account;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::{Counts, FORMAT, Header, Line, Trailer, VERSION};
use crate::error::StoreError;
use crate::store::Store;

/// How many lines share a page.
pub(crate) const PAGE: usize = 100;

/// Gives out everything. Who does not want more drops the other end of `out`.
pub async fn export(store: &Store, out: &Sender<Vec<Line>>) -> Result<Counts, StoreError> {
    let mut told = Told::new(out);
    let tenants = store.tenants().await?;
    let admins = store.admins().await?;
    let header = Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        at: store.now(),
        engine: store.engine().to_owned(),
        tenants: tenants.len() as u64,
        admins: admins.len() as u64,
    };
    told.page(vec![Line::Header(header)]).await?;
    let ids: Vec<TenantId> = tenants.into_iter().map(|view| view.tenant.id).collect();
    for id in ids {
        let (pages, from) = mpsc::channel(1);
        let (exported, passed) = tokio::join!(store.export_tenant(id, pages), told.pass_on(from));
        passed?;
        exported?;
    }
    for admins in admins.chunks(PAGE) {
        told.page(admins.iter().cloned().map(Line::Admin).collect())
            .await?;
    }
    let counts = told.counts;
    let trailer = Trailer {
        counts,
        accounts: std::mem::take(&mut told.accounts),
    };
    told.page(vec![Line::Trailer(trailer)]).await?;
    Ok(counts)
}

/// What was given out.
struct Told<'a> {
    out: &'a Sender<Vec<Line>>,
    counts: Counts,
    accounts: BTreeMap<TenantId, Account>,
}

impl<'a> Told<'a> {
    fn new(out: &'a Sender<Vec<Line>>) -> Self {
        Self {
            out,
            counts: Counts::default(),
            accounts: BTreeMap::new(),
        }
    }

    async fn pass_on(&mut self, mut from: Receiver<Vec<Line>>) -> Result<(), StoreError> {
        while let Some(page) = from.recv().await {
            self.page(page).await?;
        }
        Ok(())
    }

    async fn page(&mut self, page: Vec<Line>) -> Result<(), StoreError> {
        for line in &page {
            self.counts.count(line);
            if let Line::Account(standing) = line {
                self.accounts
                    .insert(standing.tenant.clone(), standing.account);
            }
        }
        self.out.send(page).await.map_err(|_| nobody())
    }
}

/// Nobody reads any more.
pub(crate) fn nobody() -> StoreError {
    StoreError::Unavailable("nobody reads the export any more".to_owned())
}

/// Lines on their way out, a page at a time.
#[derive(Debug)]
pub(crate) struct Pages {
    out: Sender<Vec<Line>>,
    page: Vec<Line>,
}

impl Pages {
    pub(crate) const fn new(out: Sender<Vec<Line>>) -> Self {
        Self {
            out,
            page: Vec::new(),
        }
    }

    /// Adds a line. For a thread that may wait.
    pub(crate) fn push_blocking(&mut self, line: Line) -> Result<(), StoreError> {
        self.page.push(line);
        if self.page.len() >= PAGE {
            self.flush_blocking()?;
        }
        Ok(())
    }

    /// Sends what is there. For a thread that may wait.
    pub(crate) fn flush_blocking(&mut self) -> Result<(), StoreError> {
        let page = std::mem::take(&mut self.page);
        self.out.blocking_send(page).map_err(|_| nobody())
    }

    /// Adds a line.
    pub(crate) async fn push(&mut self, line: Line) -> Result<(), StoreError> {
        self.page.push(line);
        if self.page.len() >= PAGE {
            self.flush().await?;
        }
        Ok(())
    }

    /// Sends what is there.
    pub(crate) async fn flush(&mut self) -> Result<(), StoreError> {
        let page = std::mem::take(&mut self.page);
        self.out.send(page).await.map_err(|_| nobody())
    }
}
