//! The one source of randomness: task ids and the dice of rules. Seeded, so that a test can repeat itself.

use std::sync::{Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

#[derive(Debug)]
pub(crate) struct Random(Mutex<StdRng>);

impl Random {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let rng = seed.map_or_else(rand::make_rng, StdRng::seed_from_u64);
        Self(Mutex::new(rng))
    }

    /// So many letters and digits, as in the tail of EvoLink's task ids.
    pub(crate) fn letters(&self, count: usize) -> String {
        let mut rng = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (0..count)
            .filter_map(|_| ALPHABET.get(rng.random_range(0..ALPHABET.len())))
            .map(|&byte| char::from(byte))
            .collect()
    }

    /// True with this probability; values outside 0–1 count as the nearer end.
    pub(crate) fn chance(&self, probability: f64) -> bool {
        let mut rng = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rng.random_bool(probability.clamp(0.0, 1.0))
    }
}
