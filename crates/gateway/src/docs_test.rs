//! `docs/errors.md` against the closed list of error codes: a page that clients decide by must be
//! complete and must not promise what nobody answers.

use std::collections::BTreeSet;

use evogate_models::ErrorCode;

const ERRORS: &str = include_str!("../../../docs/errors.md");

/// The cells of a table's row; none where the line is no row.
fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(row.split('|').map(str::trim).collect())
}

/// What stands in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Everything in backticks in the columns that are headed `code`, of every table.
fn documented(page: &str) -> Vec<&str> {
    let mut codes = Vec::new();
    let mut column = None;
    let mut in_table = false;
    for line in page.lines() {
        let Some(cells) = cells(line) else {
            in_table = false;
            continue;
        };
        if in_table {
            let cell = column.and_then(|column: usize| cells.get(column));
            codes.extend(cell.into_iter().flat_map(|cell| quoted(cell)));
        } else {
            in_table = true;
            column = cells.iter().position(|cell| *cell == "code");
        }
    }
    codes
}

#[test]
fn every_error_code_is_documented_and_no_other() {
    let documented: BTreeSet<&str> = documented(ERRORS).into_iter().collect();
    let answered: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let missing: Vec<_> = answered.difference(&documented).collect();
    let unknown: Vec<_> = documented.difference(&answered).collect();
    assert!(missing.is_empty(), "not in docs/errors.md: {missing:?}");
    assert!(unknown.is_empty(), "no code of ours: {unknown:?}");
}

#[test]
fn only_columns_headed_code_are_read() {
    let page = "`a`\n\n| HTTP | code |\n|---|---|\n| `b` | `c`, `d` |\n| 400 | |\n\n| other |\n|---|\n| `e` |\n";
    assert_eq!(documented(page), ["c", "d"]);
}
