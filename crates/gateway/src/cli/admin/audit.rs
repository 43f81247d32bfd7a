//! `evogate audit`: who changed what.

use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use super::api::Query;
use super::diff::diff;
use super::pages::Pages;
use super::screen::Screen;
use super::table::{Set, Table, or_nothing};
use super::{Order, Session, help};
use crate::cli::remote::Problem;

#[derive(Debug, Args)]
#[command(after_help = help!(
    "evogate audit --limit 10"
    "evogate audit --limit 10 --before 1204"
    "evogate audit --json | jq '.data[] | select(.target == \"studio\")'"
))]
pub(in crate::cli) struct Arguments {
    /// So many changes at most, the newest first.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Only what comes before this one.
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
}

/// A change as the gateway shows it.
#[derive(Debug, Deserialize)]
struct Change {
    seq: u64,
    at: String,
    who: String,
    from: Option<String>,
    action: String,
    target: String,
    before: Value,
    after: Value,
}

impl Order for Arguments {
    async fn run(self, session: &Session) -> Result<(), Problem> {
        let query = Query::default().with("before", self.before);
        let pages = Pages::new(&session.api, "/audit", query, "before", Some(self.limit));
        let trail = pages.joined().await?;
        let screen = &session.screen;
        if screen.json {
            return screen.print_joined(&trail);
        }
        screen.say(&table(&trail.read()?, screen));
        Ok(())
    }
}

fn table(trail: &[Change], screen: &Screen) -> String {
    let mut table = Table::new(&[
        ("seq", Set::Right),
        ("at", Set::Firm),
        ("who", Set::Text),
        ("from", Set::Firm),
        ("action", Set::Firm),
        ("target", Set::Firm),
        ("change", Set::Text),
    ]);
    for change in trail {
        table.row([
            &change.seq.to_string(),
            change.at.as_str(),
            &change.who,
            or_nothing(change.from.as_deref()),
            &change.action,
            &change.target,
            &diff(&change.before, &change.after),
        ]);
    }
    screen.show(&table)
}
