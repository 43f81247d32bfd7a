//! What happens under load: restarts, slow clients, far too many requests, and one tenant that wants everything.
//!
//! Each comes in two sizes. The small one runs with all the others, and asserts what must never happen. The full
//! one is a benchmark, `#[ignore]`d, with a printed table; `tests/README.md` has its command.

mod clients;
mod noisy;
mod overload;
mod restarts;
mod slowloris;

/// A number from the environment.
fn set(name: &str, otherwise: usize) -> usize {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
