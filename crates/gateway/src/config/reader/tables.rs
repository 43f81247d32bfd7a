//! Lists of tables, such as `[[auth.issuers]]`.

use std::collections::BTreeSet;

use figment::value::{Dict, Value};

use super::{Problem, Reader};
use crate::config::setting::toml_value;

impl Reader {
    /// Reads each table of the list `key`, none where it is absent. `read` takes a table's keys by their
    /// full names (`auth.issuers.name`), as if there were one table only; in faults the table's `name`,
    /// or else its number, stands between the two (`auth.issuers.corp.audience`).
    pub(in crate::config) fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.known.insert(key);
        // Which keys a table has shows when one is read: an empty one, for there may be none.
        let mut blank = self.table(key, Dict::new().into());
        let _ = read(&mut blank);
        self.known.append(&mut blank.known);

        let Some(raw) = self.raw(key) else {
            return Some(Vec::new());
        };
        let parsed = raw
            .scalar()
            .and_then(|text| Value::serialize(toml_value(text)?).ok());
        let Value::Array(_, items) = parsed.as_ref().unwrap_or(raw.value) else {
            self.problem(key, format!("must be a list of tables: write [[{key}]]"));
            return None;
        };
        let items = items.clone();
        let set_by = raw.value.clone();
        let set_by = self.set_by(&set_by);
        let mut found = Some(Vec::new());
        for (index, item) in items.into_iter().enumerate() {
            let label = label(&item, index);
            let mut table = self.table(key, item);
            let one = read(&mut table);
            let problems = table.finish();
            found = found
                .zip(one.filter(|_| problems.is_empty()))
                .map(|(mut all, one)| {
                    all.push(one);
                    all
                });
            self.problems.extend(problems.into_iter().map(|problem| {
                let rest = problem.key.strip_prefix(key).unwrap_or_default();
                Problem {
                    key: format!("{key}.{label}{rest}"),
                    set_by: problem.set_by.or_else(|| set_by.clone()),
                    reason: problem.reason,
                }
            }));
        }
        found
    }

    /// A reader for which `table` is all there is, at `key`.
    fn table(&self, key: &str, table: Value) -> Self {
        let root = key.rsplit('.').fold(table, |inner, part| {
            Dict::from_iter([(part.to_owned(), inner)]).into()
        });
        Self {
            layers: self.layers.clone(),
            root,
            known: BTreeSet::new(),
            problems: Vec::new(),
        }
    }
}

/// What a table of a list is called in a fault.
fn label(table: &Value, index: usize) -> String {
    let name = table.find_ref("name").and_then(Value::as_str);
    let simple = |name: &&str| {
        (1..=32).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    match name.filter(simple) {
        Some(name) => name.to_owned(),
        None => index.saturating_add(1).to_string(),
    }
}
