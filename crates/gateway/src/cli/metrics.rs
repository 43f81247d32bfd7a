//! `evogate metrics`: the page that describes every metric.

use std::io::Write as _;

use super::Failure;
use crate::metrics;

/// Prints the page.
pub(super) fn run() -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(metrics::page().as_bytes());
    written.and_then(|()| out.flush()).map_err(Failure::new)
}
