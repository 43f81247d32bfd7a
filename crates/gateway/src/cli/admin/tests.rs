//! What the commands do with a gateway that answers as a test says. What they print of it is tested where it
//! is made.

mod examples;
mod grants;
mod lists;
mod proofs;

use evogate_models::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Session;
use super::access::Access;
use super::api::Api;
use super::screen::Screen;
use crate::secret::Secret;

/// When every test takes place: 2026-11-26T01:00:48Z.
const NOW: Timestamp = Timestamp::from_seconds(1_795_654_848);

/// Somebody without a terminal.
pub(super) fn screen() -> Screen {
    Screen::new(false, None, NOW)
}

/// What people see of an answer.
pub(super) fn people<T: DeserializeOwned>(
    answer: Value,
    show: impl FnOnce(&T, &Screen) -> String,
) -> String {
    show(&serde_json::from_value(answer).unwrap(), &screen())
}

/// The same for answers with amounts that are kept as they are written.
pub(super) fn people_of<T: DeserializeOwned>(
    answer: &str,
    show: impl FnOnce(&T, &Screen) -> String,
) -> String {
    show(&serde_json::from_str(answer).unwrap(), &screen())
}

/// An admin of this gateway.
fn session(url: &str) -> Session {
    let key = Secret::new("admin-of-a-test");
    let access = Access::of(Some(url), Some(&key), std::iter::empty()).unwrap();
    Session {
        api: Api::new(&access).unwrap(),
        screen: screen(),
    }
}
