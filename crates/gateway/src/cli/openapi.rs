//! `evogate openapi`: the description of every route, as `/openapi.json` serves it.

use std::io::Write as _;

use super::Failure;
use crate::openapi;

/// Prints the document.
pub(super) fn run() -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(openapi::json().as_bytes());
    written.and_then(|()| out.flush()).map_err(Failure::new)
}
