//! What a piece of work is about: a request, or a task that a worker looks at. Every log line that is written
//! on the way says it, and so do the calls that follow from it.
//!
//! A context goes with the work ([`Context::around`]), also into what is spawned from it
//! ([`crate::background::Background::spawn`]). It costs nothing until a line is written or a call is made.

mod tracestate;

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use evogate_models::task::Task;
use evogate_models::{TaskId, TenantId, TraceParent};
use tokio::task::futures::TaskLocalFuture;
use uuid::Uuid;

use crate::auth::{Credential, Principal};
use crate::load::{Load, Room, TenantLoad};
use crate::telemetry::{self, Kind, Span};

/// The longest request id that is taken from a client.
const MAX_ID: usize = 128;

/// The request's id, from clients and to them, and on to EvoLink.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C Trace Context's header: which trace this is part of.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// W3C Trace Context's header: what tracing systems add of their own.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

tokio::task_local! {
    static CURRENT: Option<Scope>;
}

/// What work is done with: its context, and the innermost span that it is part of.
#[derive(Debug, Clone)]
pub struct Scope {
    context: Context,
    span: TraceParent,
}

/// Work with a scope.
pub type Scoped<F> = TaskLocalFuture<Option<Scope>, F>;

/// A piece of work with what is known of it. Cheap to clone; handlers fill in what they learn.
#[derive(Debug, Clone)]
pub struct Context(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    request_id: Option<String>,
    /// The trace, and the span of ours that all of the work is below.
    trace: TraceParent,
    /// The span that caused it, in somebody else's work.
    cause: Option<u64>,
    trace_state: Option<HeaderValue>,
    /// Does somebody outside know the trace, or was it begun here for want of one?
    given: bool,
    tenant: OnceLock<TenantId>,
    credential: OnceLock<Credential>,
    task: OnceLock<TaskId>,
    load: OnceLock<(Arc<Load>, Arc<TenantLoad>)>,
}

