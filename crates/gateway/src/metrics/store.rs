//! The calls that the store takes, as metrics and spans tell of them: how long, and whether it failed.

use evogate_store::{Call, Observer};

use super::names::{STORE_ERRORS, STORE_SECONDS};
use crate::telemetry;

/// Counts them, and tells the trace that they are part of.
#[derive(Debug)]
pub struct Calls;

impl Observer for Calls {
    fn called(&self, call: &Call<'_>) {
        STORE_SECONDS.at(call.operation, |seconds| {
            seconds.record(call.took.as_secs_f64());
        });
        if let Some(failure) = call.failure {
            STORE_ERRORS.one([failure.name()]);
        }
        telemetry::store_call(call);
    }
}
