//! The calls that the store takes: how long, and whether it failed.

use std::time::Duration;

use evogate_store::{Observer, StoreError};

use super::names::{STORE_ERRORS, STORE_SECONDS};

/// Counts them.
#[derive(Debug)]
pub struct Calls;

impl Observer for Calls {
    fn called(&self, operation: usize, took: Duration, failure: Option<&StoreError>) {
        STORE_SECONDS.at(operation, |seconds| seconds.record(took.as_secs_f64()));
        if let Some(failure) = failure {
            STORE_ERRORS.one([failure.name()]);
        }
    }
}
