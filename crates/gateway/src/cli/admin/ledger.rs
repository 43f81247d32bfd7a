//! `evogate ledger`: the proof of the books, and the books as a file.

mod file;

use std::path::PathBuf;

use clap::Subcommand;
use evogate_models::credits::Decimal;
use serde::Deserialize;

use super::money::amount;
use super::screen::Screen;
use super::table::{Set, Table, or_nothing};
use super::{Order, Session, help};
use crate::cli::remote::Problem;

#[derive(Debug, Subcommand)]
#[command(after_help = help!(
    "evogate ledger verify || alert 'the books are wrong'"
    "evogate ledger export --out books.ndjson"
    "evogate ledger import books.ndjson --url http://127.0.0.1:8090"
))]
pub(in crate::cli) enum Command {
    /// Add up every journal and compare. Exit code 1 when something is wrong.
    Verify,
    /// Write the books to a file: enough to rebuild every balance in an empty store.
    Export {
        /// Where to: a file that is not there yet, or - for stdout.
        #[arg(long, value_name = "FILE", default_value = "-")]
        out: PathBuf,
    },
    /// Take an export into the empty store of another gateway.
    Import {
        /// What `evogate ledger export` wrote.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// What was found.
#[derive(Debug, Deserialize)]
struct Verified {
    tenants: u64,
    violations: Vec<Violation>,
    platform_loss: Decimal,
}

#[derive(Debug, Deserialize)]
struct Violation {
    /// None: the platform's own books.
    tenant: Option<String>,
    what: String,
}

impl Order for Command {
    async fn run(self, session: &Session) -> Result<(), Problem> {
        match self {
            Self::Verify => verify(session).await,
            Self::Export { out } => file::export(session, &out).await,
            Self::Import { file } => file::import(session, &file).await,
        }
    }
}

async fn verify(session: &Session) -> Result<(), Problem> {
    let answer = session.api.get("/ledger/verify").await?;
    session.screen.print(&answer, shown)?;
    let Verified { violations, .. } = answer.read()?;
    match violations.len() {
        0 => Ok(()),
        count => {
            let why = format_args!("the books are wrong ({count} violations)");
            Err(Problem::new("ledger_violated", why))
        }
    }
}

fn shown(verified: &Verified, screen: &Screen) -> String {
    let mut summary = Table::pairs();
    summary.pair("tenants", verified.tenants.to_string());
    summary.pair("violations", verified.violations.len().to_string());
    summary.pair("platform loss", amount(verified.platform_loss));
    let summary = screen.show(&summary);
    if verified.violations.is_empty() {
        return summary;
    }
    let mut table = Table::new(&[("tenant", Set::Firm), ("what", Set::Text)]);
    for violation in &verified.violations {
        table.row([or_nothing(violation.tenant.as_deref()), &violation.what]);
    }
    format!("{summary}\n\n{}", screen.show(&table))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::admin::tests::people;

    #[test]
    fn what_is_wrong_is_listed() {
        let verified = json!({"tenants": 2, "platform_loss": 8, "violations": [
            {"tenant": "studio", "what": "held is 17.784, the journal says 0"},
            {"tenant": null, "what": "the platform's loss"}]});
        insta::assert_snapshot!(people(verified, shown), @r"
        tenants        2
        violations     2
        platform loss  8.000

        TENANT  WHAT
        studio  held is 17.784, the journal says 0
        -       the platform's loss
        ");
    }
}
