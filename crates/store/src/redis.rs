//! The Redis engine.

pub(crate) mod durability;
pub(crate) mod link;
pub(crate) mod url;
