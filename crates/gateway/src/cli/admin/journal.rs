//! `evogate journal`: every change of a tenant's credits, in order, to the end.

use clap::Args;
use evogate_models::TenantId;
use evogate_models::credits::Decimal;
use serde::Deserialize;

use super::api::Query;
use super::money::amount;
use super::pages::{Entry, Pages, read};
use super::screen::Screen;
use super::table::{NOTHING, Set, Table, or_nothing};
use super::{Order, Session, help};
use crate::cli::remote::Problem;
use crate::csv;

const COLUMNS: [&str; 9] = [
    "seq",
    "at",
    "kind",
    "available",
    "held",
    "spent",
    "task",
    "note",
    "by",
];

#[derive(Debug, Args)]
#[command(after_help = help!(
    "evogate journal studio"
    "evogate journal studio --csv > studio.csv"
    "evogate journal studio --after 10452 --ndjson | jq -c 'select(.kind == \"settled\")'"
))]
pub(in crate::cli) struct Arguments {
    /// Whose.
    tenant: TenantId,
    /// Only what comes after this entry.
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// So many entries at most; by default all of them.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// One JSON object a line, as they come.
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    ndjson: bool,
    /// As CSV, for a spreadsheet.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// An entry as the gateway shows it: the columns are changes.
#[derive(Debug, Deserialize)]
struct Posting {
    seq: u64,
    at: String,
    kind: String,
    available: Decimal,
    held: Decimal,
    spent: Decimal,
    task: Option<String>,
    note: Option<String>,
    by: Option<String>,
}

impl Order for Arguments {
    async fn run(self, session: &Session) -> Result<(), Problem> {
        let path = format!("/tenants/{}/journal", self.tenant);
        let query = Query::default().with("after", self.after);
        let mut pages = Pages::new(&session.api, &path, query, "after", self.limit);
        let screen = &session.screen;
        if self.csv || self.ndjson {
            let line = |entry: &Entry| {
                if self.csv {
                    csv_line(entry)
                } else {
                    Ok(format!("{}\n", entry.get()))
                }
            };
            let mut heard = !self.csv || screen.stream(&csv::line(COLUMNS));
            while heard && let Some(page) = pages.next().await? {
                let lines: Result<String, Problem> = page.iter().map(line).collect();
                heard = screen.stream(&lines?);
            }
            return Ok(());
        }
        let journal = pages.joined().await?;
        if screen.json {
            return screen.print_joined(&journal);
        }
        screen.say(&table(&journal.read()?, screen));
        Ok(())
    }
}

fn csv_line(entry: &Entry) -> Result<String, Problem> {
    let posting: Posting = read(entry)?;
    let amounts = [posting.available, posting.held, posting.spent];
    let [available, held, spent] = amounts.map(|amount| amount.0.to_decimal());
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let fields = [
        posting.seq.to_string(),
        posting.at,
        posting.kind,
        available,
        held,
        spent,
        text(&posting.task),
        text(&posting.note),
        text(&posting.by),
    ];
    Ok(csv::line(fields.iter().map(String::as_str)))
}

fn table(journal: &[Posting], screen: &Screen) -> String {
    let mut table = Table::new(&COLUMNS.map(|name| {
        let set = match name {
            "seq" | "available" | "held" | "spent" => Set::Right,
            "note" | "by" => Set::Text,
            _ => Set::Firm,
        };
        (name, set)
    }));
    for posting in journal {
        table.row([
            posting.seq.to_string(),
            posting.at.clone(),
            posting.kind.clone(),
            changed(posting.available),
            changed(posting.held),
            changed(posting.spent),
            or_nothing(posting.task.as_deref()).to_owned(),
            or_nothing(posting.note.as_deref()).to_owned(),
            or_nothing(posting.by.as_deref()).to_owned(),
        ]);
    }
    screen.show(&table)
}

/// A change; a dash where there is none.
fn changed(by: Decimal) -> String {
    if by.0.is_zero() {
        NOTHING.to_owned()
    } else {
        amount(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::admin::tests::screen;

    const HELD: &str = r#"{"at":"2026-11-26T00:49:44.412Z","available":-17.784,"by":null,"held":17.784,"kind":"held",
        "note":null,"seq":2,"spent":0,"task":"task-unified-1795654184-bfbj884x"}"#;
    const GRANTED: &str = r#"{"at":"2026-11-26T00:46:08.078Z","available":9007199254.740991,"by":"Ada","held":0,
        "kind":"granted","note":"=first, \"start\"","seq":1,"spent":0,"task":null}"#;

    #[test]
    fn a_journal_shows_what_changed() {
        let entries = [GRANTED, HELD].map(|entry| serde_json::from_str(entry).unwrap());
        insta::assert_snapshot!(table(&entries, &screen()), @r#"
        SEQ  AT                        KIND             AVAILABLE    HELD  SPENT  TASK                              NOTE             BY
          1  2026-11-26T00:46:08.078Z  granted  9007199254.740991       -      -  -                                 =first, "start"  Ada
          2  2026-11-26T00:49:44.412Z  held               -17.784  17.784      -  task-unified-1795654184-bfbj884x  -                -
        "#);
    }

    #[test]
    fn in_csv_amounts_are_exact_and_texts_are_no_formulas() {
        let lines = [GRANTED, HELD].map(|entry| {
            csv_line(&serde_json::value::RawValue::from_string(entry.to_owned()).unwrap()).unwrap()
        });
        assert_eq!(
            lines.concat(),
            "1,2026-11-26T00:46:08.078Z,granted,9007199254.740991,0,0,,\"'=first, \"\"start\"\"\",Ada\r\n\
             2,2026-11-26T00:49:44.412Z,held,-17.784,17.784,0,task-unified-1795654184-bfbj884x,,\r\n"
        );
    }
}
