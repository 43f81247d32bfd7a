//! The simulator as its clients see it: started for each test on a free loopback port, asked over HTTP.

#![cfg(test)]

mod billing;
mod binary;
mod callbacks;
mod control;
mod creates;
mod faults;
mod files;
mod idempotency;
mod kit;
mod lives;
mod restarts;
mod rules;
mod tasks;
