//! The threads that serve clients. Each has a runtime of its own, and a connection stays on one of them: its
//! requests, what they ask of Redis and of EvoLink, and what goes on after a client has left. Nothing is handed
//! from thread to thread, and no thread takes another one's work; both cost more than most requests do.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use evogate_store::lane;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The lanes. Cheap to clone; they end with the last clone.
#[derive(Debug, Clone)]
pub struct Lanes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    handles: Vec<Handle>,
    next: AtomicUsize,
    _end: DropGuard,
}

impl Lanes {
    /// So many; as many as the machine has cores for 0.
    pub fn start(count: u32) -> io::Result<Self> {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let count = match count {
            0 => cores(),
            count => usize::try_from(count).unwrap_or(lane::MOST),
        };
        let count = count.clamp(1, lane::MOST);
        let end = CancellationToken::new();
        let handles = (1..=count).map(|number| begin(number, end.clone()));
        Ok(Self(Arc::new(Inner {
            handles: handles.collect::<io::Result<_>>()?,
            next: AtomicUsize::new(0),
            _end: end.drop_guard(),
        })))
    }

    /// Each lane.
    pub fn handles(&self) -> Vec<Handle> {
        self.0.handles.clone()
    }

    /// The lane of the next connection: they take turns. Work that is spawned on it stays there, with all that
    /// is spawned from it.
    pub fn next(&self) -> Option<&Handle> {
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed);
        let at = turn.checked_rem(self.0.handles.len())?;
        self.0.handles.get(at)
    }
}

fn begin(number: usize, end: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name(format!("lane-{number}"))
        .spawn(move || {
            lane::enter(number);
            runtime.block_on(end.cancelled());
        })?;
    Ok(handle)
}
