//! One span: made for a piece of work, told about it, and sent when it is dropped.

use std::borrow::Cow;
use std::future::Future;
use std::time::SystemTime;

use evogate_models::TraceParent;
use evogate_store::{Call, OPERATIONS};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use uuid::Uuid;

use super::{SINK, Sink};
use crate::context::{self, Context, Scoped};

/// On which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Work that is called for from outside.
    Server,
    /// A call to somebody else.
    Client,
    /// Work of our own.
    Internal,
}

/// A span under way; nothing where spans are not sent, or this trace is not recorded.
#[derive(Debug)]
pub struct Span(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    sink: &'static Sink,
    name: Cow<'static, str>,
    kind: Kind,
    own: TraceParent,
    /// The span that caused it; zero for none.
    parent: u64,
    parent_is_remote: bool,
    began: SystemTime,
    attributes: Vec<KeyValue>,
    failed: bool,
}

impl Span {
    /// The span that a context stands for: all that the work begins is below it.
    pub fn of(context: &Context, name: &'static str, kind: Kind) -> Self {
        let cause = context.cause();
        Self::open(name, kind, context.trace(), cause, cause.is_some())
    }

    /// A span below the one that this is called from; nothing where there is none.
    pub fn below(name: &'static str, kind: Kind) -> Self {
        if SINK.get().is_none() {
            return Self(None);
        }
        match Context::current_span() {
            Some(above) => Self::open(name, kind, above.at(new_id()), Some(above.parent()), false),
            None => Self(None),
        }
    }

    fn open(
        name: &'static str,
        kind: Kind,
        own: TraceParent,
        parent: Option<u64>,
        parent_is_remote: bool,
    ) -> Self {
        let sink = SINK.get().filter(|_| own.is_sampled());
        Self(sink.map(|sink| {
            Box::new(Open {
                sink,
                name: name.into(),
                kind,
                own,
                parent: parent.unwrap_or_default(),
                parent_is_remote,
                began: sink.now(),
                attributes: Vec::new(),
                failed: false,
            })
        }))
    }

    /// The work, below this span.
    pub fn around<F: Future>(&self, work: F) -> Scoped<F> {
        context::below(self.0.as_ref().map(|open| open.own), work)
    }

    /// Tells the span about its work: what `tell` does is done only where there is a span.
    pub fn tell(&mut self, tell: impl FnOnce(&mut Facts<'_>)) {
        if let Some(open) = &mut self.0 {
            tell(&mut Facts(open));
        }
    }
}

/// What a span is told.
#[derive(Debug)]
pub struct Facts<'a>(&'a mut Open);

impl Facts<'_> {
    /// Its name, where that was not known at first.
    pub fn name(&mut self, name: String) {
        self.0.name = name.into();
    }

    /// An attribute: a name from a short list, an id or a number. Never a text of somebody's.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        self.0.attributes.push(KeyValue::new(key, value));
    }

    /// The work did not go well.
    pub fn fail(&mut self) {
        self.0.failed = true;
    }

    /// What the work is about.
    pub fn about(&mut self, context: &Context) {
        let request = Some(context.request_id()).filter(|id| !id.is_empty());
        let about = [
            ("evogate.request_id", request.map(str::to_owned)),
            ("evogate.tenant", context.tenant().map(ToString::to_string)),
            ("evogate.task", context.task().map(ToString::to_string)),
        ];
        for (key, value) in about {
            if let Some(value) = value {
                self.set(key, value);
            }
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            let sink = open.sink;
            sink.take(open.data(sink.now()));
        }
    }
}

impl Open {
    fn data(self, end: SystemTime) -> SpanData {
        let span_id = |id: u64| SpanId::from_bytes(id.to_be_bytes());
        SpanData {
            span_context: SpanContext::new(
                TraceId::from_bytes(self.own.trace().to_be_bytes()),
                span_id(self.own.parent()),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: span_id(self.parent),
            parent_span_is_remote: self.parent_is_remote,
            span_kind: match self.kind {
                Kind::Server => SpanKind::Server,
                Kind::Client => SpanKind::Client,
                Kind::Internal => SpanKind::Internal,
            },
            name: self.name,
            start_time: self.began,
            end_time: end,
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if self.failed {
                Status::error("")
            } else {
                Status::Unset
            },
            instrumentation_scope: self.sink.scope.clone(),
        }
    }
}

/// A new span's id: random, and never zero.
pub(crate) fn new_id() -> u64 {
    let (_, id) = Uuid::now_v7().as_u64_pair();
    id
}

/// The store was called within a piece of work: a span without anything below it.
pub(crate) fn store_call(call: &Call<'_>) {
    let mut span = Span::below("store", Kind::Client);
    if let Some(open) = &mut span.0 {
        let operation = OPERATIONS.get(call.operation).copied().unwrap_or_default();
        open.began = open.sink.now().checked_sub(call.took).unwrap_or(open.began);
        open.name = format!("store {operation}").into();
        open.failed = call.failure.is_some();
        open.attributes
            .push(KeyValue::new("db.system.name", call.engine));
        open.attributes
            .push(KeyValue::new("db.operation.name", operation));
    }
}
