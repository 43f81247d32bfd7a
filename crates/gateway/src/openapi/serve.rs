//! `GET /openapi.json`, and `GET /docs`: the same for people, by a Swagger UI that is compiled in. The
//! page loads nothing from outside, and its Content-Security-Policy makes sure of it.

use axum::http::HeaderName;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse as _, Response};

use super::refusals;
use crate::error::ApiError;
use crate::path::Segment;

/// Scripts and styles from here only, calls to here only; Swagger UI sets styles on elements and has its
/// pictures in itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The files of the page, with their types. Swagger UI itself comes out of its package at build time.
const FILES: &[(&str, &str, &[u8])] = &[
    (
        "docs.js",
        "text/javascript; charset=utf-8",
        include_bytes!("docs.js"),
    ),
    (
        "swagger-ui-bundle.js",
        "text/javascript; charset=utf-8",
        include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js")),
    ),
    (
        "swagger-ui.css",
        "text/css; charset=utf-8",
        include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css")),
    ),
    (
        "LICENSE",
        "text/plain; charset=utf-8",
        include_bytes!(concat!(env!("OUT_DIR"), "/LICENSE")),
    ),
    (
        "NOTICE",
        "text/plain; charset=utf-8",
        include_bytes!(concat!(env!("OUT_DIR"), "/NOTICE")),
    ),
];

const PAGE: &[u8] = include_bytes!("docs.html");

fn answer(kind: &'static str, cache: &'static str, body: &'static [u8]) -> Response {
    let headers: [(HeaderName, &'static str); 4] = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, cache),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "Docs", responses(
    (status = 200, description = "OpenAPI 3.1", body = Object),
))]
pub async fn json() -> Response {
    answer("application/json", "no-cache", super::json().as_bytes())
}

/// This document, for people.
#[utoipa::path(get, path = "/docs", tag = "Docs", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
))]
pub async fn page() -> Response {
    answer("text/html; charset=utf-8", "no-cache", PAGE)
}

/// A file of the page for people.
#[utoipa::path(get, path = "/docs/{file}", tag = "Docs", responses(
    (status = 200, description = "The file", content(
        (String = "text/javascript"), (String = "text/css"), (String = "text/plain"),
    )),
    refusals::RouteNotFound,
))]
pub async fn file(Segment(name): Segment) -> Result<Response, ApiError> {
    let file = FILES.iter().find(|(known, ..)| *known == name);
    let (_, kind, body) = file.ok_or_else(ApiError::route_not_found)?;
    Ok(answer(kind, "max-age=3600", body))
}
