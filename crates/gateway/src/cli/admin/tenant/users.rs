//! The users that were seen in a tenant's submits.

use serde::Deserialize;

use crate::cli::admin::screen::Screen;
use crate::cli::admin::table::{Set, Table};
use crate::cli::admin::times::{distance, stamp};

/// A tenant's users.
#[derive(Debug, Deserialize)]
pub(super) struct Users {
    data: Vec<User>,
}

/// Somebody whom a submit was for.
#[derive(Debug, Deserialize)]
struct User {
    #[serde(rename = "user")]
    name: String,
    first_seen: i64,
    last_seen: i64,
    submitted: u64,
}

/// Who they are.
pub(super) fn table(users: &Users, screen: &Screen) -> String {
    let mut table = Table::new(&[
        ("user", Set::Text),
        ("submitted", Set::Right),
        ("first seen", Set::Firm),
        ("last seen", Set::Firm),
    ]);
    for user in &users.data {
        table.row([
            user.name.clone(),
            user.submitted.to_string(),
            stamp(user.first_seen),
            distance(user.last_seen, screen.now),
        ]);
    }
    screen.show(&table)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::admin::tests::people;

    #[test]
    fn a_user_is_shown_with_when_it_was_seen() {
        let users = json!({"data": [
            {"user": "ana", "first_seen": 1_795_444_158, "last_seen": 1_795_654_758, "submitted": 12}]});
        insta::assert_snapshot!(people(users, table), @r"
        USER  SUBMITTED  FIRST SEEN            LAST SEEN
        ana          12  2026-11-23T14:29:18Z  90 s ago
        ");
    }
}
