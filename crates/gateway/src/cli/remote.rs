//! What every command has in common that calls a gateway: where it is, one call, and what went wrong.
//!
//! What must hold: a key is sent to the address that it was given for and nowhere else, and is printed
//! nowhere; another program's words can't move the cursor.

mod address;
mod call;
mod idempotency;
mod problem;
mod refusal;

pub(super) use address::Address;
pub(super) use call::{Calls, build, client, refused};
pub(super) use idempotency::idempotency_key;
pub(super) use problem::Problem;
pub(super) use refusal::{CallError, Refusal, clean};
