//! Who watches the store's calls: for metrics and spans, which this crate knows nothing of.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{ImportError, StoreError, SubmitError, TenantError, TurnError};

macro_rules! operations {
    ($($name:ident)*) => {
        /// Every call that a store takes, as an [`Observer`] hears of it: by its place in this list.
        pub const OPERATIONS: &[&str] = &[$(stringify!($name)),*];
    };
}

operations! {
    add_admin add_key admin_by_digest admins all_tasks attempted audit begin_import census change_endpoint
    change_key change_tenant claim_deliveries claim_due create_endpoint create_tenant decide delete_admin
    delete_endpoint delete_key deliveries delivery dump end_import endpoint endpoints export_tenant fold grant
    import_tenant journal key_by_digest keys list_deliveries may_import may_refresh next_due note_audit
    note_refused opening owner ping postpone prospect redeliver refused restore retire retire_events
    rotate_webhook_secret submit sweep_days sweep_queues sweep_refused task tasks tenant tenants test_endpoint
    timeline turn unbound usage users verify verify_tenant
}

/// A call of the store that has ended.
#[derive(Debug)]
pub struct Call<'a> {
    /// The name of the engine that did it.
    pub engine: &'static str,
    /// Its place in [`OPERATIONS`].
    pub operation: usize,
    /// From the call to its answer.
    pub took: Duration,
    /// What failed, which is the store's own, never what the rules refused.
    pub failure: Option<&'a StoreError>,
}

/// Hears of every call.
pub trait Observer: Send + Sync {
    /// This call has ended, in the work that asked for it.
    fn called(&self, call: &Call<'_>);
}

/// The observer of a store, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Watched(pub(crate) Option<Arc<dyn Observer>>);

impl fmt::Debug for Watched {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_some() {
            "watched"
        } else {
            "unwatched"
        })
    }
}

impl Watched {
    /// A call begins.
    pub(crate) fn begin(&self) -> Option<Instant> {
        self.0.is_some().then(Instant::now)
    }

    /// It has ended so.
    pub(crate) fn end<T>(
        &self,
        engine: &'static str,
        operation: usize,
        begun: Option<Instant>,
        answer: &Result<T, impl Failed>,
    ) {
        if let (Some(observer), Some(begun)) = (&self.0, begun) {
            observer.called(&Call {
                engine,
                operation,
                took: begun.elapsed(),
                failure: answer.as_ref().err().and_then(Failed::failure),
            });
        }
    }
}

/// The place of a call in [`OPERATIONS`], known when this is compiled.
#[allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "by who compiles this"
)]
pub(crate) const fn place(name: &str) -> usize {
    let name = name.as_bytes();
    let mut at = 0;
    while at < OPERATIONS.len() {
        let other = OPERATIONS[at].as_bytes();
        let mut same = 0;
        while same < name.len() && same < other.len() && name[same] == other[same] {
            same += 1;
        }
        if same == name.len() && same == other.len() {
            return at;
        }
        at += 1;
    }
    panic!("a call that is not in the list of operations")
}

/// An error that may be the store's own.
pub(crate) trait Failed {
    /// The store's own failure, if it is one.
    fn failure(&self) -> Option<&StoreError>;
}

impl Failed for StoreError {
    fn failure(&self) -> Option<&StoreError> {
        Some(self)
    }
}

macro_rules! failed {
    ($($error:ident),*) => {
        $(impl Failed for $error {
            fn failure(&self) -> Option<&StoreError> {
                match self {
                    Self::Store(error) => Some(error),
                    _ => None,
                }
            }
        })*
    };
}

failed!(SubmitError, TurnError, TenantError, ImportError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_at_its_place() {
        for (at, name) in OPERATIONS.iter().enumerate() {
            assert_eq!(place(name), at, "{name}");
        }
    }
}
