//! The client against servers on loopback, each rule by a test that states it.

mod examine;
mod faults;
mod http2;
mod kit;
mod reads;
mod submits;