impl Context {
    /// A request's. Its id is the client's `x-request-id` where that is harmless, else a new one. It belongs to
    /// the trace of its `traceparent`; where that is missing or malformed, a new trace begins.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let request_id = text(REQUEST_ID).filter(|id| {
            (1..=MAX_ID).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        });
        let id = Uuid::now_v7();
        let request_id = request_id.map_or_else(|| id.to_string(), str::to_owned);
        let mut traces = headers.get_all(TRACEPARENT).iter();
        let trace = match (traces.next(), traces.next()) {
            (Some(only), None) => only.to_str().ok().and_then(|text| text.parse().ok()),
            _ => None,
        };
        let trace_state = trace.and_then(|_: TraceParent| tracestate::of(headers));
        Self::new(Some(request_id), trace, id, trace_state)
    }

    /// That of work on a task which no request waits for. It belongs to the trace of the request that made the
    /// task, if that was followed.
    pub fn of_task(task: &Task) -> Self {
        Self::of_work(Some(&task.tenant), Some(&task.id), task.trace)
    }

    /// That of other work that nobody waits for.
    pub fn of_work(
        tenant: Option<&TenantId>,
        task: Option<&TaskId>,
        trace: Option<TraceParent>,
    ) -> Self {
        let context = Self::new(None, trace, Uuid::now_v7(), None);
        if let Some(tenant) = tenant {
            context.set_tenant(tenant);
        }
        if let Some(task) = task {
            context.set_task(task);
        }
        context
    }

    fn new(
        request_id: Option<String>,
        trace: Option<TraceParent>,
        id: Uuid,
        trace_state: Option<HeaderValue>,
    ) -> Self {
        let given = trace.is_some();
        Self(Arc::new(Inner {
            request_id,
            trace: trace.map_or_else(|| begin(id), join),
            cause: trace.map(TraceParent::parent),
            trace_state,
            given,
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

    /// That of the work which this is called from.
    pub fn current() -> Option<Self> {
        current().map(|scope| scope.context)
    }

    /// The innermost span that this is called from.
    pub fn current_span() -> Option<TraceParent> {
        current().map(|scope| scope.span)
    }

    /// The work, with this context.
    pub fn around<F: Future>(self, work: F) -> Scoped<F> {
        let scope = Scope {
            span: self.trace(),
            context: self,
        };
        CURRENT.scope(Some(scope), work)
    }

    /// The same, with a span for all of the work.
    pub async fn spanned<T>(self, name: &'static str, work: impl Future<Output = T>) -> T {
        let mut span = Span::of(&self, name, Kind::Internal);
        span.tell(|facts| facts.about(&self));
        self.around(work).await
    }

    /// The request's id; empty for work that no request waits for.
    pub fn request_id(&self) -> &str {
        self.0.request_id.as_deref().unwrap_or_default()
    }

    /// The span that caused it, in somebody else's work.
    pub fn cause(&self) -> Option<u64> {
        self.0.cause
    }

    /// The trace that this is part of, and its span of ours.
    pub fn trace(&self) -> TraceParent {
        self.0.trace
    }

    /// The trace, where somebody follows it: then what comes of this later shall be part of it too.
    pub fn followed_trace(&self) -> Option<TraceParent> {
        let followed = self.0.given || self.0.trace.is_sampled();
        followed.then_some(self.0.trace)
    }

    /// Its trace, as a header.
    pub fn traceparent(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.0.trace.to_string()).ok()
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

impl Scope {
    /// The trace, as headers.
    fn trace_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Ok(trace) = HeaderValue::try_from(self.span.to_string()) {
            headers.insert(TRACEPARENT, trace);
        }
        if let Some(state) = &self.context.0.trace_state {
            headers.insert(TRACESTATE, state.clone());
        }
        headers
    }
}

fn current() -> Option<Scope> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}

/// What calls to EvoLink carry on: the request's id and the trace. Each has a trace, if only one of its own.
pub fn outgoing() -> HeaderMap {
    let scope = current().unwrap_or_else(|| {
        let context = Context::of_work(None, None, None);
        Scope {
            span: context.trace(),
            context,
        }
    });
    let mut headers = scope.trace_headers();
    let id = scope.context.0.request_id.as_deref();
    if let Some(Ok(id)) = id.map(HeaderValue::from_str) {
        headers.insert(REQUEST_ID, id);
    }
    headers
}

/// What webhooks carry on: the trace, where somebody follows it.
pub fn outgoing_trace() -> HeaderMap {
    let followed = current().filter(|scope| scope.context.followed_trace().is_some());
    followed
        .map(|scope| scope.trace_headers())
        .unwrap_or_default()
}

/// The work, with the context of the work that it is begun from, if that has one.
pub fn inherit<F: Future>(work: F) -> Scoped<F> {
    CURRENT.scope(current(), work)
}

/// The same, below this span.
pub(crate) fn below<F: Future>(span: Option<TraceParent>, work: F) -> Scoped<F> {
    let mut scope = current();
    if let (Some(scope), Some(span)) = (&mut scope, span) {
        scope.span = span;
    }
    CURRENT.scope(scope, work)
}

/// A new trace. Its id is a request's new id, and its span's the half of that which is random.
fn begin(id: Uuid) -> TraceParent {
    let (_, random) = id.as_u64_pair();
    TraceParent::begin(id.as_u128(), random, telemetry::samples(id.as_u128()))
}

/// Somebody else's trace. Who sends no spans passes it on as it came, so that nothing is missing between the
/// caller's span and those of who is called.
fn join(given: TraceParent) -> TraceParent {
    if telemetry::is_on() && given.is_sampled() {
        given.at(telemetry::new_id())
    } else {
        given
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Context {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of_request(parts))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn of(headers: &[(&'static str, &'static str)]) -> Context {
        let pairs = headers.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        Context::of(&headers)
    }

    /// What a call to EvoLink from within it would carry.
    fn sent(context: &Context, name: HeaderName) -> Option<String> {
        let headers = context.clone().around(async { outgoing() });
        let headers = headers.now_or_never().unwrap();
        Some(headers.get(name)?.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_request_stays_in_its_trace_and_carries_on_what_it_brought() {
        let context = of(&[
            ("traceparent", PARENT),
            ("tracestate", "vendor=1"),
            ("x-request-id", "mine"),
        ]);
        assert_eq!(sent(&context, TRACEPARENT).as_deref(), Some(PARENT));
        assert_eq!(sent(&context, TRACESTATE).as_deref(), Some("vendor=1"));
        assert_eq!(sent(&context, REQUEST_ID).as_deref(), Some("mine"));
        assert_eq!(context.followed_trace().unwrap().to_string(), PARENT);
    }

    #[test]
    fn what_is_malformed_or_told_twice_begins_a_new_trace_without_a_state() {
        let malformed: [&[(&str, &str)]; 4] = [
            &[("tracestate", "vendor=1")],
            &[("traceparent", "00-1-2-01"), ("tracestate", "vendor=1")],
            &[("traceparent", PARENT), ("traceparent", PARENT)],
            &[("traceparent", "")],
        ];
        for headers in malformed {
            let context = of(headers);
            assert!(!context.trace().is_sampled());
            assert_ne!(context.trace().to_string()[..35], PARENT[..35]);
            assert_eq!(sent(&context, TRACESTATE), None);
            assert_eq!(
                context.followed_trace(),
                None,
                "nothing to keep with the task"
            );
        }
    }

    #[test]
    fn every_request_without_an_id_and_a_trace_gets_its_own() {
        let (one, other) = (of(&[]), of(&[("x-request-id", "not harmless!")]));
        assert_ne!(one.request_id(), other.request_id());
        assert_ne!(one.trace().trace(), other.trace().trace());
        assert_ne!(one.trace().parent(), other.trace().parent());
    }

    #[tokio::test]
    async fn a_context_goes_with_its_work_and_into_what_is_begun_from_it() {
        assert!(Context::current().is_none());
        let context = of(&[("x-request-id", "mine")]);
        let id = || Context::current().map(|context| context.request_id().to_owned());
        let work = async {
            let begun = inherit(async { id() });
            (id(), begun)
        };
        let (inside, begun) = context.around(work).await;
        assert_eq!(inside.as_deref(), Some("mine"));
        assert_eq!(begun.await.as_deref(), Some("mine"));
        assert_eq!(inherit(async { id() }).await, None);
    }
}
