//! Webhooks against receivers on loopback, which speak HTTP as badly as real ones do.

mod answers;
mod guarded;
mod kit;
mod work;
