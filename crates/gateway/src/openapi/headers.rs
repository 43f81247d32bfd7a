//! The headers of answers, each defined once: as a component that responses refer to.

use axum::http::HeaderMap;
use serde_json::Value;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Components, Header, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response};

/// One header: its name, its type, an example, and what it says.
const ALL: &[(&str, Type, &str, &str)] = &[
    (
        "x-request-id",
        Type::String,
        "01a208e2-1328-75ba-af10-66fbda8a14e0",
        "The request's id: yours, if you sent one of 1 to 128 letters, digits, `-`, `_` and `.`",
    ),
    (
        "traceparent",
        Type::String,
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "The trace that the request is part of (W3C Trace Context)",
    ),
    (
        "x-evolink-task-id",
        Type::String,
        "task-unified-1772203771-yf1dxogh",
        "EvoLink's own id of the task, once there is one; quote it to EvoLink's support",
    ),
    (
        "x-results-expire-at",
        Type::String,
        "2026-11-24T15:38:02Z",
        "Until when EvoLink keeps the results of a completed task",
    ),
    (
        "x-credits-held",
        Type::String,
        "17.784",
        "Credits that the task holds",
    ),
    (
        "x-credits-remaining",
        Type::String,
        "482.216",
        "Credits that the tenant may still hold",
    ),
    (
        "idempotency-replayed",
        Type::String,
        "true",
        "The `Idempotency-Key` was known: this is what was done then",
    ),
    (
        "x-ratelimit-limit-requests",
        Type::Integer,
        "5",
        "Submits that may come at once; where the tenant has a rate",
    ),
    (
        "x-ratelimit-remaining-requests",
        Type::Integer,
        "4",
        "Submits that may come now",
    ),
    (
        "x-ratelimit-reset-requests",
        Type::String,
        "10s",
        "Until the whole burst is there again",
    ),
    (
        "retry-after",
        Type::Integer,
        "5",
        "Whole seconds to wait before another try",
    ),
    (
        "www-authenticate",
        Type::String,
        "Bearer",
        "What kind of credential is expected",
    ),
    (
        "cache-control",
        Type::String,
        "no-store",
        "The answer has a secret in it, or may be kept for a while",
    ),
    (
        "accept-ranges",
        Type::String,
        "bytes",
        "As the file's host says it",
    ),
    (
        "content-range",
        Type::String,
        "bytes 0-1023/3145728",
        "Which part of the file this is",
    ),
];

/// Adds the headers to the components.
pub(super) fn describe(components: &mut Components) {
    for (name, kind, example, description) in ALL {
        let example: Value = match kind {
            Type::Integer => serde_json::from_str(example).unwrap_or_default(),
            _ => (*example).into(),
        };
        let schema = ObjectBuilder::new().schema_type(kind.clone());
        let schema = schema.examples([example]);
        let header: Header = HeaderBuilder::new()
            .schema(Some(schema))
            .description(Some(*description))
            .build();
        components
            .headers
            .insert((*name).to_owned(), RefOr::T(header));
    }
}

/// Says that the response has the header.
pub(super) fn add(response: &mut Response, name: &str) {
    debug_assert!(ALL.iter().any(|(known, ..)| *known == name), "{name}");
    let reference = RefOr::Ref(Ref::new(format!("#/components/headers/{name}")));
    response.headers.insert(name.to_owned(), reference);
}

/// Says that the refusal has those of its headers that this page describes.
pub(super) fn of_refusal(response: &mut Response, headers: &HeaderMap) {
    for (name, ..) in ALL {
        if headers.contains_key(*name) {
            add(response, name);
        }
    }
}
