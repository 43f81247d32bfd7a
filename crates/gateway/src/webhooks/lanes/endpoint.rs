//! What counts as one endpoint.

use std::sync::Arc;

use url::{Position, Url};

/// An endpoint: scheme, host, port and path. The query is left out, since many callback URLs carry what
/// they are about in it.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Its lane.
    pub(super) lane: Arc<str>,
    /// Its host and port.
    pub(super) host: Arc<str>,
}

impl Endpoint {
    /// The endpoint of a URL; what is no URL is an endpoint of its own.
    pub(crate) fn of(text: &str) -> Self {
        let Ok(url) = Url::parse(text) else {
            let (lane, host) = (text.into(), "".into());
            return Self { lane, host };
        };
        Self {
            lane: url[..Position::AfterPath].into(),
            host: url[Position::BeforeHost..Position::AfterPort].into(),
        }
    }
}
