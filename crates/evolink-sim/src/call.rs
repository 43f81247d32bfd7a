//! One request as the rest of the simulator sees it, and its entry in the journal.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::http::request::Parts;
use serde_json::Value;

use crate::app::App;
use crate::fault::Faults;
use crate::journal::{self, BODY_LIMIT};
use crate::request::prompt_of;
use crate::route::{Operation, Route};

/// Request headers that the journal keeps, beside `idempotency-key`.
const KEPT_HEADERS: [&str; 4] = ["traceparent", "x-request-id", "user-agent", "content-type"];

/// One request with its whole body.
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) route: Route,
    pub(crate) operation: Operation,
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    /// The body, where it is JSON; uploads are read by their own routes.
    pub(crate) json: Option<Value>,
}

impl Call {
    pub(crate) fn new(app: Arc<App>, route: Route, parts: Parts, body: Bytes) -> Self {
        let operation = route.operation();
        let is_file = operation == Operation::Files;
        let json = (!is_file && !body.is_empty())
            .then(|| serde_json::from_slice(&body).ok())
            .flatten();
        Self {
            app,
            route,
            operation,
            parts,
            body,
            json,
        }
    }

    pub(crate) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// A query parameter's value. None of the known ones needs decoding.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.parts.uri.query()?.split('&').find_map(|pair| {
            pair.split_once('=')
                .filter(|(key, _)| *key == name)
                .map(|(_, value)| value)
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.parts.headers, name)
    }

    pub(crate) fn idempotency_key(&self) -> Option<&str> {
        self.header("idempotency-key")
    }

    /// A create's own prompt, or that of the task which the request is about.
    pub(crate) fn prompt(&self) -> Option<String> {
        if self.operation == Operation::Create {
            return self.json.as_ref().and_then(prompt_of).map(str::to_owned);
        }
        let world = self.app.world();
        world
            .task(self.route.task_id()?)
            .map(|task| task.prompt.clone())
    }

    /// Two requests with the same fingerprint have the same body, byte by byte.
    pub(crate) fn fingerprint(&self) -> u64 {
        hash(&self.body)
    }

    /// EvoLink's bearer check.
    pub(crate) fn is_authorised(&self) -> bool {
        let key = header(&self.parts.headers, AUTHORIZATION.as_str())
            .and_then(|value| value.strip_prefix("Bearer "))
            .map_or("", str::trim);
        let accepted = &self.app.config.api_keys;
        if accepted.is_empty() {
            key.len() > "sk-".len() && key.starts_with("sk-")
        } else {
            accepted.iter().any(|one| one == key)
        }
    }
}

pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A request's entry in the journal. Dropped without an end, it says that the client was gone.
pub(crate) struct Note {
    app: Arc<App>,
    entry: Option<u64>,
}

impl Note {
    /// Notes the arrival.
    pub(crate) fn of(call: &Call, authorised: bool) -> Self {
        let mut journal = call.app.journal();
        journal.count(call.operation);
        let entry = journal.keeps_entries().then(|| {
            let path = call
                .parts
                .uri
                .path_and_query()
                .map_or("/", |path| path.as_str());
            let method = call.parts.method.as_str();
            let mut entry = journal::arrival(call.app.clock.now(), method, path, call.operation);
            entry.authorization_ok = authorised;
            entry.task_id = call.route.task_id().map(str::to_owned);
            entry.idempotency_key = call.idempotency_key().map(str::to_owned);
            entry.headers = KEPT_HEADERS
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), call.header(name)?.to_owned())))
                .collect();
            if call.operation == Operation::Create {
                entry.prompt = call.json.as_ref().and_then(prompt_of).map(str::to_owned);
            }
            let mut length = 0;
            if call.body.len() <= BODY_LIMIT {
                entry.body.clone_from(&call.json);
                length = call.body.len();
            }
            journal.request(entry, length)
        });
        Self {
            app: Arc::clone(&call.app),
            entry,
        }
    }

    pub(crate) fn faults(&self, faults: &Faults) {
        if let Some(n) = self.entry {
            let names = faults.names();
            self.app.journal().update(n, |entry| entry.fault = names);
        }
    }

    pub(crate) fn task(&self, task_id: Option<&str>) {
        if let (Some(n), Some(id)) = (self.entry, task_id) {
            self.app
                .journal()
                .update(n, |entry| entry.task_id = Some(id.to_owned()));
        }
    }

    /// Ends the entry with the status that was answered, or with none when the connection is cut.
    pub(crate) fn end(mut self, status: Option<u16>) {
        if let Some(n) = self.entry.take() {
            self.app.journal().update(n, |entry| entry.status = status);
        }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        if let Some(n) = self.entry {
            self.app.journal().update(n, |entry| {
                entry.fault = Some(match entry.fault.take() {
                    Some(names) => format!("{names},gone"),
                    None => "gone".to_owned(),
                });
            });
        }
    }
}
