//! The OpenAPI document: what every route takes and answers, made from the code.
//!
//! Routes come from the one list in [`crate::router`], and what each takes and answers from the
//! `#[utoipa::path]` beside its handler: a route whose handler has none does not compile, and what is not
//! in the list is not in the document. Who may call (and so the credentials, and the refusals that every
//! route of that kind has) comes from the list too; path parameters come from the path. So an annotation
//! says the rest only: the method and the path (a test compares them with the list), the tag, the query, the body, the success, and refusals of its own, which it takes
//! from [`refusals`].
//!
//! ```text
//! /// Cancels the task, as far as that can be done now.
//! #[utoipa::path(post, path = "/v1/tasks/{id}/cancel", tag = "Tasks", responses(answers::Task, …))]
//! pub async fn post(…) -> Result<Response, ApiError>
//! ```
//!
//! The annotation of a handler with several routes names the path of one of them.
//!
//! `docs/openapi.json` is a copy, kept so that changes of the interface are seen in review; a test
//! compares them.

pub mod answers;
mod document;
mod events;
mod headers;
mod parameters;
pub mod queries;
pub mod refusals;
pub mod schemas;
pub mod serve;
mod text;

#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use utoipa::openapi::{Paths, RefOr, Schema};

/// What an annotation says of a handler: one path with one operation, and the schemas that it names.
#[derive(Clone)]
pub struct Described {
    /// The schemas, with their names.
    pub schemas: Vec<(String, RefOr<Schema>)>,
    /// The operation.
    pub paths: Paths,
}

/// The document as JSON for people: indented, with a line's end at its end.
pub fn json() -> &'static str {
    static JSON: OnceLock<String> = OnceLock::new();
    JSON.get_or_init(|| {
        let text = document::document().to_pretty_json().unwrap_or_default();
        text + "\n"
    })
}
