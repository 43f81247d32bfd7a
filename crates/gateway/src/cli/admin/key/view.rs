//! Keys as people see them.

use std::time::Duration;

use evogate_models::credits::Decimal;
use serde::Deserialize;

use crate::cli::admin::money::amount;
use crate::cli::admin::screen::Screen;
use crate::cli::admin::table::{Set, Table, or_nothing};
use crate::cli::admin::times::{both, distance, span};

#[derive(Debug, Deserialize)]
pub(super) struct Keys {
    data: Vec<Key>,
}

/// A key as the gateway shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Key {
    id: String,
    tenant: String,
    name: String,
    user: Option<String>,
    scopes: Vec<String>,
    created: i64,
    expires: Option<i64>,
    last_used: Option<i64>,
    credit_cap: Option<Decimal>,
    secrets: Vec<KeySecret>,
}

#[derive(Debug, Deserialize)]
struct KeySecret {
    /// None: for as long as the key.
    until: Option<i64>,
}

impl Key {
    fn expires(&self, screen: &Screen) -> String {
        match self.expires {
            Some(expires) => distance(expires, screen.now),
            None => "never".to_owned(),
        }
    }

    /// Until when the old secrets count that still do.
    fn old(&self, screen: &Screen) -> Option<String> {
        let until = self
            .secrets
            .iter()
            .filter_map(|secret| secret.until)
            .max()?;
        let left = u64::try_from(until.saturating_sub(screen.now.seconds())).ok();
        left.filter(|left| *left > 0)
            .map(|left| format!("counts for {} more", span(Duration::from_secs(left))))
    }
}

/// A tenant's keys.
pub(super) fn table(keys: &Keys, screen: &Screen) -> String {
    let mut table = Table::new(&[
        ("key", Set::Firm),
        ("name", Set::Text),
        ("user", Set::Text),
        ("scopes", Set::Text),
        ("expires", Set::Firm),
        ("last used", Set::Firm),
        ("credit cap", Set::Right),
    ]);
    for key in &keys.data {
        table.row([
            key.id.clone(),
            key.name.clone(),
            or_nothing(key.user.as_deref()).to_owned(),
            key.scopes.join(" "),
            key.expires(screen),
            distance(key.last_used, screen.now),
            amount(key.credit_cap),
        ]);
    }
    screen.show(&table)
}

/// One, without its secret.
pub(super) fn details(key: &Key, screen: &Screen) -> Table {
    let mut table = Table::pairs();
    table.pair("id", &key.id);
    table.pair("tenant", &key.tenant);
    table.pair("name", &key.name);
    table.pair_if("user", key.user.as_deref());
    table.pair("scopes", key.scopes.join(" "));
    table.pair("created", both(key.created, screen.now));
    match key.expires {
        Some(expires) => table.pair("expires", both(expires, screen.now)),
        None => table.pair("expires", "never"),
    }
    table.pair_if("credit cap", key.credit_cap.map(amount));
    table.pair_if("old secret", key.old(screen));
    table
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::admin::tests::{people, screen};

    fn key() -> Value {
        json!({"id": "key_1", "tenant": "studio", "name": "batch jobs", "user": "ana", "scopes": ["generate", "read"],
            "created": 1_795_444_158, "expires": 1_803_220_158, "last_used": 1_795_654_728, "credit_cap": 250.5,
            "secrets": [{"until": 1_795_658_448}, {"until": null}]})
    }

    #[test]
    fn keys_are_a_line_each() {
        let plain = json!({"id": "key_22", "tenant": "studio", "name": "key", "user": null, "scopes": ["read"],
            "created": 1, "expires": null, "last_used": null, "credit_cap": null, "secrets": [{"until": null}]});
        insta::assert_snapshot!(people(json!({"data": [key(), plain]}), table), @r"
        KEY     NAME        USER  SCOPES         EXPIRES  LAST USED  CREDIT CAP
        key_1   batch jobs  ana   generate read  in 87 d  2 min ago     250.500
        key_22  key         -     read           never    -                   -
        ");
    }

    #[test]
    fn a_new_secret_says_how_long_the_old_one_counts() {
        let shown = people(key(), |key, screen| screen.show(&details(key, screen)));
        insta::assert_snapshot!(shown, @r"
        id          key_1
        tenant      studio
        name        batch jobs
        user        ana
        scopes      generate read
        created     2026-11-23T14:29:18Z (2 d ago)
        expires     2027-02-21T14:29:18Z (in 87 d)
        credit cap  250.500
        old secret  counts for 60 min more
        ");
        let mut late = key();
        late["secrets"][0]["until"] = 1.into();
        let late: Key = serde_json::from_value(late).unwrap();
        assert_eq!(late.old(&screen()), None);
    }
}
