//! The Redis engine.

pub(crate) mod link;
pub(crate) mod url;
