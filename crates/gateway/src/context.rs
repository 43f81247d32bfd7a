//! What is known of a request from its first line on, for logs, errors and calls that follow from it.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use evogate_models::{TaskId, TenantId};

use crate::auth::{Credential, Principal};
use crate::evolink::Trace;
use crate::load::{Load, Room, TenantLoad};

/// The longest request id that is taken from a client.
const MAX_ID: usize = 128;

/// One request. Cheap to clone; handlers fill in what they learn.
#[derive(Debug, Clone)]
pub struct Context(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    request_id: String,
    traceparent: Option<String>,
    tenant: OnceLock<TenantId>,
    credential: OnceLock<Credential>,
    task: OnceLock<TaskId>,
    load: OnceLock<(Arc<Load>, Arc<TenantLoad>)>,
}

impl Context {
    /// Takes the client's `x-request-id` where it is harmless, else makes one; takes `traceparent`.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let given = text("x-request-id").filter(|id| {
            (1..=MAX_ID).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        });
        let request_id = given.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned);
        let traceparent = text("traceparent").filter(|text| is_traceparent(text));
        Self(Arc::new(Inner {
            request_id,
            traceparent: traceparent.map(str::to_owned),
            tenant: OnceLock::new(),
            credential: OnceLock::new(),
            task: OnceLock::new(),
            load: OnceLock::new(),
        }))
    }

    /// The context that the outermost layer made for the request.
    pub fn of_request(request: &Parts) -> Self {
        let known = request.extensions.get::<Self>().cloned();
        known.unwrap_or_else(|| Self::of(&request.headers))
    }

    /// The request's id.
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// What calls to EvoLink carry on.
    pub fn trace(&self) -> Trace {
        Trace {
            request_id: self.0.request_id.clone(),
            traceparent: self.0.traceparent.clone(),
        }
    }

    /// The tenant, once it is authenticated.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.0.tenant.get()
    }

    /// By what the tenant was recognised.
    pub fn credential(&self) -> Option<&Credential> {
        self.0.credential.get()
    }

    /// The task that the request is about.
    pub fn task(&self) -> Option<&TaskId> {
        self.0.task.get()
    }

    /// Room for the request's body, once its tenant is known.
    pub(crate) fn room(&self) -> Room {
        let load = self.0.load.get();
        load.map(|(load, tenant)| Room::of(load, tenant))
            .unwrap_or_default()
    }

    pub(crate) fn set_load(&self, load: &Arc<Load>, tenant: Arc<TenantLoad>) {
        let _ = self.0.load.set((Arc::clone(load), tenant));
    }

    pub(crate) fn set_tenant(&self, tenant: &TenantId) {
        let _ = self.0.tenant.set(tenant.clone());
    }

    pub(crate) fn set_caller(&self, caller: &Principal) {
        self.set_tenant(&caller.tenant);
        let _ = self.0.credential.set(caller.credential.clone());
    }

    pub(crate) fn set_task(&self, task: &TaskId) {
        let _ = self.0.task.set(task.clone());
    }
}

/// Has it the form of W3C Trace Context's `traceparent`, version 00?
fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        parts.next().is_some_and(|part| {
            part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    text.len() == 55 && hex(2) && hex(32) && hex(16) && hex(2)
}

impl<S: Send + Sync> FromRequestParts<S> for Context {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of_request(parts))
    }
}
