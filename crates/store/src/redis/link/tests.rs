//! The link against real servers of every kind.

mod cluster;
mod failures;
mod kinds;
mod kit;
