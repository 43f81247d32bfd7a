//! Unknown submits as people see them.

use evogate_models::credits::Decimal;
use serde::Deserialize;

use crate::cli::admin::money::amount;
use crate::cli::admin::screen::Screen;
use crate::cli::admin::table::{NOTHING, Set, Table, or_nothing};
use crate::cli::admin::times::{both, distance, stamp};

/// A submit as the gateway shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Unknown {
    pub(super) id: String,
    tenant: String,
    model: String,
    created: i64,
    since: i64,
    until: i64,
    why: String,
    credits_held: Decimal,
    /// None: EvoLink's list could not be read.
    candidates: Option<Vec<Candidate>>,
}

#[derive(Debug, Deserialize)]
struct Candidate {
    upstream_id: String,
    model: Option<String>,
    created: Option<i64>,
    status: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Decided {
    id: String,
    tenant: String,
    state: String,
    credits_held: Decimal,
    credits_charged: Decimal,
}

pub(super) fn decided(decided: &Decided, screen: &Screen) -> String {
    let mut table = Table::pairs();
    table.pair("task", &decided.id);
    table.pair("tenant", &decided.tenant);
    table.pair("state", &decided.state);
    table.pair("held", amount(decided.credits_held));
    table.pair("charged", amount(decided.credits_charged));
    screen.show(&table)
}

pub(super) fn table(unknown: &[Unknown], screen: &Screen) -> String {
    let mut table = Table::new(&[
        ("task", Set::Firm),
        ("tenant", Set::Firm),
        ("model", Set::Firm),
        ("held", Set::Right),
        ("since", Set::Firm),
        ("lost", Set::Firm),
        ("candidates", Set::Right),
        ("why", Set::Text),
    ]);
    for one in unknown {
        let candidates = one.candidates.as_ref().map(|all| all.len().to_string());
        table.row([
            one.id.clone(),
            one.tenant.clone(),
            one.model.clone(),
            amount(one.credits_held),
            distance(one.since, screen.now),
            distance(one.until, screen.now),
            or_nothing(candidates.as_deref()).to_owned(),
            one.why.clone(),
        ]);
    }
    screen.show(&table)
}

pub(super) fn details(one: &Unknown, screen: &Screen) -> String {
    let mut table = Table::pairs();
    table.pair("task", &one.id);
    table.pair("tenant", &one.tenant);
    table.pair("model", &one.model);
    table.pair("held", amount(one.credits_held));
    table.pair("created", both(one.created, screen.now));
    table.pair("unknown since", both(one.since, screen.now));
    table.pair("lost", both(one.until, screen.now));
    table.pair("why", &one.why);
    let found = match &one.candidates {
        None => "EvoLink's own list could not be read".to_owned(),
        Some(none) if none.is_empty() => "nothing in EvoLink's own list could be it".to_owned(),
        Some(candidates) => {
            let mut table = Table::new(&[
                ("EvoLink's task", Set::Firm),
                ("model", Set::Firm),
                ("created", Set::Firm),
                ("status", Set::Firm),
            ]);
            for candidate in candidates {
                table.row([
                    candidate.upstream_id.as_str(),
                    or_nothing(candidate.model.as_deref()),
                    &stamp(candidate.created),
                    candidate.status.as_deref().unwrap_or(NOTHING),
                ]);
            }
            screen.show(&table)
        }
    };
    format!("{}\n\n{found}", screen.show(&table))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::admin::tests::people;

    fn unknown(candidates: &Value) -> Value {
        json!({"id": "task-unified-1795654184-bfbj884x", "tenant": "studio", "model": "seedance-2.0",
            "created": 1_795_654_184, "since": 1_795_654_204, "until": 1_795_672_848, "why": "HTTP 502",
            "credits_held": 17.784, "candidates": candidates})
    }

    #[test]
    fn it_is_told_since_when_and_until_when_it_is_unknown() {
        let list: Vec<Unknown> = [json!([{"upstream_id": "a"}]), json!([]), Value::Null]
            .map(|candidates| serde_json::from_value(unknown(&candidates)).unwrap())
            .into();
        let screen = crate::cli::admin::tests::screen();
        insta::assert_snapshot!(table(&list, &screen), @r"
        TASK                              TENANT  MODEL           HELD  SINCE       LOST    CANDIDATES  WHY
        task-unified-1795654184-bfbj884x  studio  seedance-2.0  17.784  10 min ago  in 5 h           1  HTTP 502
        task-unified-1795654184-bfbj884x  studio  seedance-2.0  17.784  10 min ago  in 5 h           0  HTTP 502
        task-unified-1795654184-bfbj884x  studio  seedance-2.0  17.784  10 min ago  in 5 h           -  HTTP 502
        ");
    }

    #[test]
    fn what_could_be_it_is_listed() {
        let candidate = json!({"upstream_id": "task-unified-1795654183-o8632e0n", "model": "seedance-2.0",
            "created": 1_795_654_183, "status": null});
        insta::assert_snapshot!(people(unknown(&json!([candidate])), details), @r"
        task           task-unified-1795654184-bfbj884x
        tenant         studio
        model          seedance-2.0
        held           17.784
        created        2026-11-26T00:49:44Z (11 min ago)
        unknown since  2026-11-26T00:50:04Z (10 min ago)
        lost           2026-11-26T06:00:48Z (in 5 h)
        why            HTTP 502

        EVOLINK'S TASK                    MODEL         CREATED               STATUS
        task-unified-1795654183-o8632e0n  seedance-2.0  2026-11-26T00:49:43Z  -
        ");
        let none = people(unknown(&json!([])), details);
        assert!(
            none.ends_with("nothing in EvoLink's own list could be it"),
            "{none}"
        );
        let unread = people(unknown(&Value::Null), details);
        assert!(unread.ends_with("could not be read"), "{unread}");
    }
}
