//! Whole runs against a fake EvoLink, and against answers made up for one test.

mod downloads;
mod endings;
mod kit;
mod reads;
mod runs;
mod submits;
