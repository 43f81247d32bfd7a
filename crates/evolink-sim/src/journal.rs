//! What the simulator was asked and what it sent, in order: so that a test can say "submitted exactly once".

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Millis;
use crate::route::Operation;

/// Bodies beyond this are not kept.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;
/// So many bytes of bodies are kept; with more, the oldest entries go, however few they are.
const BODIES_LIMIT: usize = 256 * 1024 * 1024;

/// One request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestEntry {
    /// Its place in the journal, shared with the callbacks.
    pub n: u64,
    /// When it came, in milliseconds since the Unix epoch on the simulator's clock.
    pub at_ms: u64,
    /// The HTTP method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// What it asked for.
    pub operation: Operation,
    /// The status that was answered; `None` while it is open, and when the connection was cut.
    pub status: Option<u16>,
    /// The names of the faults that applied, with commas; `gone` when the client left before the answer.
    pub fault: Option<String>,
    /// The task that it made or was about.
    pub task_id: Option<String>,
    /// A create's prompt.
    pub prompt: Option<String>,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
    /// Whether the key was accepted. The key itself is never kept.
    pub authorization_ok: bool,
    /// `traceparent`, `x-request-id`, `user-agent` and `content-type`, where present.
    pub headers: BTreeMap<String, String>,
    /// The body, where it is JSON of reasonable size.
    pub body: Option<Value>,
}

/// One attempt to deliver a callback.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallbackEntry {
    /// Its place in the journal, shared with the requests.
    pub n: u64,
    /// When it was answered or failed, in milliseconds since the Unix epoch on the simulator's clock.
    pub at_ms: u64,
    /// The task that it told about.
    pub task_id: String,
    /// Where it went.
    pub url: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The status that the receiver answered.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// A look at the journal.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct JournalPage {
    /// The requests, in order of arrival.
    pub requests: Vec<RequestEntry>,
    /// The callbacks, in order of their answers.
    pub callbacks: Vec<CallbackEntry>,
    /// How many requests there were since the journal was last emptied, also those no longer kept.
    pub counts: BTreeMap<Operation, u64>,
    /// The number of the newest entry: `since` for the next look.
    pub last: u64,
}

/// Which entries a look shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalFilter {
    /// Only this kind; `Callback` means the callbacks.
    pub operation: Option<Operation>,
    /// Only entries after this number.
    pub since: u64,
}

#[derive(Debug)]
pub(crate) struct Journal {
    requests: VecDeque<RequestEntry>,
    /// The length of each request's body, in the same order.
    lengths: VecDeque<usize>,
    bytes: usize,
    callbacks: VecDeque<CallbackEntry>,
    counts: BTreeMap<Operation, u64>,
    last: u64,
    limit: usize,
}

impl Journal {
    /// With a limit of 0 it only counts.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            requests: VecDeque::new(),
            lengths: VecDeque::new(),
            bytes: 0,
            callbacks: VecDeque::new(),
            counts: BTreeMap::new(),
            last: 0,
            limit,
        }
    }

    pub(crate) fn keeps_entries(&self) -> bool {
        self.limit > 0
    }

    pub(crate) fn count(&mut self, operation: Operation) {
        let count = self.counts.entry(operation).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// Notes a request on arrival, with the length of the body that it keeps; the number is what it is finished by.
    pub(crate) fn request(&mut self, mut entry: RequestEntry, length: usize) -> u64 {
        self.last = self.last.saturating_add(1);
        entry.n = self.last;
        self.requests.push_back(entry);
        self.lengths.push_back(length);
        self.bytes = self.bytes.saturating_add(length);
        while self.requests.len() > self.limit || self.bytes > BODIES_LIMIT {
            self.requests.pop_front();
            let length = self.lengths.pop_front().unwrap_or(0);
            self.bytes = self.bytes.saturating_sub(length);
        }
        self.last
    }

    /// Completes what `request` noted.
    pub(crate) fn update(&mut self, n: u64, change: impl FnOnce(&mut RequestEntry)) {
        if let Ok(index) = self.requests.binary_search_by_key(&n, |entry| entry.n)
            && let Some(entry) = self.requests.get_mut(index)
        {
            change(entry);
        }
    }

    pub(crate) fn callback(&mut self, mut entry: CallbackEntry) {
        self.count(Operation::Callback);
        if self.limit == 0 {
            return;
        }
        self.last = self.last.saturating_add(1);
        entry.n = self.last;
        if self.callbacks.len() >= self.limit {
            self.callbacks.pop_front();
        }
        self.callbacks.push_back(entry);
    }

    pub(crate) fn clear(&mut self) {
        self.requests.clear();
        self.lengths.clear();
        self.bytes = 0;
        self.callbacks.clear();
        self.counts.clear();
    }

    pub(crate) fn page(&self, filter: JournalFilter) -> JournalPage {
        let wanted = |operation| filter.operation.is_none_or(|only| only == operation);
        JournalPage {
            requests: self
                .requests
                .iter()
                .filter(|entry| entry.n > filter.since && wanted(entry.operation))
                .cloned()
                .collect(),
            callbacks: self
                .callbacks
                .iter()
                .filter(|entry| entry.n > filter.since && wanted(Operation::Callback))
                .cloned()
                .collect(),
            counts: self.counts.clone(),
            last: self.last,
        }
    }
}

/// An entry as it stands when a request arrives.
pub(crate) fn arrival(at: Millis, method: &str, path: &str, operation: Operation) -> RequestEntry {
    RequestEntry {
        n: 0,
        at_ms: at,
        method: method.to_owned(),
        path: path.to_owned(),
        operation,
        status: None,
        fault: None,
        task_id: None,
        prompt: None,
        idempotency_key: None,
        authorization_ok: false,
        headers: BTreeMap::new(),
        body: None,
    }
}
