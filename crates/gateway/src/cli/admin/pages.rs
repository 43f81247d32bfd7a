//! Lists that come in pages, gone through to their end.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::unreadable;
use super::api::{Api, Query};
use crate::cli::remote::Problem;

/// The entries of a page, where a list goes on.
const PAGE: usize = 1000;
/// The most entries of a page by number.
const NUMBERED: u64 = 200;

/// An entry to the letter.
pub(super) type Entry = Box<RawValue>;

/// A list put together again.
#[derive(Debug, Default, Serialize)]
pub(super) struct Joined {
    object: &'static str,
    /// How many there are in all, where the gateway says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<u64>,
    pub(super) data: Vec<Entry>,
    /// Where a list goes on that was not gone through to its end; null: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Value>,
}

impl Joined {
    /// Entries out of `total`.
    pub(super) fn of(total: Option<u64>, data: Vec<Entry>) -> Self {
        Self {
            object: "list",
            total,
            data,
            next: None,
        }
    }

    /// What the entries say.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<Vec<T>, Problem> {
        self.data.iter().map(read).collect()
    }
}

/// What an entry says.
pub(super) fn read<T: DeserializeOwned>(entry: &Entry) -> Result<T, Problem> {
    serde_json::from_str(entry.get()).map_err(|error| unreadable(&error))
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Entry>,
    total: Option<u64>,
    next: Option<Value>,
}

/// Every page of a list with numbers.
pub(super) async fn all_numbered(api: &Api, path: &str, query: Query) -> Result<Joined, Problem> {
    let mut data = Vec::new();
    let mut number = 1_u64;
    loop {
        let query = query
            .clone()
            .with("page_size", Some(NUMBERED))
            .with("page", Some(number));
        let page: Page = api.ask(path, &query).await?.read()?;
        let last =
            page.data.is_empty() || page.total.unwrap_or(0) <= number.saturating_mul(NUMBERED);
        data.extend(page.data);
        if last {
            return Ok(Joined::of(page.total, data));
        }
        number = number.saturating_add(1);
    }
}

/// A list that goes on from where its last page ended.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    api: &'a Api,
    path: &'a str,
    query: Query,
    /// The parameter that takes the `next` of the page before.
    cursor: &'static str,
    /// How many entries are still wanted.
    wanted: Option<usize>,
    state: Next,
}

#[derive(Debug)]
enum Next {
    First,
    From(Value),
    Nothing,
}

impl<'a> Pages<'a> {
    /// Begins where `query` says; `wanted` entries in all, or everything.
    pub(super) fn new(
        api: &'a Api,
        path: &'a str,
        query: Query,
        cursor: &'static str,
        wanted: Option<usize>,
    ) -> Self {
        Self {
            api,
            path,
            query,
            cursor,
            wanted,
            state: Next::First,
        }
    }

    /// The next page; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Entry>>, Problem> {
        let size = self.wanted.map_or(PAGE, |wanted| wanted.min(PAGE));
        let mut query = self.query.clone().with("limit", Some(size));
        query = match &self.state {
            _ if size == 0 => return Ok(None),
            Next::Nothing => return Ok(None),
            Next::First => query,
            Next::From(Value::String(place)) => query.with(self.cursor, Some(place)),
            Next::From(place) => query.with(self.cursor, Some(place)),
        };
        let page: Page = self.api.ask(self.path, &query).await?.read()?;
        self.wanted = self
            .wanted
            .map(|wanted| wanted.saturating_sub(page.data.len()));
        self.state = match page.next {
            Some(next) if !next.is_null() => Next::From(next),
            _ => Next::Nothing,
        };
        let ended = page.data.is_empty() && matches!(self.state, Next::Nothing);
        Ok((!ended).then_some(page.data))
    }

    /// Everything that is left, in one list.
    pub(super) async fn joined(mut self) -> Result<Joined, Problem> {
        let mut data = Vec::new();
        while let Some(page) = self.next().await? {
            data.extend(page);
        }
        let next = match self.state {
            Next::From(next) => next,
            Next::First | Next::Nothing => Value::Null,
        };
        Ok(Joined {
            next: Some(next),
            ..Joined::of(None, data)
        })
    }
}
