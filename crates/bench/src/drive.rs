//! Drives a server with requests that are made beforehand. The driver runs on one thread of its own and does
//! no more than it must, for it shares the machine with what it measures.

mod closed;
mod connection;
mod open;
mod polls;

pub(crate) use closed::{Closed, closed};
pub(crate) use open::open;
pub(crate) use polls::polls;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// What is another number in each request. Without one, requests would be the same to the byte, and a submit that
/// is sent again after its client hung up (as the clients of a round do, at its end) gets the task of the first.
pub(crate) const NUMBER: &str = "0000000000";

/// Where to ask, and what.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// A whole request of HTTP/1.1, body included.
    request: Arc<[u8]>,
    /// Where [`NUMBER`] is in it.
    number: Option<usize>,
}

impl Target {
    /// A GET.
    pub(crate) fn get(address: SocketAddr, path: &str, credential: &str) -> Self {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {credential}\r\nAccept: */*\r\n\r\n"
        );
        Self {
            address,
            request: request.into_bytes().into(),
            number: None,
        }
    }

    /// A POST of JSON, with [`NUMBER`] in it.
    pub(crate) fn post(address: SocketAddr, path: &str, credential: &str, body: &str) -> Self {
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {credential}\r\nAccept: */*\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        Self {
            address,
            number: Some(request.find(NUMBER).expect("a number")),
            request: request.into_bytes().into(),
        }
    }

    /// The next request.
    fn next(&self) -> Cow<'_, [u8]> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let Some(at) = self.number else {
            return Cow::Borrowed(&self.request);
        };
        let number = format!("{:010}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut request = self.request.to_vec();
        request[at..at + number.len()].copy_from_slice(number.as_bytes());
        Cow::Owned(request)
    }
}

/// How long answers took, sorted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        Self(took)
    }

    /// The time within which this part of the answers came, in milliseconds.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of a length is one"
        )]
        let at = (self.0.len() as f64 * part) as usize;
        let at = at.min(self.0.len().saturating_sub(1));
        self.0
            .get(at)
            .map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
    }
}

/// Runs `work` on a thread and a runtime of its own.
fn on_own_thread<T: Send + 'static, F: Future<Output = T>>(
    work: impl FnOnce() -> F + Send + 'static,
) -> T {
    let thread = thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        tokio::task::LocalSet::new().block_on(&runtime, work())
    });
    thread.join().expect("the driver ends well")
}
