//! The link against real servers of every kind.

mod cluster;
mod failures;
mod fence;
mod kinds;
mod kit;
