//! Whoever wants to know of each operation of the store and how long it took, told from the work that asked for
//! it. Nobody does unless asked to; then it costs the look at one pointer.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Is told the engine, the operation and how long it took.
pub type Observer = fn(&'static str, &'static str, Duration);

static OBSERVER: OnceLock<Observer> = OnceLock::new();

/// From now on `observer` is told, in this whole process. The first one stays.
pub fn with(observer: Observer) {
    let _ = OBSERVER.set(observer);
}

/// An operation that begins, where somebody wants to know of it.
pub(crate) fn begin() -> Option<(Observer, Instant)> {
    OBSERVER.get().map(|observer| (*observer, Instant::now()))
}

/// The same operation has ended.
pub(crate) fn end(
    begun: Option<(Observer, Instant)>,
    engine: &'static str,
    operation: &'static str,
) {
    if let Some((observer, begun)) = begun {
        observer(engine, operation, begun.elapsed());
    }
}
