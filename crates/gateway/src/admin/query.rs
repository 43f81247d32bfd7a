//! Queries of lists: pages by number, and pages that go on from where the last one ended.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use evogate_models::TenantId;
use serde::Serialize;
use serde_json::json;

use crate::error::ApiError;
use crate::state::Gateway;

/// Entries on a page where nothing else is asked for.
const PAGE: usize = 50;
/// The most entries on a page by number.
const MOST: usize = 200;
/// The most entries of a list that goes on.
const MOST_ON: usize = 10_000;

fn pairs(parts: &Parts) -> BTreeMap<String, String> {
    let query = parts.uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// `?search=&page=&page_size=`
#[derive(Debug, Clone)]
pub struct Paged {
    /// A part of a name; empty: everything.
    pub search: String,
    page: usize,
    page_size: usize,
}

impl FromRequestParts<Gateway> for Paged {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Gateway) -> Result<Self, ApiError> {
        let query = Cursor(pairs(parts));
        Ok(Self {
            search: query.text("search").unwrap_or_default().to_owned(),
            page: query.bounded("page", 1, 1_000_000)?,
            page_size: query.bounded("page_size", PAGE, MOST)?,
        })
    }
}

impl Paged {
    /// The page of `all` that was asked for.
    pub fn answer<T, S: Serialize>(&self, all: Vec<T>, show: impl Fn(T) -> S) -> Response {
        let total = all.len();
        let skip = self.page.saturating_sub(1).saturating_mul(self.page_size);
        let data: Vec<S> = all
            .into_iter()
            .skip(skip)
            .take(self.page_size)
            .map(show)
            .collect();
        Json(json!({
            "object": "list",
            "total": total,
            "page": self.page,
            "page_size": self.page_size,
            "data": data,
        }))
        .into_response()
    }
}

/// The query of a list that goes on, or of a report: names and values.
#[derive(Debug, Clone)]
pub struct Cursor(BTreeMap<String, String>);

impl FromRequestParts<Gateway> for Cursor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Gateway) -> Result<Self, Infallible> {
        Ok(Self(pairs(parts)))
    }
}

impl Cursor {
    /// A parameter; an empty one counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// How many entries: `limit`.
    pub fn limit(&self) -> Result<usize, ApiError> {
        self.bounded("limit", PAGE, MOST_ON)
    }

    fn bounded(&self, name: &str, otherwise: usize, most: usize) -> Result<usize, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(otherwise);
        };
        let number = text
            .parse()
            .ok()
            .filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| {
            let message = format!("{name} must be an integer between 1 and {most}");
            ApiError::invalid(name, message)
        })
    }

    /// A number. One that is too large to be counted is the largest.
    pub fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let number = |text: &str| {
            if text.bytes().all(|byte| byte.is_ascii_digit()) {
                Ok(text.parse().unwrap_or(u64::MAX))
            } else {
                let message = format!("{name} must be a whole number");
                Err(ApiError::invalid(name, message))
            }
        };
        self.text(name).map(number).transpose()
    }

    /// `true` or `false`.
    pub fn yes_or_no(&self, name: &str) -> Result<Option<bool>, ApiError> {
        let word = |text: &str| {
            let word: Result<bool, _> = text.parse();
            word.map_err(|_| ApiError::invalid(name, format!("{name} must be true or false")))
        };
        self.text(name).map(word).transpose()
    }

    /// The tenant that the list is limited to.
    pub fn tenant(&self) -> Result<Option<TenantId>, ApiError> {
        let tenant = self.text("tenant").map(str::parse).transpose();
        tenant.map_err(|_| ApiError::tenant_not_found())
    }
}
